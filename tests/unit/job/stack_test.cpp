#include "job/stack.h"

#include <gtest/gtest.h>

#include "job/catalog.h"
#include "unit/job/spec_files.h"

namespace perfbench {
namespace {

using StackFiles = TemporaryFolder;

std::string megatron() { return read_file(kDataFolder / "stacks" / "megatron.json"); }

TEST(Stack, EveryFileLoads) {
  const Catalog catalog(kDataFolder);
  EXPECT_EQ(catalog.stack_names(), (std::vector<std::string>{"automodel", "megatron", "perfbench"}));
  for (const std::string& name : catalog.stack_names()) {
    const Stack stack = read_stack(kDataFolder / "stacks" / (name + ".json"));
    EXPECT_EQ(stack.name, name);
    EXPECT_FALSE(stack.layer_split.empty()) << name;
    EXPECT_GT(stack.constants.gemm_bf16, 0.0) << name;
  }
}

TEST(Stack, MegatronsPolicies) {
  const Stack stack = read_stack(kDataFolder / "stacks" / "megatron.json");
  EXPECT_EQ(stack.layer_split.front(), LayerSplit::even);
  EXPECT_EQ(stack.ga, GaMeans::microbatches_per_step);
  EXPECT_TRUE(stack.sequence_parallel);
  EXPECT_TRUE(stack.tp_overlap);
  EXPECT_EQ(stack.tp_overlap_exceptions, std::vector<std::string>{"mixtral"});
  EXPECT_TRUE(stack.master_weights);
  EXPECT_EQ(stack.optimizer_state_dtype, DType::f32);
  EXPECT_EQ(stack.param_dtype, DType::bf16);
  EXPECT_EQ(stack.selective_recompute, SelectiveRecompute::core_attn);
  EXPECT_EQ(stack.bucket_elements, 128 * 1024 * 1024);
}

TEST(Stack, AutomodelsPolicies) {
  const Stack stack = read_stack(kDataFolder / "stacks" / "automodel.json");
  EXPECT_EQ(stack.ga, GaMeans::flushes_per_step);
  EXPECT_TRUE(stack.fsdp_always);
  EXPECT_FALSE(stack.sequence_parallel);
  EXPECT_FALSE(stack.tp_overlap);
  EXPECT_FALSE(stack.master_weights);
  EXPECT_EQ(stack.optimizer_state_dtype, DType::bf16);
  EXPECT_TRUE(stack.fsdp_reshard_after_forward);
  EXPECT_FALSE(stack.fsdp_defer_grad_reduce) << "the rows of its published recipes say otherwise";
}

TEST(Stack, PerfbenchHasNoTpOverlap) { EXPECT_FALSE(read_stack(kDataFolder / "stacks" / "perfbench.json").tp_overlap); }

TEST_F(StackFiles, AllProblemsAtOnce) {
  std::string text = replaced(megatron(), "\"even\"", "\"evenly\"");
  text = replaced(text, "\"fp8_params\": true", "\"fp8_params\": 1");
  text = replaced(text, "\"dp_exposed\"", "\"dp_expose\"");
  text = replaced(text, "\"value\": 0.25", "\"value\": 25");
  text = replaced(text, "\"bucket_elements\": 134217728", "\"bucket_elements\": -1");
  text = replaced(text, "\"optimizer_state_dtype\": \"f32\"", "\"optimizer_state_dtype\": \"fp32\"");
  const auto path = write("megatron.json", text);
  const std::string message = refusal([&] { read_stack(path); });
  EXPECT_PRED2(says, message, "layer_split: \"evenly\" is unknown");
  EXPECT_PRED2(says, message, "did you mean even");
  EXPECT_PRED2(says, message, "fp8_params");
  EXPECT_PRED2(says, message, "constants.dp_exposed: is missing");
  EXPECT_PRED2(says, message, "did you mean dp_exposed");
  EXPECT_PRED2(says, message, "constants.graphs_gap_factor.value: is 25, but must be a number from 0 to 1");
  EXPECT_PRED2(says, message, "bucket_elements: is -1");
  EXPECT_PRED2(says, message, "optimizer_state_dtype: \"fp32\" is unknown");
  EXPECT_EQ(count_of(message, "perfbench: error:"), 7u);
}

TEST_F(StackFiles, AConstantIsNeverNull) {
  const auto path = write("megatron.json", replaced(megatron(), "\"graphs_gap_factor\": {\"value\": 0.25",
                                                    "\"graphs_gap_factor\": {\"value\": null"));
  EXPECT_PRED2(says, refusal([&] { read_stack(path); }), "constants.graphs_gap_factor.value: is null");
}

TEST_F(StackFiles, AFitNamesItsRows) {
  const std::string fitted = R"("gemm_bf16": {"fitted_on": ["a", "b"], )";
  EXPECT_EQ(read_stack(write("megatron.json", replaced(megatron(), "\"gemm_bf16\": {", fitted))).constants.gemm_bf16,
            read_stack(kDataFolder / "stacks" / "megatron.json").constants.gemm_bf16);
  const auto path =
      write("megatron.json", replaced(megatron(), "\"gemm_bf16\": {", R"("gemm_bf16": {"fitted_on": 7, )"));
  EXPECT_PRED2(says, refusal([&] { read_stack(path); }),
               "constants.gemm_bf16.fitted_on: is 7, but must be a list of texts");
}

}  // namespace
}  // namespace perfbench
