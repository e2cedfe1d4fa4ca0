#include "program/policy.h"

#include <algorithm>
#include <optional>
#include <string>

namespace perfbench {

namespace {

// The words are those that job/memory_rules.cpp lets through.
Recompute recompute_of(const Job& job) {
  Recompute recompute{
      .layers = job.recompute_layers, .ops = job.recompute_ops, .whole = job.stack.recompute_whole_layer};
  for (const std::string& word : job.recompute_modules) {
    if (const std::optional<Module> module = module_of(word)) recompute.modules.insert(*module);
  }
  return recompute;
}

// Per parameter, of the optimizer's own copy where it has one. The 16 bits that a BF16 weight lacks make it an FP32
// one.
std::int64_t master_bytes(const Job& job) {
  const auto& aware = job.stack.precision_aware_optimizer;
  return std::ranges::find(aware, job.precision) == aware.end() ? 4 : 2;
}

}  // namespace

Policy policy_of(const Job& job) {
  const Stack& stack = job.stack;
  const bool fp8 = job.precision == Precision::fp8cs;
  const bool blackwell = job.system.architecture >= Architecture::blackwell;
  const bool fp32 = job.precision == Precision::fp32;
  const bool fsdp = job.layout.fsdp && job.layout.dp * job.layout.cp > 1;
  const bool f32_params = !fp32 && stack.param_dtype == DType::f32;  // wider than what is computed with
  const bool f32_shares = fsdp && f32_params;
  const bool master = !fp32 && !f32_shares && (stack.master_weights || f32_params);
  const DType grad = fp32 ? DType::f32 : stack.main_grad_dtype;
  const bool whole_main_grads = !fsdp || stack.fsdp_defer_grad_reduce;  // that a product can be added to
  return {
      .dtype = fp32 ? DType::f32 : DType::bf16,
      .fp8 = fp8,
      .fp8_transposes = fp8 && !blackwell,
      .fp8_held = fp8 && stack.fp8_params,
      .adapters_only = job.lora.has_value(),
      .recast_frozen = stack.recast_frozen_weights,
      .sequence_parallel = stack.sequence_parallel && job.layout.tp > 1,
      .regather = stack.regather_in_backward,
      .fused_grad_accumulation = stack.fused_grad_accumulation && whole_main_grads,
      .fused_adapter_gradients = stack.fused_adapter_gradients && job.lora,
      .eager_cross_entropy = stack.eager_cross_entropy,
      .dummy_weight_grads = stack.dummy_weight_grads,
      .main_grad = f32_shares && !stack.fsdp_defer_grad_reduce ? DType::f32 : grad,
      .reduced_grad = grad,
      .distributed_optimizer = stack.distributed_optimizer || fsdp,
      .bucket_elements = stack.bucket_elements,
      .master_weights = master,
      .moments = stack.optimizer_state_dtype,
      .optimizer_bytes = (master ? master_bytes(job) : 0) + std::int64_t{2} * size_bytes(stack.optimizer_state_dtype),
      .fsdp = fsdp,
      .fsdp_f32 = f32_shares,
      .fsdp_reshard = stack.fsdp_reshard_after_forward,
      .fsdp_keep = !stack.fsdp_reshard_after_forward && job.layout.pp > 1,
      .fsdp_defer_reduce = stack.fsdp_defer_grad_reduce,
      .gate = job.gate,
      .dispatcher = job.dispatcher,
      .expert_capacity = job.expert_capacity,
      .recompute = recompute_of(job),
      .offload_layers = job.offload_layers,
  };
}

}  // namespace perfbench
