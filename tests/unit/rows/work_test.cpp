#include "rows/work.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <functional>

#include "base/file.h"
#include "unit/rows/sample.h"

namespace perfbench {
namespace {

Job tuned_job() {
  Job job = sample_job();
  job.chunks = {{.first = 0, .count = 1}, {.first = 1, .count = 1}};
  job.lbs = 4, job.num_flushes = 2;
  job.recompute_modules = {"mlp", "core_attn"};
  job.lora = Lora{.rank = 16, .alpha = 32.0, .targets = {"q_proj", "v_proj"}};
  return job;
}

std::vector<std::string> differences_after(const std::function<void(Job&)>& change) {
  Job job = tuned_job();
  change(job);
  return work_differences(tuned_job(), job);
}

// One change of each value on the list.
TEST(Work, EveryValueThatChangesItTellsTwoJobsApart) {
  const std::vector<std::function<void(Job&)>> changes = {
      [](Job& job) { job.system.name = "h200"; },
      [](Job& job) { job.stack.name = "perfbench"; },
      [](Job& job) { job.task = Task::sft; },
      [](Job& job) { job.precision = Precision::fp8cs; },
      [](Job& job) { job.num_gpus = 16; },
      [](Job& job) { job.gbs = 32; },
      [](Job& job) { job.mbs = 2; },
      [](Job& job) { job.lbs = 2, job.num_flushes = 4; },
      [](Job& job) { job.seq_len = 2000; },
      [](Job& job) { job.layout.tp = 4; },
      [](Job& job) { job.layout.pp = 4; },
      [](Job& job) { job.layout.cp = 2; },
      [](Job& job) { job.layout.vp = 2; },
      [](Job& job) { job.layout.ep = 2; },
      [](Job& job) { job.layout.etp = 2; },
      [](Job& job) { job.layout.fsdp = true; },
      [](Job& job) { job.layout.fsdp_size = 1; },
      [](Job& job) { job.stack.param_dtype = DType::f32; },
      [](Job& job) { job.stack.main_grad_dtype = DType::f32; },
      [](Job& job) { job.stack.optimizer_state_dtype = DType::bf16; },
      [](Job& job) { job.stack.sequence_parallel = false; },
      [](Job& job) { job.recompute_ops = true; },
      [](Job& job) { job.cuda_graphs = true; },
      [](Job& job) { job.graph_modules = {Module::attn}; },
      [](Job& job) { job.recompute_layers = 1; },
      [](Job& job) { job.recompute_modules = {"mlp"}; },
      [](Job& job) { job.offload_layers = 1; },
      [](Job& job) { job.packed = true; },
      [](Job& job) { job.lora->rank = 8; },
      [](Job& job) { job.lora->targets = {"q_proj"}; },
      [](Job& job) { job.lora.reset(); },
      [](Job& job) { job.model.family = "qwen2"; },
      [](Job& job) { job.model.hidden = 16; },
      [](Job& job) { dense_of(job.model).ffn = 32; },
      [](Job& job) { gqa_of(job.model).heads = 8; },
      [](Job& job) { gqa_of(job.model).kv_heads = 4; },
      [](Job& job) { gqa_of(job.model).head_dim = 4; },
      [](Job& job) { job.model.vocab = 11; },
      [](Job& job) {
        job.model.learned_positions = true;
        job.model.max_positions = 64;
      },
      [](Job& job) { job.model.tied_embeddings = true; },
      [](Job& job) { gqa_of(job.model).bias = true; },
      [](Job& job) { gqa_of(job.model).out_bias = true; },
      [](Job& job) { dense_of(job.model).bias = true; },
      [](Job& job) { gqa_of(job.model).qk_norm = HeadNorm::per_head; },
      [](Job& job) { dense_of(job.model).gated = false; },
      [](Job& job) { job.model.norm = Norm::layer; },
      [](Job& job) { dense_of(job.model).activation = Activation::gelu; },
      [](Job& job) { gqa_of(job.model).rotary->share = 0.5; },
      [](Job& job) {
        gqa_of(job.model).mask = {Mask::Kind::window, 4};
      },
      [](Job& job) { set_layer(job.model, 1, {.mlp = Moe{}}); },
      [](Job& job) { job.model.layers.pop_back(); },
      [](Job& job) { set_layer(job.model, 1, {.mlp = Moe{.experts = 8}}); },
      [](Job& job) { set_layer(job.model, 1, {.mixer = Mla{.q_rank = 8}}); },
      [](Job& job) { set_layer(job.model, 1, {.mixer = Mamba2{.heads = 8}}); },
      [](Job& job) { job.model.video = VideoShape{.text_dim = 8}; },
  };
  for (std::size_t i = 0; i < changes.size(); ++i)
    EXPECT_FALSE(differences_after(changes[i]).empty()) << "change " << i;
  EXPECT_TRUE(differences_after([](Job&) {}).empty());
}

TEST(Work, StaysTheSameUnderAnotherNameOrOrder) {
  EXPECT_TRUE(differences_after([](Job& job) { job.origins = {}, job.notes = {}; }).empty());
  EXPECT_TRUE(differences_after([](Job& job) { job.recompute_modules = {"core_attn", "mlp", "mlp"}; }).empty());
  EXPECT_TRUE(differences_after([](Job& job) { job.lora->alpha = 64.0; }).empty());
  EXPECT_TRUE(differences_after([](Job& job) { job.model.source = "mine", job.model.aliases = {}; }).empty());
  EXPECT_TRUE(
      differences_after([](Job& job) { job.model.norm_eps = 1e-6, gqa_of(job.model).rotary->theta = 5e5; }).empty());
  EXPECT_TRUE(differences_after([](Job& job) { job.model.max_positions = 131072; }).empty())
      << "it has no table of them";
  Job all = tuned_job(), more = tuned_job();
  all.recompute_layers = 1, more.recompute_layers = 80;
  EXPECT_TRUE(work_differences(all, more).empty()) << "a chunk has one layer";
}

TEST(Work, IsWhatTheDocumentationLists) {
  const std::string docs = read_file(std::filesystem::path(PERFBENCH_SOURCE_DIR) / "docs" / "metrics.md");
  const std::size_t section = docs.find("## The published row beside a result");
  ASSERT_NE(section, std::string::npos);
  const std::string list = docs.substr(section, docs.find("`lora_alpha`", section) - section);
  for (const WorkValue& value : work_of(tuned_job()))
    EXPECT_TRUE(value.of_model || list.find("`" + std::string(value.name) + "`") != std::string::npos) << value.name;
}

// Of a model without experts no value about them counts.
TEST(Work, OfExpertsCountsOnlyWhereThereAreSome) {
  const auto change = [](Job& job) {
    job.gate = Gate::balanced, job.dispatcher = Dispatcher::dedup;
    job.expert_capacity = 1.5, job.gate_imbalance = 0.5, job.ep_overlap = true;
  };
  EXPECT_TRUE(differences_after(change).empty());
  Job there = tuned_job();
  set_layer(there.model, 1, {.mlp = Moe{.experts = 8}});
  Job here = there;
  change(here);
  EXPECT_EQ(work_differences(there, here),
            (std::vector<std::string>{"moe_gate topk there, balanced here", "gate_imbalance 0 there, 0.5 here",
                                      "moe_dispatcher all_to_all there, dedup here", "moe_capacity 0 there, 1.5 here",
                                      "ep_overlap 0 there, 1 here"}));
}

TEST(Work, SaysWhatBothHave) {
  const auto texts = differences_after([](Job& job) { job.gbs = 32, job.lora->targets = {"all"}; });
  EXPECT_EQ(texts, (std::vector<std::string>{"gbs 16 there, 32 here", "lora_targets q_proj/v_proj there, all here"}));
  EXPECT_EQ(differences_after([](Job& job) { set_layer(job.model, 1, {.mixer = job.model.kinds[0].mixer}); }),
            std::vector<std::string>{"another model by the same name (layers 2 x gqa/dense there, 1 x gqa/dense, 1 x "
                                     "gqa/none here)"});
  EXPECT_EQ(
      differences_after([](Job& job) {
        set_layer(job.model, 1, job.model.kinds[0]);
        std::get<Gqa>(job.model.kinds[1].mixer).mask = {Mask::Kind::window, 4};
      }),
      std::vector<std::string>{"another model by the same name (mask causal there, 1 x causal, 1 x window 4 here)"});
  EXPECT_EQ(
      differences_after([](Job& job) { job.model.kinds[0].mlp = Moe{.experts = 8}; }),
      (std::vector<std::string>{"moe_gate none there, topk here", "moe_dispatcher none there, all_to_all here",
                                "another model by the same name (layers 2 x gqa/dense there, 2 x gqa/moe here, and "
                                "14 more)"}));
}

}  // namespace
}  // namespace perfbench
