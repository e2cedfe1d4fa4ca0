#include "rows/published_headings.h"

#include <algorithm>
#include <utility>

#include "base/text.h"

namespace perfbench {
namespace {

constexpr std::string_view kTokens = "tokens/s/GPU", kTflops = "TFLOP/s/GPU";

constexpr PublishedHeading kHeadings[] = {
    {"model", "model"},
    {"modelname", "model"},
    {"models", "model"},
    {"gpus", "num_gpus"},
    {"numgpus", "num_gpus"},
    {"ngpus", "num_gpus"},
    {"numberofgpus", "num_gpus"},
    {"noofgpus", "num_gpus"},
    {"gpucount", "num_gpus"},
    {"totalgpus", "num_gpus"},
    {"worldsize", "num_gpus"},
    {"gbs", "gbs"},
    {"globalbatch", "gbs"},
    {"globalbatchsize", "gbs"},
    {"globalbatchsizegbs", "gbs"},
    {"globalbs", "gbs"},
    {"mbs", "mbs"},
    {"microbatch", "mbs"},
    {"microbatchsize", "mbs"},
    {"microbatchsizembs", "mbs"},
    {"microbs", "mbs"},
    {"lbs", "lbs"},
    {"localbatch", "lbs"},
    {"localbatchsize", "lbs"},
    {"seq", "seq_len"},
    {"seqlen", "seq_len"},
    {"seqlength", "seq_len"},
    {"sequencelen", "seq_len"},
    {"sequencelength", "seq_len"},
    {"maxseqlength", "seq_len"},
    {"maxsequencelength", "seq_len"},
    {"contextlength", "seq_len"},
    {"seqlenk", "seq_len", "", 1024},
    {"sequencelengthk", "seq_len", "", 1024},
    {"packedseqlength", "seq_len"},
    {"packedsequencelength", "seq_len"},
    {"fsdp", "fsdp"},
    {"tp", "tp"},
    {"tpsize", "tp"},
    {"tensorparallel", "tp"},
    {"tensorparallelsize", "tp"},
    {"tensorparallelism", "tp"},
    {"tensormodelparallelsize", "tp"},
    {"pp", "pp"},
    {"ppsize", "pp"},
    {"pipelineparallel", "pp"},
    {"pipelineparallelsize", "pp"},
    {"pipelineparallelism", "pp"},
    {"pipelinemodelparallelsize", "pp"},
    {"cp", "cp"},
    {"cpsize", "cp"},
    {"contextparallel", "cp"},
    {"contextparallelsize", "cp"},
    {"contextparallelism", "cp"},
    {"vp", "vp"},
    {"vpp", "vp"},
    {"vpsize", "vp"},
    {"virtualpipeline", "vp"},
    {"virtualpipelineparallel", "vp"},
    {"virtualpipelineparallelsize", "vp"},
    {"ep", "ep"},
    {"epsize", "ep"},
    {"expertparallel", "ep"},
    {"expertparallelsize", "ep"},
    {"expertparallelism", "ep"},
    {"dp", "dp"},
    {"dpsize", "dp"},
    {"dataparallel", "dp"},
    {"dataparallelsize", "dp"},
    {"dataparallelism", "dp"},
    {"ga", "ga"},
    {"gradaccum", "ga"},
    {"gradaccumsteps", "ga"},
    {"gradientaccumulation", "ga"},
    {"gradientaccumulations", "ga"},
    {"gradientaccumulationsteps", "ga"},
    {"numgradientaccumulations", "ga"},
    {"timeperglobalsteps", "step_time_s", "s"},
    {"timepersteps", "step_time_s", "s"},
    {"timeperstepsec", "step_time_s", "s"},
    {"steptimes", "step_time_s", "s"},
    {"steptimesec", "step_time_s", "s"},
    {"steptimeseconds", "step_time_s", "s"},
    {"globalsteptimes", "step_time_s", "s"},
    {"trainsteptimes", "step_time_s", "s"},
    {"trainingsteptimes", "step_time_s", "s"},
    {"trainingsteptimesecondsperstep", "step_time_s", "s"},
    {"iterationtimes", "step_time_s", "s"},
    {"iterationtimesec", "step_time_s", "s"},
    {"secondsperstep", "step_time_s", "s"},
    {"secstep", "step_time_s", "s"},
    {"sstep", "step_time_s", "s"},
    {"timeperglobalstepms", "step_time_s", "ms", 1e-3},
    {"timeperstepms", "step_time_s", "ms", 1e-3},
    {"steptimems", "step_time_s", "ms", 1e-3},
    {"globalsteptimems", "step_time_s", "ms", 1e-3},
    {"trainsteptimems", "step_time_s", "ms", 1e-3},
    {"iterationtimems", "step_time_s", "ms", 1e-3},
    {"elapsedtimeperiterationms", "step_time_s", "ms", 1e-3},
    {"msstep", "step_time_s", "ms", 1e-3},
    {"msperstep", "step_time_s", "ms", 1e-3},
    {"timeperglobalstep", "step_time_s", kUnknownUnit},
    {"timeperstep", "step_time_s", kUnknownUnit},
    {"steptime", "step_time_s", kUnknownUnit},
    {"iterationtime", "step_time_s", kUnknownUnit},
    {"tokenssecgpu", "tokens_per_s_per_gpu", kTokens},
    {"tokenssecondgpu", "tokens_per_s_per_gpu", kTokens},
    {"tokenssgpu", "tokens_per_s_per_gpu", kTokens},
    {"tokensgpus", "tokens_per_s_per_gpu", kTokens},
    {"tokensgpusec", "tokens_per_s_per_gpu", kTokens},
    {"tokensgpusecond", "tokens_per_s_per_gpu", kTokens},
    {"tokensspergpu", "tokens_per_s_per_gpu", kTokens},
    {"tokenssecpergpu", "tokens_per_s_per_gpu", kTokens},
    {"tokenspersecpergpu", "tokens_per_s_per_gpu", kTokens},
    {"tokenspersecgpu", "tokens_per_s_per_gpu", kTokens},
    {"tokenspersecondpergpu", "tokens_per_s_per_gpu", kTokens},
    {"tokenspergpupersec", "tokens_per_s_per_gpu", kTokens},
    {"tokenspergpupersecond", "tokens_per_s_per_gpu", kTokens},
    {"toksgpu", "tokens_per_s_per_gpu", kTokens},
    {"tokssgpu", "tokens_per_s_per_gpu", kTokens},
    {"toksecgpu", "tokens_per_s_per_gpu", kTokens},
    {"tpsgpu", "tokens_per_s_per_gpu", kTokens},
    {"throughputtokenssgpu", "tokens_per_s_per_gpu", kTokens},
    {"throughputtokenssecgpu", "tokens_per_s_per_gpu", kTokens},
    {"tflopgpu", "model_tflops_per_gpu", kTflops},
    {"tflopsgpu", "model_tflops_per_gpu", kTflops},
    {"tflopsgpus", "model_tflops_per_gpu", kTflops},
    {"tflopsgpusec", "model_tflops_per_gpu", kTflops},
    {"tflopssgpu", "model_tflops_per_gpu", kTflops},
    {"tflopsecgpu", "model_tflops_per_gpu", kTflops},
    {"tflopssecgpu", "model_tflops_per_gpu", kTflops},
    {"tflopspergpu", "model_tflops_per_gpu", kTflops},
    {"tflopsspergpu", "model_tflops_per_gpu", kTflops},
    {"tflopspersecpergpu", "model_tflops_per_gpu", kTflops},
    {"tflopspersecondpergpu", "model_tflops_per_gpu", kTflops},
    {"modeltflopgpu", "model_tflops_per_gpu", kTflops},
    {"modeltflopsgpu", "model_tflops_per_gpu", kTflops},
    {"modeltflopssgpu", "model_tflops_per_gpu", kTflops},
    {"modeltflopsecgpu", "model_tflops_per_gpu", kTflops},
    {"modeltflopssecgpu", "model_tflops_per_gpu", kTflops},
    {"modeltflopspergpu", "model_tflops_per_gpu", kTflops},
    {"achievedtflopsgpu", "model_tflops_per_gpu", kTflops},
    {"throughputtflopsgpu", "model_tflops_per_gpu", kTflops},
    {"throughputtflopssgpu", "model_tflops_per_gpu", kTflops},
    {"task", "task"},
    {"tasktype", "task"},
    {"gpu", "system"},
    {"gputype", "system"},
    {"gpumodel", "system"},
    {"system", "system"},
    {"hardware", "system"},
    {"accelerator", "system"},
    {"precision", "precision"},
    {"dtype", "precision"},
    {"datatype", "precision"},
    {"computedtype", "precision"},
    {"sp"},
    {"sequenceparallel"},
    {"etp"},
    {"experttensorparallel"},
    {"kerneloptimizations"},
    {"optimizations"},
    {"shardingstrategy"},
    {"compile"},
    {"recompute", "recompute"},
    {"activationrecomputation", "recompute"},
    {"activationcheckpointing", "recompute"},
    {"cudagraphs"},
    {"container"},
    {"mfu"},
    {"mfupercent"},
    {"modelflopsutilization"},
    {"hfu"},
    {"throughputintokenspersecond", "", "tokens/s"},
    {"esttimetotrainindays10ttokens1kgpus"},
    {"esttimetofinetuneinmins10mtokens"},
    {"memorygib", "", "GiB"},
    {"memorygb", "", "GB"},
    {"peakmemorygib", "", "GiB"},
    {"peakmemorygb", "", "GB"},
    {"samplessec", "", "samples/s"},
    {"sampless", "", "samples/s"},
    {"notes"},
    {"comments"},
};

}  // namespace

std::span<const PublishedHeading> published_headings() { return kHeadings; }

std::string heading_key(std::string_view heading) {
  std::string key;
  for (const char c : lower(heading))
    if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) key += c;
  return key;
}

