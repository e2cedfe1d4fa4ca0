#include "job/stack.h"

#include <gtest/gtest.h>

#include "job/catalog.h"
#include "unit/job/spec_files.h"

namespace perfbench {
namespace {

using StackFiles = TemporaryFolder;

std::string megatron() { return read_file(kDataFolder / "stacks" / "megatron_2504.json"); }

TEST(Stack, EveryFileLoads) {
  const Catalog catalog(kDataFolder);
  EXPECT_EQ(catalog.stack_names(),
            (std::vector<std::string>{"automodel", "automodel_te", "fsdp2", "megatron_2403", "megatron_2407",
                                      "megatron_2409", "megatron_2502", "megatron_2504", "megatron_2507",
                                      "megatron_2509", "megatron_2511", "megatron_2602", "megatron_plain", "perfbench",
                                      "torchtitan", "torchtitan_async_tp", "torchtitan_eager"}));
  for (const std::string& name : catalog.stack_names()) {
    const Stack stack = read_stack(kDataFolder / "stacks" / (name + ".json"), kDataFolder);
    EXPECT_EQ(stack.name, name);
    EXPECT_FALSE(stack.layer_split.empty()) << name;
    EXPECT_GT(stack.constants.gemm_bf16, 0.0) << name;
  }
}

TEST(Stack, MegatronsPolicies) {
  const Stack stack = read_stack(kDataFolder / "stacks" / "megatron_2504.json", kDataFolder);
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
  EXPECT_TRUE(stack.dummy_weight_grads);
  EXPECT_EQ(stack.precision_aware_optimizer, std::vector<Precision>{Precision::bf16});
  EXPECT_EQ(stack.moe_gate, Gate::random);
  EXPECT_EQ(stack.moe_dispatcher, Dispatcher::all_to_all);
  EXPECT_EQ(stack.moe_capacity, 0.0);
  EXPECT_EQ(stack.default_etp, 1);
}

TEST(Stack, AutomodelsPolicies) {
  const Stack stack = read_stack(kDataFolder / "stacks" / "automodel.json", kDataFolder);
  EXPECT_EQ(stack.ga, GaMeans::flushes_per_step);
  EXPECT_TRUE(stack.fsdp_always);
  EXPECT_FALSE(stack.sequence_parallel);
  EXPECT_FALSE(stack.tp_overlap);
  EXPECT_FALSE(stack.master_weights);
  EXPECT_EQ(stack.optimizer_state_dtype, DType::bf16);
  EXPECT_TRUE(stack.fsdp_reshard_after_forward);
  EXPECT_FALSE(stack.fsdp_defer_grad_reduce) << "the rows of its published recipes say otherwise";
  EXPECT_EQ(stack.moe_gate, Gate::balanced);
  EXPECT_EQ(stack.moe_dispatcher, Dispatcher::dedup);
  EXPECT_EQ(stack.default_etp, 1);
}

TEST(Stack, PerfbenchsPolicies) {
  const Stack stack = read_stack(kDataFolder / "stacks" / "perfbench.json", kDataFolder);
  EXPECT_FALSE(stack.tp_overlap);
  EXPECT_EQ(stack.moe_gate, Gate::balanced);
  EXPECT_EQ(stack.moe_dispatcher, Dispatcher::all_to_all);
  EXPECT_EQ(stack.default_etp, 0);
}

TEST_F(StackFiles, RoutingOfExperts) {
  const auto path = write("mine.json", R"({"name": "mine", "extends": "megatron_2504", "source": "a test",
      "moe_gate": "given", "moe_dispatcher": "alltoall", "moe_capacity": -1, "default_etp": 5000})");
  const std::string message = refusal([&] { read_stack(path, kDataFolder); });
  EXPECT_PRED2(says, message, "moe_gate: \"given\" is unknown");
  EXPECT_PRED2(says, message, "moe_dispatcher: \"alltoall\" is unknown");
  EXPECT_PRED2(says, message, "did you mean all_to_all");
  EXPECT_PRED2(says, message, "moe_capacity: is -1");
  EXPECT_PRED2(says, message, "default_etp: is 5000");
}

TEST_F(StackFiles, AllProblemsAtOnce) {
  std::string text = replaced(megatron(), "\"even\"", "\"evenly\"");
  text = replaced(text, "\"fp8_params\": true", "\"fp8_params\": 1");
  text = replaced(text, "\"dp_exposed\"", "\"dp_expose\"");
  text = replaced(text, "\"value\": 0.25", "\"value\": 25");
  text = replaced(text, "\"precision_aware_optimizer\": [\"bf16\"]", "\"precision_aware_optimizer\": [\"bf\"]");
  text = replaced(text, "\"bucket_elements\": 134217728", "\"bucket_elements\": -1");
  text = replaced(text, "\"optimizer_state_dtype\": \"f32\"", "\"optimizer_state_dtype\": \"fp32\"");
  const auto path = write("megatron_2504.json", text);
  const std::string message = refusal([&] { read_stack(path, kDataFolder); });
  EXPECT_PRED2(says, message, "layer_split: \"evenly\" is unknown");
  EXPECT_PRED2(says, message, "did you mean even");
  EXPECT_PRED2(says, message, "fp8_params");
  EXPECT_PRED2(says, message, "constants.dp_exposed: is missing");
  EXPECT_PRED2(says, message, "did you mean dp_exposed");
  EXPECT_PRED2(says, message, "constants.graphs_gap_factor.value: is 25, but must be a number from 0 to 1");
  EXPECT_PRED2(says, message, "bucket_elements: is -1");
  EXPECT_PRED2(says, message, "optimizer_state_dtype: \"fp32\" is unknown");
  EXPECT_PRED2(says, message, "precision_aware_optimizer: \"bf\" is unknown");
  EXPECT_EQ(count_of(message, "perfbench: error:"), 8u);
}

TEST_F(StackFiles, AConstantIsNeverNull) {
  const auto path = write("megatron_2504.json", replaced(megatron(), "\"graphs_gap_factor\": {\"value\": 0.25",
                                                         "\"graphs_gap_factor\": {\"value\": null"));
  EXPECT_PRED2(says, refusal([&] { read_stack(path, kDataFolder); }), "constants.graphs_gap_factor.value: is null");
}

TEST_F(StackFiles, AFitNamesItsRows) {
  const std::string fitted = R"("gemm_bf16": {"fitted_on": ["a", "b"], )";
  EXPECT_EQ(read_stack(write("megatron_2504.json", replaced(megatron(), "\"gemm_bf16\": {", fitted)), kDataFolder)
                .constants.gemm_bf16,
            read_stack(kDataFolder / "stacks" / "megatron_2504.json", kDataFolder).constants.gemm_bf16);
  const auto path =
      write("megatron_2504.json", replaced(megatron(), "\"gemm_bf16\": {", R"("gemm_bf16": {"fitted_on": 7, )"));
  EXPECT_PRED2(says, refusal([&] { read_stack(path, kDataFolder); }),
               "constants.gemm_bf16.fitted_on: is 7, but must be a list of texts");
}

TEST_F(StackFiles, AStackSaysOnlyWhatDiffers) {
  const auto path = write("mine.json", R"({"name": "mine", "extends": "megatron_2504", "source": "a test",
      "tp_overlap": false, "constants": {"step_fixed_s": {"value": 0.0, "source": "a test"}}})");
  const Stack mine = read_stack(path, kDataFolder);
  const Stack base = read_stack(kDataFolder / "stacks" / "megatron_2504.json", kDataFolder);
  EXPECT_EQ(mine.extends, std::vector<std::string>{"megatron_2504"});
  EXPECT_TRUE(mine.aliases.empty());
  EXPECT_FALSE(mine.preferred);
  EXPECT_FALSE(mine.tp_overlap);
  EXPECT_EQ(mine.constants.step_fixed_s, 0.0);
  EXPECT_EQ(mine.constants.gemm_fp8, base.constants.gemm_fp8);
  EXPECT_EQ(mine.bucket_elements, base.bucket_elements);
}

