#include "program/policy.h"

#include <algorithm>

namespace perfbench {

Policy policy_of(const Job& job) {
  const Stack& stack = job.stack;
  const bool fp8 = job.precision == Precision::fp8cs;
  const auto& precisions = job.system.precisions;
  const bool blackwell = std::find(precisions.begin(), precisions.end(), Precision::mxfp8) != precisions.end();
  return {
      .fp8 = fp8,
      .fp8_transposes = fp8 && !blackwell,
      .fp8_held = fp8 && stack.fp8_params,
      .sequence_parallel = stack.sequence_parallel && job.layout.tp > 1,
      .regather = stack.regather_in_backward,
      .fused_grad_accumulation = stack.fused_grad_accumulation,
      .main_grad = stack.main_grad_dtype,
      .distributed_optimizer = stack.distributed_optimizer,
      .bucket_elements = stack.bucket_elements,
      .optimizer_bytes = (stack.master_weights ? 4 : 0) + 2 * size_bytes(stack.optimizer_state_dtype),
      .loss_seed = 1.0 / (static_cast<double>(job.gbs) * static_cast<double>(job.seq_len)),
  };
}

}  // namespace perfbench
