// What is computed again is the same to the bit: losses, gradient norms, every gradient and the weights after two
// steps, with and without; and the peak of the run is lower.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "parity/outcome.h"
#include "parity/tiny_llama.h"

namespace perfbench {
namespace {

struct Way {
  std::string name;
  int layers = 0;
  std::vector<std::string> modules{};
  bool whole = false;
  bool ops = false;
};

std::vector<Way> ways() {
  return {{.name = "all_layers", .layers = 9},
          {.name = "all_layers_every_op", .layers = 9, .whole = true},
          {.name = "first_layer_of_each_chunk", .layers = 1},
          {.name = "core_attn", .modules = {"core_attn"}},
          {.name = "layernorm", .modules = {"layernorm"}},
          {.name = "mlp", .modules = {"mlp"}},
          {.name = "mlp_every_op", .modules = {"mlp"}, .whole = true},
          {.name = "act", .modules = {"act"}},
          {.name = "core_attn_layernorm_act", .modules = {"core_attn", "layernorm", "act"}},
          {.name = "ops", .ops = true},
          {.name = "ops_every_op", .whole = true, .ops = true},
          {.name = "everything", .modules = {"core_attn", "layernorm", "mlp", "act"}, .whole = true}};
}

// Where ranks are many or precision is low, each kind of region once.
std::vector<Way> few_ways() {
  return {{.name = "all_layers_every_op", .layers = 9, .whole = true},
          {.name = "first_layer_of_each_chunk", .layers = 1},
          {.name = "core_attn_layernorm_act", .modules = {"core_attn", "layernorm", "act"}},
          {.name = "mlp", .modules = {"mlp"}},
          {.name = "ops", .ops = true}};
}

std::vector<TinyLlama> layouts() {
  return {{.name = "one_rank_biases", .mbs = 2, .biases = true},
          {.name = "tp2", .tp = 2},
          {.name = "tp2_kept_inputs", .tp = 2, .regather = false},
          {.name = "tp2_no_sequence_parallel", .tp = 2, .sequence_parallel = false},
          {.name = "tp2_pp2_vp2_dp2_tied", .tp = 2, .pp = 2, .vp = 2, .dp = 2, .tied = true},
          {.name = "pp4_uneven", .pp = 4, .layers = 5},
          {.name = "bf16_tp2_pp2", .tp = 2, .pp = 2, .precision = Precision::bf16},
          {.name = "fp8cs_one_rank", .precision = Precision::fp8cs},
          {.name = "fp8cs_tp2_pp2", .tp = 2, .pp = 2, .precision = Precision::fp8cs},
          {.name = "fp8cs_fsdp2_gathered_again", .dp = 2, .precision = Precision::fp8cs, .fsdp = true},
          {.name = "fp8cs_fsdp2_saved", .dp = 2, .precision = Precision::fp8cs, .fsdp = true, .reshard = false}};
}

// Tensors whose bytes differ.
std::vector<std::string> differing(const std::vector<HostTensor>& left, const std::vector<HostTensor>& right) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < right.size(); ++i) {
    if (left.at(i).name != right[i].name || left[i].data != right[i].data) names.push_back(right[i].name);
  }
  return names;
}

class RecomputeParity : public WithEngine, public ::testing::WithParamInterface<TinyLlama> {};

TEST_P(RecomputeParity, IsTheSameToTheBit) {
  const Job plain = tiny_llama(GetParam());
  const Outcome expected = two_steps(plain, build_plan(plain));
  const bool all = plain.num_gpus <= 2 && plain.precision == Precision::fp32;
  for (const Way& way : all ? ways() : few_ways()) {
    SCOPED_TRACE(way.name);
    TinyLlama tiny = GetParam();
    tiny.recompute_layers = way.layers;
    tiny.recompute_modules = way.modules;
    tiny.recompute_whole_layer = way.whole;
    tiny.recompute_ops = way.ops;
    const Job job = tiny_llama(tiny);
    const Outcome outcome = two_steps(job, build_plan(job));
    EXPECT_EQ(outcome.losses, expected.losses);
    EXPECT_EQ(outcome.grad_norms, expected.grad_norms);
    for (std::size_t step = 0; step < kSteps; ++step) {
      EXPECT_EQ(differing(outcome.gradients[step], expected.gradients[step]), std::vector<std::string>{});
    }
    EXPECT_EQ(differing(outcome.weights, expected.weights), std::vector<std::string>{});
  }
}

INSTANTIATE_TEST_SUITE_P(Layouts, RecomputeParity, ::testing::ValuesIn(layouts()),
                         [](const auto& layout) { return layout.param.name; });

class RecomputeMemory : public WithEngine {};

// Counted in the run, the highest of all ranks.
TEST_F(RecomputeMemory, EachWayLowersThePeak) {
  const auto peak = [](const TinyLlama& tiny) {
    const Job job = tiny_llama(tiny);
    const Plan plan = build_plan(job);
    const auto session = open_tiny(plan, {.timeout_s = 60});
    std::int64_t highest = 0;
    for (const RankReport& rank : session->step(mock_batch(job, 7, 0), StepKind::train).ranks) {
      highest = std::max(highest, rank.peak_value_bytes);
    }
    return highest;
  };
  const TinyLlama plain{.name = "", .pp = 2, .layers = 8};
  TinyLlama all = plain, half = plain, part = plain, ops = plain;
  all.recompute_layers = 4;
  half.recompute_layers = 2;
  part.recompute_modules = {"mlp"};
  ops.recompute_ops = true;
  EXPECT_LT(peak(all), peak(half));
  EXPECT_LT(peak(half), peak(plain));
  EXPECT_LT(peak(part), peak(plain));
  EXPECT_LT(peak(ops), peak(plain));
}

}  // namespace
}  // namespace perfbench