TEST_F(StackFiles, AConstantIsOwnedByTheFileThatStatesIt) {
  const auto path = write("mine.json", R"({"name": "mine", "extends": "megatron_2504", "source": "a test",
      "constants": {"gemm_fp8": {"value": 0.8, "prior": 0.9, "deviation": 0.1, "source": "a test"},
                    "op_gap_s": {"value": 1e-5, "source": "a value of its own, that nobody fits"}}})");
  std::map<std::string, std::string> owners;
  for (const FittedConstant& constant : read_stack(path, kDataFolder).fitted) owners[constant.key] = constant.owner;
  EXPECT_EQ(owners.at("gemm_fp8"), "mine");
  EXPECT_EQ(owners.at("dp_exposed"), "megatron_2504");
  EXPECT_EQ(owners.at("gemm_time_ampere"), "physics");
  EXPECT_FALSE(owners.contains("op_gap_s"));
}

TEST_F(StackFiles, AFileOfOnesOwnMayHaveTheNameOfTheOneThatItExtends) {
  const auto path = write("megatron_2504.json", R"({"name": "megatron_2504", "extends": "megatron_2504",
      "source": "a test", "tp_overlap": false})");
  EXPECT_FALSE(read_stack(path, kDataFolder).tp_overlap);
}

TEST_F(StackFiles, APriorComesWithItsDeviation) {
  const auto path = write("mine.json", R"({"name": "mine", "extends": "megatron_2504", "source": "a test",
      "constants": {"gemm_fp8": {"value": 0.8, "prior": 0.9, "source": "a test"},
                    "dp_exposed": {"value": 0.2, "prior": 0, "deviation": 3, "source": "a test"}}})");
  const std::string message = refusal([&] { read_stack(path, kDataFolder); });
  EXPECT_PRED2(says, message, "constants.gemm_fp8.deviation: is missing beside a prior");
  EXPECT_PRED2(says, message, "constants.dp_exposed.prior: is 0, but must be above 0");
  EXPECT_PRED2(says, message, "constants.dp_exposed.deviation: is 3");
}

