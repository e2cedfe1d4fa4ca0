// Rules about GPUs, batches and the pipeline.
#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <iterator>

#include "base/text.h"
#include "job/job_rules.h"
#include "job/request_fields.h"

namespace perfbench {

namespace {

using Broken = BrokenRule;

Broken gpus_divide(const JobDraft& d) {
  const ParallelLayout& l = d.job.layout;
  const std::int64_t one_replica = std::int64_t{l.tp} * l.pp * l.cp;
  if (d.job.num_gpus % one_replica == 0) return std::nullopt;
  return Problem{
      place_of(d.request, {"num_gpus", "tp", "pp", "cp"}),
      fmt::format("tp {} x pp {} x cp {} = {} does not divide num_gpus {}", l.tp, l.pp, l.cp, one_replica,
                  d.job.num_gpus),
      fmt::format("use a multiple of {} GPUs: {}", one_replica, multiples_near(d.job.num_gpus, one_replica))};
}

Broken batch_divides(const JobDraft& d) {
  const Job& j = d.job;
  if (j.layout.dp == 0) return std::nullopt;
  const std::int64_t per_microbatch = j.mbs * j.layout.dp;
  if (j.gbs % per_microbatch == 0) return std::nullopt;
  return Problem{
      place_of(d.request, {"gbs", "mbs", "num_gpus", "tp", "pp", "cp"}),
      fmt::format("gbs {} is not divisible by mbs {} x dp {} = {}", j.gbs, j.mbs, j.layout.dp, per_microbatch),
      fmt::format("use a gbs of {}", multiples_near(j.gbs, per_microbatch))};
}

Broken batch_in_range(const JobDraft& d) {
  const Job& j = d.job;
  if (j.layout.dp == 0 || j.gbs > 0) return std::nullopt;
  return Problem{place_of(d.request, {"ga"}),
                 fmt::format("the gbs of ga {} at mbs {} and dp {} is over {}", d.request.ga.value_or(0), j.mbs,
                             j.layout.dp, limits_of("gbs").most),
                 "use a smaller ga"};
}

Broken local_batch_divides(const JobDraft& d) {
  const Job& j = d.job;
  if (j.lbs == 0 || j.lbs % j.mbs == 0 || !d.request.lbs) return std::nullopt;
  return Problem{place_of(d.request, {"lbs", "mbs"}), fmt::format("lbs {} is not divisible by mbs {}", j.lbs, j.mbs),
                 fmt::format("use an lbs of {}", multiples_near(j.lbs, j.mbs))};
}

Broken flushes_divide(const JobDraft& d) {
  const Job& j = d.job;
  if (j.layout.dp == 0 || j.lbs == 0 || j.gbs == 0 || j.gbs % (j.mbs * j.layout.dp) != 0) return std::nullopt;
  const std::int64_t per_flush = j.lbs * j.layout.dp;
  if (j.stack.ga == GaMeans::microbatches_per_step && j.gbs != per_flush) {
    return Problem{place_of(d.request, {"lbs", "gbs"}),
                   fmt::format("stack {} flushes its pipeline once a step, so lbs must be gbs {} / dp {}, not {}",
                               j.stack.name, j.gbs, j.layout.dp, j.lbs),
                   "leave lbs out"};
  }
  if (j.gbs % per_flush == 0) return std::nullopt;
  return Problem{place_of(d.request, {"lbs", "gbs", "num_gpus"}),
                 fmt::format("gbs {} is not divisible by lbs {} x dp {} = {}", j.gbs, j.lbs, j.layout.dp, per_flush),
                 fmt::format("use a gbs of {}", multiples_near(j.gbs, per_flush))};
}

Broken ga_agrees(const JobDraft& d) {
  const Job& j = d.job;
  if (!d.request.ga || j.ga == 0 || *d.request.ga == j.ga) return std::nullopt;
  const bool flushes = j.stack.ga == GaMeans::flushes_per_step;
  return Problem{place_of(d.request, {"ga", "gbs"}),
                 fmt::format("ga {} does not agree with gbs {} / ({} {} x dp {}) = {}", *d.request.ga, j.gbs,
                             flushes ? "lbs" : "mbs", flushes ? j.lbs : j.mbs, j.layout.dp, j.ga),
                 "leave ga or gbs out"};
}

Broken vp_needs_pp(const JobDraft& d) {
  const ParallelLayout& l = d.job.layout;
  if (l.vp == 1 || l.pp > 1) return std::nullopt;
  return Problem{place_of(d.request, {"vp", "pp"}),
                 fmt::format("vp {} needs pp greater than 1: one stage has nothing to interleave", l.vp),
                 "use vp 1 or a greater pp"};
}

Broken microbatches_interleave(const JobDraft& d) {
  const Job& j = d.job;
  if (j.layout.vp == 1 || j.layout.pp == 1 || j.num_microbatches == 0) return std::nullopt;
  if (j.num_microbatches % j.layout.pp == 0) return std::nullopt;
  return Problem{place_of(d.request, {"vp", "pp", "gbs", "mbs", "lbs", "num_gpus"}),
                 fmt::format("interleaving (vp {}) needs a multiple of pp {} microbatches a flush, not {}", j.layout.vp,
                             j.layout.pp, j.num_microbatches),
                 fmt::format("use vp 1, or as many samples as {} microbatches hold",
                             multiples_near(j.num_microbatches, j.layout.pp))};
}

Broken layers_fill_chunks(const JobDraft& d) {
  const Job& j = d.job;
  if (!j.chunks.empty()) return std::nullopt;
  std::vector<std::string> fitting;
  for (int vp = 1; std::int64_t{vp} * j.layout.pp <= j.model.num_layers() + 2; ++vp) {
    if (vp > 1 && j.layout.pp == 1) break;
    if (split_layers(j.model.num_layers(), j.layout.pp * vp, j.stack)) fitting.push_back(std::to_string(vp));
  }
  return Problem{place_of(d.request, {"vp", "pp"}),
                 fmt::format("{} layers cannot fill pp {} x vp {} = {} chunks under the layer split of stack {}",
                             j.model.num_layers(), j.layout.pp, j.layout.vp, std::int64_t{j.layout.pp} * j.layout.vp,
                             j.stack.name),
                 fitting.empty() ? "use a smaller pp"
                                 : fmt::format("with pp {} use a vp of {}", j.layout.pp, join(fitting, ", "))};
}

Broken fsdp_goes_with_pp(const JobDraft& d) {
  const ParallelLayout& l = d.job.layout;
  if (!l.fsdp || l.pp == 1 || l.dp * l.cp <= 1 || d.job.stack.fsdp_with_pp) return std::nullopt;
  return Problem{place_of(d.request, {"fsdp", "pp"}),
                 fmt::format("stack {} shards parameters (fsdp) at pp 1 only, not at pp {}", d.job.stack.name, l.pp),
                 d.fsdp_with_pp.empty()
                     ? "use pp 1 or leave fsdp out"
                     : fmt::format("use pp 1, leave fsdp out, or take a stack that has a rule for it: {}",
                                   join(d.fsdp_with_pp, ", "))};
}

constexpr JobRule kRules[] = {gpus_divide,        batch_divides,    batch_in_range, local_batch_divides,
                              flushes_divide,     ga_agrees,        vp_needs_pp,    microbatches_interleave,
                              layers_fill_chunks, fsdp_goes_with_pp};

}  // namespace

std::span<const JobRule> layout_rules() { return kRules; }

}  // namespace perfbench
