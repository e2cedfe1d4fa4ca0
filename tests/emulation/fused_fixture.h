// What tests of ops as own kernels share: NaNs in fresh memory, and Programs around one op of any width.
#pragma once

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "emulation/block.h"
#include "ops/autograd.h"
#include "program/backward.h"
#include "program/builder.h"

namespace perfbench {

// New tensors are full of NaNs: an element that no kernel writes shows. One thread: kernels run on one, and the
// reference is small.
class Poisoned {
 public:
  Poisoned() {
    at::set_num_threads(1);
    at::globalContext().setDeterministicAlgorithms(true, true);
    at::globalContext().setDeterministicFillUninitializedMemory(true);
    EXPECT_TRUE(at::empty({3}).isnan().all().item<bool>());
  }
  ~Poisoned() { at::globalContext().setDeterministicAlgorithms(false, false); }
  Poisoned(const Poisoned&) = delete;
  Poisoned& operator=(const Poisoned&) = delete;
};

// Both orders of threads and blocks: whatever differs between them is a race.
inline void expect_kernels_like_autograd(const OpCase& c) {
  const Poisoned poisoned;
  for (const emulation::Order order : {emulation::Order::ascending, emulation::Order::descending}) {
    SCOPED_TRACE(c.name + (order == emulation::Order::ascending ? ", ascending" : ", descending"));
    emulation::set_order(order);
    const std::int64_t before = emulation::launches();
    expect_like_autograd(c, at::kCPU);
    EXPECT_GT(emulation::launches(), before) << "no kernel has run";
  }
  emulation::set_order(emulation::Order::ascending);
}

// A case of its own, outside the table: `forward` is given the input (rows, width) and returns what leaves the chunk.
inline OpCase case_of(const std::string& name, DType dtype, Shape shape,
                      const std::function<ValueId(Builder&, Program&, ValueId)>& forward) {
  OpCase c{.name = name + "_" + std::string(perfbench::name(dtype)), .op = "", .policy = {}, .program = {}};
  c.policy = {.dtype = dtype, .main_grad = dtype, .master_weights = dtype != DType::f32};
  Builder build(c.program, c.policy);
  c.program.input = build.boundary("x", shape);
  c.program.output = forward(build, c.program, c.program.input);
  derive_backward(c.program, c.policy);
  c.bound = dtype == DType::f32 ? ErrorBound{2e-5, "float32: sums in another order"}
                                : ErrorBound{1.6e-2, "bf16: at most four roundings of 2^-8"};
  return c;
}

inline ValueId replicated(Builder& b, const char* name, Shape shape) { return b.weight(name, shape, kReplicated, {}); }

}  // namespace perfbench