TEST_F(StackFiles, KernelsAreOfAnArchitecture) {
  const auto path = write("mine.json", R"({"name": "mine", "extends": "megatron_2504", "source": "a test",
      "attention_kernels": {"hoper": "early", "blackwell": "late"}})");
  const std::string message = refusal([&] { read_stack(path, kDataFolder); });
  EXPECT_PRED2(says, message, "attention_kernels: \"hoper\" is no architecture");
  EXPECT_PRED2(says, message, "did you mean hopper");
  EXPECT_PRED2(says, message, "attention_kernels: \"late\" is unknown");
}

TEST(StackConstants, AreThoseOfAnArchitecture) {
  Stack stack;
  stack.constants = {
      .gemm_bf16 = 0.8, .gemm_fp8 = 0.6, .gemm_time_blackwell = 2.0, .attention = 1.2, .attention_time_early = 1.5};
  stack.attention_kernels = {{Architecture::hopper, AttentionKernels::early}};
  SystemSpec system;
  EXPECT_DOUBLE_EQ(constants_on(stack, system).attention, 1.2);
  system.architecture = Architecture::hopper;
  const StackConstants hopper = constants_on(stack, system);
  EXPECT_DOUBLE_EQ(hopper.attention, 0.8);
  EXPECT_DOUBLE_EQ(hopper.gemm_bf16, 0.8);
  system.architecture = Architecture::blackwell;
  const StackConstants blackwell = constants_on(stack, system);
  EXPECT_DOUBLE_EQ(blackwell.attention, 1.2);
  EXPECT_DOUBLE_EQ(blackwell.gemm_bf16, 0.4);
  EXPECT_DOUBLE_EQ(blackwell.gemm_fp8, 0.3);
  system.product_time = 1.25;
  EXPECT_DOUBLE_EQ(constants_on(stack, system).gemm_bf16, 0.32);
}

}  // namespace
}  // namespace perfbench
