// What tiny Programs around one op have in common.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "ops/op_cases.h"
#include "program/backward.h"
#include "program/builder.h"
#include "program/passes.h"

namespace perfbench {

using Forward = std::function<ValueId(Builder&, Program&)>;

inline constexpr ErrorBound kFloat{2e-5, "float32: sums of at most a few hundred terms, 2^-24 each"};
inline constexpr ErrorBound kBrain{1.6e-2, "bf16: at most four roundings of 2^-8 between an input and a result"};
inline constexpr ErrorBound kFp8{8e-3, "both sides see the same FP8 numbers: two roundings of 2^-8 to bf16 remain"};

inline ErrorBound bound_of(const Policy& policy) {
  if (policy.fp8) return kFp8;
  return policy.dtype == DType::f32 ? kFloat : kBrain;
}

// `bf16`, main gradients in bf16 and FP32 master weights, or `f32` alone.
inline Policy plain(DType dtype) { return {.dtype = dtype, .main_grad = dtype, .master_weights = dtype != DType::f32}; }

struct Count {
  double flops = 0.0, bytes = 0.0;
};

inline OpCase finish(const std::string& name, std::string_view op, const Policy& policy, const Program& program,
                     const Count& count) {
  return {.name = name,
          .op = op,
          .policy = policy,
          .program = program,
          .flops = count.flops,
          .bytes = count.bytes,
          .bound = bound_of(policy)};
}

// `forward` returns what leaves the chunk, or kNoValue after a loss.
inline OpCase make(const std::string& name, std::string_view op, const Policy& policy, const Count& count,
                   const Forward& forward) {
  Program program;
  Builder build(program, policy);
  program.output = forward(build, program);
  derive_backward(program, policy);
  if (policy.fused_grad_accumulation) fuse_grad_accumulation(program);
  if (policy.fused_adapter_gradients) fuse_adapter_gradients(program);
  add_optimizer(program, policy);
  return finish(name + "_" + std::string(perfbench::name(policy.dtype)), op, policy, program, count);
}

inline ValueId input(Builder& b, Program& p, Shape shape) { return p.input = b.boundary("x", shape); }
inline ValueId weight(Builder& b, const char* name, Shape shape) { return b.weight(name, shape, kReplicated, {}); }

}  // namespace perfbench