namespace {

// Words that say nothing of what a column holds.
constexpr std::string_view kFillers[] = {"of",      "the", "number", "num",    "no",    "nr",  "nb",
                                         "average", "avg", "mean",   "median", "total", "per", "and"};
// Words of the same meaning, as the keys above spell them.
constexpr std::pair<std::string_view, std::string_view> kSpellings[] = {
    {"second", "sec"},   {"seconds", "sec"},     {"tok", "tokens"},     {"toks", "tokens"},
    {"token", "tokens"}, {"tflop", "tflops"},    {"sample", "samples"}, {"iteration", "step"},
    {"iter", "step"},    {"batchsize", "batch"}, {"size", ""},          {"parallelism", "parallel"}};

// The key of the heading's words without fillers, each in its usual spelling.
std::string plain_key(std::string_view heading) {
  std::string key, word;
  const auto take = [&] {
    for (const auto& [written, usual] : kSpellings)
      if (word == written) word = usual;
    if (std::find(std::begin(kFillers), std::end(kFillers), word) == std::end(kFillers)) key += word;
    word.clear();
  };
  for (const char c : lower(heading)) {
    if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) {
      word += c;
    } else {
      take();
    }
  }
  take();
  return key;
}

const PublishedHeading* find_key(std::string_view key) {
  const auto found =
      std::find_if(std::begin(kHeadings), std::end(kHeadings), [&](const auto& h) { return h.key == key; });
  return found == std::end(kHeadings) ? nullptr : found;
}

}  // namespace

const PublishedHeading* find_heading(std::string_view heading) {
  if (const PublishedHeading* found = find_key(heading_key(heading))) return found;
  return find_key(plain_key(heading));
}

std::string heading_hint(std::string_view heading) {
  std::vector<std::string> known;
  known.reserve(std::size(kHeadings));
  for (const PublishedHeading& entry : kHeadings) known.emplace_back(entry.key);
  const std::vector<std::string> near = nearest(heading_key(heading), known);
  if (!near.empty()) return "did you mean " + join(near, ", ") + "? (letters and digits of the heading)";
  return "known are model, gpus, gbs, mbs, seqlength, tp, pp, cp, vp, ep, fsdp, ga, steptimes, tokenssecgpu, "
         "tflopsgpu and others";
}

}  // namespace perfbench
