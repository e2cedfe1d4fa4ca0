#include "job/job_rules.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <functional>

#include "base/error.h"
#include "job/resolve.h"

namespace perfbench {
namespace {

const Catalog& catalog() {
  static const Catalog kCatalog(std::filesystem::path(PERFBENCH_SOURCE_DIR) / "model_configs");
  return kCatalog;
}

// A sound job of 64 GPUs: tp 4, pp 8, dp 2, 64 microbatches.
Request sound() {
  Request request;
  request.model = "llama3_70b";
  request.system = "h100";
  request.dtype = "fp8";
  request.num_gpus = 64;
  request.gbs = 128;
  request.mbs = 1;
  request.seq_len = 8192;
  request.tp = 4;
  request.pp = 8;
  request.vp = 5;
  request.stack = "megatron";
  return request;
}

Request sound_moe() {
  Request request = sound();
  request.model = "mixtral_8x7b";
  request.tp = request.pp = request.vp = 1;
  request.ep = 8;
  request.seq_len = 4096;
  request.gbs = 256;
  return request;
}

std::vector<Problem> problems_of(const Request& request) {
  try {
    make_job(request, catalog());
  } catch (const InputError& error) {
    return error.problems();
  }
  return {};
}

std::string all_text(const std::vector<Problem>& problems) { return format_problems(problems); }

TEST(MakeJob, FillsBatchesChunksAndOrigins) {
  const Job job = make_job(sound(), catalog());
  EXPECT_EQ(job.precision, Precision::fp8cs);
  EXPECT_EQ(job.origins.at("precision"), "rule: FP8 without a recipe is current scaling");
  EXPECT_EQ(job.layout.dp, 2);
  EXPECT_EQ(job.lbs, 64);
  EXPECT_EQ(job.num_microbatches, 64);
  EXPECT_EQ(job.num_flushes, 1);
  EXPECT_EQ(job.ga, 64);
  ASSERT_EQ(job.chunks.size(), 40u);
  EXPECT_EQ(job.chunks.front().count, 2);
  EXPECT_EQ(job.origins.at("dp"), "rule: dp = num_gpus / (tp pp cp)");
  EXPECT_EQ(job.origins.at("cp"), "rule: cp = 1 unless given");
}

TEST(MakeJob, AutoModelCountsFlushes) {
  Request request = sound();
  request.stack = "automodel";
  request.task = Task::lora;
  request.dtype = "bf16";
  request.num_gpus = 16;
  request.tp = 2;
  request.pp = 4;
  request.vp = 10;
  request.gbs = 32;
  request.lbs = 8;
  request.seq_len = 4096;
  const Job job = make_job(request, catalog());
  EXPECT_EQ(job.num_microbatches, 8);
  EXPECT_EQ(job.num_flushes, 2);
  EXPECT_EQ(job.ga, 2);
  EXPECT_TRUE(job.layout.fsdp);
  request.lbs.reset();
  EXPECT_EQ(make_job(request, catalog()).lbs, 4) << "one microbatch a stage";
}

TEST(MakeJob, GaSetsTheBatch) {
  Request request = sound();
  request.gbs.reset();
  request.ga = 16;
  EXPECT_EQ(make_job(request, catalog()).gbs, 32);
  request.gbs = 128;  // of a row, which a flag overrides
  request.origins = {{"ga", "flag -ga"}, {"gbs", "model_configs_h100.csv:2"}};
  EXPECT_EQ(make_job(request, catalog()).gbs, 32);
  request.origins["gbs"] = "flag -gb";
  const std::vector<Problem> problems = problems_of(request);
  ASSERT_EQ(problems.size(), 1u);
  EXPECT_EQ(problems[0].where, "-ga 16");
  EXPECT_EQ(problems[0].what, "ga 16 does not agree with gbs 128 / (mbs 1 x dp 2) = 64");
}

TEST(MakeJob, ZeroIsUnsetForCpVpEp) {
  Request request = sound();
  request.cp = request.ep = request.vp = 0;
  const Job job = make_job(request, catalog());
  EXPECT_EQ(job.layout.cp, 1);
  EXPECT_EQ(job.layout.vp, 1);
  EXPECT_EQ(job.layout.ep, 1);
}

TEST(MakeJob, NamesEveryMissingFlagAtOnce) {
  Request request;
  request.model = "llama3_8b";
  request.system = "a100";
  const std::vector<Problem> problems = problems_of(request);
  ASSERT_EQ(problems.size(), 2u) << all_text(problems);
  EXPECT_EQ(problems[0].where, "--num_gpus");
  EXPECT_EQ(problems[1].where, "--global_batch_size");
  request.num_gpus = 8;
  request.gbs = 16;
  const Job job = make_job(request, catalog());
  EXPECT_EQ(job.precision, Precision::bf16);
  EXPECT_EQ(job.seq_len, 4096);
  EXPECT_EQ(job.num_microbatches, 2);
}

struct Breach {
  const char* name;
  std::function<void(Request&)> spoil;
  const char* what;  // in one of the messages
};

class LayoutRule : public testing::TestWithParam<Breach> {};

TEST_P(LayoutRule, IsNamedWithItsNumbers) {
  Request request = sound();
  GetParam().spoil(request);
  const std::vector<Problem> problems = problems_of(request);
  EXPECT_NE(all_text(problems).find(GetParam().what), std::string::npos) << all_text(problems);
}

INSTANTIATE_TEST_SUITE_P(
    Dense, LayoutRule,
    testing::Values(
        Breach{"gpus", [](Request& r) { r.num_gpus = 48; }, "tp 4 x pp 8 x cp 1 = 32 does not divide num_gpus 48"},
        Breach{"gbs", [](Request& r) { r.gbs = 127; }, "gbs 127 is not divisible by mbs 1 x dp 2 = 2"},
        Breach{"ga_below_1", [](Request& r) { r.gbs = 1; }, "gbs 1 is not divisible by mbs 1 x dp 2 = 2"},
        Breach{"lbs_of_megatron", [](Request& r) { r.lbs = 8; }, "lbs must be gbs 128 / dp 2, not 8"},
        Breach{"ga", [](Request& r) { r.ga = 3; }, "ga 3 does not agree with gbs 128 / (mbs 1 x dp 2) = 64"},
        Breach{"ga_over",
               [](Request& r) {
                 r.ga = 1 << 30;
                 r.gbs.reset();
                 r.mbs = 4;
               },
               "is over 1073741824"},
        Breach{"vp",
               [](Request& r) {
                 r.pp = 1;
                 r.origins = {{"vp", "flag -vp"}};
               },
               "vp 5 needs pp greater than 1"},
        Breach{"fsdp_with_pp", [](Request& r) { r.fsdp = true; },
               "stack megatron_2504 shards parameters (fsdp) at pp 1 only, not at pp 8"},
        Breach{"interleave", [](Request& r) { r.gbs = 8; }, "needs a multiple of pp 8 microbatches a flush, not 4"},
        Breach{"chunks", [](Request& r) { r.vp = 11; }, "80 layers cannot fill pp 8 x vp 11 = 88 chunks"},
        Breach{"heads",
               [](Request& r) {
                 r.tp = 3;
                 r.num_gpus = 48;
               },
               "64 attention heads of llama3_70b are not divisible by tp 3"},
        Breach{"kv_heads",
               [](Request& r) {
                 r.tp = 3;
                 r.num_gpus = 48;
               },
               "8 key-value heads of llama3_70b and tp 3 do not divide"},
        Breach{"cp",
               [](Request& r) {
                 r.cp = 2;
                 r.seq_len = 8190;
               },
               "seq_len 8190 is not divisible by 2 x cp 2 = 4"},
        Breach{"sequence_parallel", [](Request& r) { r.seq_len = 8190; },
               "splits seq_len 8190 over tp 4 x cp 1 = 4 ranks"},
        Breach{"ep_dense", [](Request& r) { r.ep = 2; }, "llama3_70b has no experts to split over ep 2"},
        Breach{"etp_dense", [](Request& r) { r.etp = 2; }, "llama3_70b has no experts to split over etp 2"},
        Breach{"precision", [](Request& r) { r.fp8_recipe = "mxfp8"; }, "h100 cannot run mxfp8"},
        Breach{"precision_fp32",
               [](Request& r) {
                 r.dtype = "fp32";
                 r.fp8_recipe.reset();
               },
               "h100 cannot run fp32"},
        Breach{"precision_a100", [](Request& r) { r.system = "a100"; }, "a100 cannot run fp8cs"},
        Breach{"ffn",
               [](Request& r) {
                 r.tp = 56;
                 r.pp = 1;
                 r.num_gpus = 56;
                 r.model = "qwen2p5_7b";
               },
               "width 18944 of qwen2p5_7b is not divisible by tp 56"},
        Breach{"learned", [](Request& r) { r.model = "gpt3_175b"; }, "seq_len 8192 is over the 2048 learned positions"},
        Breach{"recompute", [](Request& r) { r.recompute_layers = 81; }, "llama3_70b has 80 layers, not 81"},
        Breach{"recompute_unknown", [](Request& r) { r.recompute_modules = {"layernrom"}; },
               "\"layernrom\" is no part of a layer"},
        Breach{"recompute_near",
               [](Request& r) {
                 r.recompute_modules = {"mlp", "core_atn"};
               },
               "did you mean core_attn"},
        Breach{"recompute_experts", [](Request& r) { r.recompute_modules = {"moe_act"}; },
               "llama3_70b has no experts for moe_act"},
        Breach{"recompute_latent", [](Request& r) { r.recompute_modules = {"mla_up_proj"}; },
               "llama3_70b has no latent attention for mla_up_proj"},
        Breach{"recompute_both",
               [](Request& r) {
                 r.recompute_layers = 4;
                 r.recompute_modules = {"core_attn"};
               },
               "one excludes the other"},
        Breach{"recompute_word", [](Request& r) { r.recompute = "partial"; }, "none, selective, full"},
        Breach{"recompute_full_and_layers",
               [](Request& r) {
                 r.recompute = "full";
                 r.recompute_layers = 4;
               },
               "recompute full says all of what is computed again, and recompute_layers 4 says it otherwise"},
        Breach{"recompute_none_and_modules",
               [](Request& r) {
                 r.recompute = "none";
                 r.recompute_modules = {"mlp"};
               },
               "recompute none says all of what is computed again, and recompute_modules mlp says it otherwise"},
        Breach{"state_dtype", [](Request& r) { r.grad_dtype = "fp16"; }, "grad_dtype is f32 or bf16"},
        Breach{"offload", [](Request& r) { r.offload_layers = 95; }, "llama3_70b has 80 layers, not 95"},
        Breach{"zero", [](Request& r) { r.tp = 0; }, "must be at least 1"},
        Breach{"negative", [](Request& r) { r.vp = -1; }, "must be at least 1"},
        Breach{"overflow", [](Request& r) { r.gbs = INT64_MAX; }, "must be at most"},
        Breach{"dtype", [](Request& r) { r.dtype = "fp6"; }, "is no precision"},
        Breach{"stack", [](Request& r) { r.stack = "megatrom"; }, "megatron"}),
    [](const auto& param) { return std::string(param.param.name); });

TEST(MakeJob, FsdpInAPipelineNamesTheStacksThatHaveIt) {
  Request request = sound();
  request.fsdp = true;
  const std::vector<Problem> problems = problems_of(request);
  ASSERT_EQ(problems.size(), 1u);
  EXPECT_EQ(problems[0].hint,
            "use pp 1, leave fsdp out, or take a stack that has a rule for it: automodel, automodel_te, fsdp2, "
            "perfbench, torchtitan, torchtitan_async_tp, torchtitan_eager");
  request.stack = "perfbench";
  EXPECT_TRUE(make_job(request, catalog()).layout.fsdp);
  request.stack = "megatron";
  request.num_gpus = 32;  // dp 1: there is nobody to share with
  request.gbs = 64;
  EXPECT_TRUE(make_job(request, catalog()).layout.fsdp);
}

// dp 16 x cp 2 = 32 ranks hold copies.
Request sharded() {
  Request request = sound();
  request.stack = "perfbench";
  request.dtype = "bf16";
  request.tp = request.pp = request.vp = 1;
  request.cp = 2;
  request.num_gpus = 32;
  request.gbs = 32;
  request.fsdp = true;
  return request;
}

TEST(MakeJob, FsdpSizeDividesTheCopies) {
  Request request = sharded();
  const Job all = make_job(request, catalog());
  EXPECT_EQ(all.layout.fsdp_size, 32);
  EXPECT_EQ(all.origins.at("fsdp_size"), "rule: fsdp_size = dp x cp unless given");
  request.fsdp_size = 8;
  EXPECT_EQ(make_job(request, catalog()).layout.fsdp_size, 8);
  request.fsdp_size = 12;
  request.origins["fsdp_size"] = "flag --fsdp_size";
  std::vector<Problem> problems = problems_of(request);
  ASSERT_EQ(problems.size(), 1u) << all_text(problems);
  EXPECT_EQ(problems[0].where, "--fsdp_size 12");
  EXPECT_EQ(problems[0].what, "fsdp_size 12 does not divide dp 16 x cp 2 = 32");
  EXPECT_EQ(problems[0].hint, "use an fsdp_size of 8 or 16");
  request.fsdp_size = 64;
  EXPECT_EQ(problems_of(request).at(0).hint, "use an fsdp_size of 32");
  request.fsdp_size = 1;
  problems = problems_of(request);
  EXPECT_EQ(problems.at(0).what, "fsdp_size 1 shards nothing");
  EXPECT_EQ(problems.at(0).hint, "use an fsdp_size of 2");
  request.fsdp = false;
  EXPECT_EQ(problems_of(request).at(0).what, "fsdp_size is of sharded parameters, and fsdp is off");
}

// A row's number waits for a layout that it divides.
TEST(MakeJob, AnInheritedFsdpSizeGivesWay) {
  Request request = sharded();
  request.fsdp_size = 12;
  request.origins = {{"fsdp_size", "t.csv:3"}, {"num_gpus", "flag -ng"}};
  const Job job = make_job(request, catalog());
  EXPECT_EQ(job.layout.fsdp_size, 32);
  EXPECT_EQ(job.origins.at("fsdp_size"), "rule: fsdp_size = dp x cp, since 12 of t.csv:3 does not divide 32");
  request.fsdp = false;
  EXPECT_FALSE(make_job(request, catalog()).layout.fsdp);
}

TEST(MakeJob, TakesThePoliciesOfItsStackUnlessToldOtherwise) {
  Request request = sharded();
  const Job plain = make_job(request, catalog());
  EXPECT_TRUE(plain.stack.fsdp_reshard_after_forward && plain.stack.sequence_parallel);
  EXPECT_EQ(plain.origins.at("fsdp_reshard"), "rule: as stack perfbench has it");
  request.fsdp_reshard = request.sequence_parallel = false;
  request.defer_grad_sync = true;
  request.param_dtype = request.grad_dtype = "F32";
  request.optimizer_state_dtype = "bf16";
  request.origins["param_dtype"] = "flag --param_dtype";
  const Job job = make_job(request, catalog());
  EXPECT_FALSE(job.stack.fsdp_reshard_after_forward || job.stack.sequence_parallel);
  EXPECT_TRUE(job.stack.fsdp_defer_grad_reduce);
  EXPECT_EQ(job.stack.param_dtype, DType::f32);
  EXPECT_EQ(job.stack.main_grad_dtype, DType::f32);
  EXPECT_EQ(job.stack.optimizer_state_dtype, DType::bf16);
  EXPECT_EQ(job.origins.at("param_dtype"), "flag --param_dtype");
}

TEST(MakeJob, ParametersInFloat32GoWithThePrecision) {
  Request request = sharded();
  request.stack = "megatron";
  request.dtype = "fp8";
  request.param_dtype = "f32";
  EXPECT_NE(all_text(problems_of(request))
                .find("stack megatron_2504 shards and gathers the parameters of linear layers in "
                      "FP8, not in f32"),
            std::string::npos)
      << all_text(problems_of(request));
  request.fsdp = false;
  EXPECT_EQ(all_text(problems_of(request)), "");
  request = sharded();
  request.system = "cpu";
  request.dtype = "fp32";
  EXPECT_EQ(make_job(request, catalog()).stack.param_dtype, DType::f32);
  request.param_dtype = "bf16";
  EXPECT_EQ(problems_of(request).at(0).what, "an fp32 job has a param_dtype of f32");
}

TEST(MakeJob, RecomputeSaysWhatTheStackMeansByIt) {
  Request request = sharded();
  const auto with = [&](const char* word, const char* stack) {
    request.recompute = word;
    request.stack = stack;
    return make_job(request, catalog());
  };
  EXPECT_EQ(with("full", "perfbench").recompute_layers, 80);
  EXPECT_EQ(with("none", "perfbench").recompute_layers, 0);
  const Job selective = with("selective", "megatron");
  EXPECT_EQ(selective.recompute_modules, std::vector<std::string>{"core_attn"});
  EXPECT_FALSE(selective.recompute_ops);
}

TEST(MakeJob, SequenceParallelismOverOneRankIsNoted) {
  Request request = sharded();
  request.sequence_parallel = true;
  EXPECT_TRUE(make_job(request, catalog()).notes.empty());
  request.origins["sequence_parallel"] = "flag --sequence_parallel";
  EXPECT_EQ(make_job(request, catalog()).notes.at(0),
            "sequence parallelism is off at tp 1, where it has nothing to split");
}

class MoeRule : public testing::TestWithParam<Breach> {};

TEST_P(MoeRule, IsNamedWithItsNumbers) {
  Request request = sound_moe();
  ASSERT_EQ(all_text(problems_of(request)), "");
  GetParam().spoil(request);
  const std::vector<Problem> problems = problems_of(request);
  EXPECT_NE(all_text(problems).find(GetParam().what), std::string::npos) << all_text(problems);
}

INSTANTIATE_TEST_SUITE_P(Moe, MoeRule,
                         testing::Values(Breach{"experts", [](Request& r) { r.ep = 3; },
                                                "8 experts of mixtral_8x7b are not divisible by ep 3"},
                                         Breach{"ranks",
                                                [](Request& r) {
                                                  r.num_gpus = 4;
                                                  r.gbs = 4;
                                                },
                                                "ep 8 x etp 1 x pp 1 = 8 does not divide num_gpus 4"},
                                         Breach{"etp_over_ranks",
                                                [](Request& r) {
                                                  r.etp = 16;
                                                  r.num_gpus = 64;
                                                },
                                                "ep 8 x etp 16 x pp 1 = 128 does not divide num_gpus 64"},
                                         Breach{"expert_width", [](Request& r) { r.etp = 3; },
                                                "expert width 14336 of mixtral_8x7b is not divisible by etp 3"},
                                         Breach{"fp8_dims",
                                                [](Request& r) {
                                                  r.etp = 2048;
                                                  r.num_gpus = 16384;
                                                  r.gbs = 16384;
                                                },
                                                "expert width / etp = 7"}),
                         [](const auto& param) { return std::string(param.param.name); });

TEST(MakeJob, NamesAllBrokenRulesAtOnce) {
  Request request = sound();
  request.num_gpus = 100;
  request.tp = 3;
  request.fp8_recipe = "nvfp4";
  request.recompute_layers = 1000;
  EXPECT_GE(problems_of(request).size(), 5u) << all_text(problems_of(request));
}

TEST(MakeJob, PointsAtTheRowAndGivesTheNearestMultiples) {
  Request request = sound();
  request.num_gpus = 32;
  request.tp = 8;
  request.pp = 6;
  request.vp = 1;
  for (const char* field : {"num_gpus", "tp", "pp"}) request.origins[field] = "model_configs_h100.csv:14";
  std::vector<Problem> problems = problems_of(request);
  ASSERT_FALSE(problems.empty());
  EXPECT_EQ(problems[0].where, "model_configs_h100.csv:14: num_gpus=32");
  EXPECT_EQ(problems[0].hint, "use a multiple of 48 GPUs: 48");
  request.num_gpus = 100;
  request.origins["pp"] = "flag -pp";
  problems = problems_of(request);
  EXPECT_EQ(problems.at(0).where, "-pp 6") << "a flag is what the user can change";
  EXPECT_EQ(problems.at(0).hint, "use a multiple of 48 GPUs: 96 or 144");
}

TEST(MakeJob, VideoTokensAreNotDealtOutInPairs) {
  Request request;
  request.model = "wan2p1_14b";
  request.system = "h100";
  request.num_gpus = 15;
  request.gbs = 1;
  request.cp = 15;
  request.seq_len = 37455;  // 15 x 2497
  EXPECT_EQ(all_text(problems_of(request)), "");
  request.seq_len.reset();
  EXPECT_NE(all_text(problems_of(request)).find("is a video model"), std::string::npos);
}

TEST(MakeJob, InheritedVpFallsToOneWhereTheFlagsForbidIt) {
  const auto vp_with = [](std::int64_t pp, std::int64_t gbs) {
    Request request = sound();
    request.pp = pp;
    request.gbs = gbs;
    request.origins = {{"pp", "flag -pp"}, {"vp", "model_configs_h100.csv:2"}, {"gbs", "flag -gb"}};
    return make_job(request, catalog());
  };
  EXPECT_EQ(vp_with(8, 128).layout.vp, 5);
  const Job flat = vp_with(1, 128);
  EXPECT_EQ(flat.layout.vp, 1);
  EXPECT_EQ(flat.origins.at("vp"), "rule: vp = 1, since vp 5 of model_configs_h100.csv:2 needs pp > 1");
  EXPECT_EQ(flat.chunks.size(), 1u);
  EXPECT_EQ(vp_with(8, 8).layout.vp, 1) << "4 microbatches do not interleave over 8 stages";
  EXPECT_EQ(vp_with(16, 128).layout.vp, 5) << "80 chunks of one layer";
  Request untouched = sound();  // the same from one row: nothing was overridden, so the row is wrong
  untouched.pp = 1;
  for (const char* field : {"pp", "vp"}) untouched.origins[field] = "model_configs_h100.csv:2";
  EXPECT_FALSE(problems_of(untouched).empty());
}

TEST(MakeJob, ModelOfARowWithoutConfigIsUnsupported) {
  Request request = sound();
  request.model = "nemotron3_23b";
  request.origins["model"] = "model_configs_h100.csv:20";
  try {
    make_job(request, catalog());
    FAIL() << "accepted";
  } catch (const Unsupported& unsupported) {
    EXPECT_EQ(unsupported.feature(), "model");
  }
  request.origins["model"] = "flag --model";
  EXPECT_THROW(make_job(request, catalog()), InputError);
}

TEST(MakeJob, SubchannelScalingIsUnsupportedNotWrong) {
  Request request = sound();
  request.fp8_recipe = "ss";
  EXPECT_THROW(make_job(request, catalog()), Unsupported);
  request.dtype = "bf16";  // then the recipe is not used
  EXPECT_EQ(make_job(request, catalog()).precision, Precision::bf16);
}

TEST(MakeJob, NotesWhatIsAllowedButUnusual) {
  Request request = sound();
  request.seq_len = 1 << 20;
  bool found = false;
  for (const std::string& note : make_job(request, catalog()).notes) {
    found = found || note.find("seq_len 1048576 is over") != std::string::npos;
  }
  EXPECT_TRUE(found);
}

TEST(Resolve, TakesTheRowAndSaysWhereEachValueCameFrom) {
  Request flags;
  flags.model = "llama3_70b";
  flags.system = "h100";
  flags.tp = 4;
  flags.pp = 8;
  flags.origins = {{"model", "flag --model"}, {"system", "flag --gpu"}, {"tp", "flag -tp"}, {"pp", "flag -pp"}};
  const Resolved resolved = resolve(flags, catalog(), Compat::perfbench);
  EXPECT_EQ(resolved.job.num_gpus, 64);
  EXPECT_EQ(resolved.job.ga, 64);
  EXPECT_EQ(resolved.job.layout.vp, 5);
  EXPECT_EQ(resolved.job.precision, Precision::fp8cs);
  EXPECT_EQ(resolved.job.origins.at("tp"), "flag -tp");
  EXPECT_TRUE(resolved.job.origins.at("gbs").starts_with("model_configs_h100.csv:"));
  EXPECT_NE(resolved.choice.sentence.find("a stack whose rows come first"), std::string::npos)
      << resolved.choice.sentence;
}

// AutoModel's row of that model recomputes all 64 layers and flushes 8 samples at a time; its layout and batch stay.
TEST(Resolve, TakesNothingOfTheSoftwareOfARowOfAnotherStack) {
  Request flags;
  flags.model = "qwen2p5_32b";
  flags.system = "h100";
  flags.task = Task::lora;
  flags.stack = "megatron";
  flags.num_gpus = 8;
  flags.origins = {{"model", "flag --model"},
                   {"system", "flag --gpu"},
                   {"task", "flag --task"},
                   {"stack", "flag --stack"},
                   {"num_gpus", "flag -ng"}};
  const Resolved resolved = resolve(flags, catalog(), Compat::perfbench);
  const Job& job = resolved.job;
  EXPECT_EQ(job.stack.name, "megatron_2504");
  EXPECT_EQ(job.layout.pp, 4);
  EXPECT_EQ(job.layout.vp, 8);
  EXPECT_EQ(job.gbs, 32);
  EXPECT_EQ(job.recompute_layers, 0);
  EXPECT_EQ(job.lbs, 16);
  EXPECT_EQ(job.lora->targets, std::vector<std::string>{"qkv_proj"});
  EXPECT_TRUE(job.packed);
  const std::string place = resolved.job.origins.at("tp");
  EXPECT_TRUE(place.starts_with("model_configs_h100.csv:")) << place;
  const std::string why = ", since row " + place + " is of stack automodel";
  EXPECT_EQ(job.origins.at("recompute_layers"), "rule: none" + why);
  EXPECT_EQ(job.origins.at("offload_layers"), "rule: none" + why);
  EXPECT_EQ(job.origins.at("cuda_graphs"), "rule: off" + why);
  EXPECT_EQ(job.origins.at("lbs"), "rule: lbs = gbs / dp" + why);
  EXPECT_EQ(job.origins.at("lora_targets"), "rule: those of stack megatron_2504");
  EXPECT_EQ(job.origins.at("fsdp"), "rule: off unless given") << "the row says nothing of it";
  flags.stack = "automodel";
  EXPECT_EQ(resolve(flags, catalog(), Compat::perfbench).job.recompute_layers, 64);
}

TEST(Resolve, NamesAWrongModelAndAWrongSystemTogether) {
  Request flags;
  flags.model = "llama3_71b";
  flags.system = "h101";
  try {
    resolve(flags, catalog(), Compat::perfbench);
    FAIL() << "accepted";
  } catch (const InputError& error) {
    EXPECT_EQ(error.problems().size(), 2u) << error.what();
  }
}

}  // namespace
}  // namespace perfbench
