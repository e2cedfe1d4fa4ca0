// What the modelled time of a kernel depends on, apart from the Program that it stands in: what a measured kernel is
// kept with, so that it can be predicted again.
#pragma once

#include <variant>

#include "cost/attention_time.h"
#include "cost/gemm_time.h"
#include "cost/hardware.h"
#include "cost/kernel_constants.h"
#include "job/stack.h"
#include "program/program.h"

namespace perfbench {

struct AttentionWork {
  AttentionShape shape{};
  double blocks = 1.0;  // that a rank works through over the ring of context parallelism
  bool backward = false;
  bool operator==(const AttentionWork&) const = default;
};

struct QuantizeWork {  // amax and cast
  double elements = 0.0;
  int layouts = 1;
  bool operator==(const QuantizeWork&) const = default;
};

struct MemoryWork {  // as long as its bytes take
  double bytes = 0.0;
  bool operator==(const MemoryWork&) const = default;
};

using KernelWork = std::variant<GemmShape, AttentionWork, QuantizeWork, MemoryWork>;

// Of an op that computes. Ops that are no product, no attention and no quantisation take as long as their bytes: an
// adapter's second product, too, which does a few FLOPs for each byte.
KernelWork kernel_work(const Op& op, const Program& program);

// Seconds of the kernel alone, without the gap before it.
double kernel_time_s(const KernelWork& work, const KernelConstants& constants, const Hardware& hardware,
                     const StackConstants& stack);

// FLOPs of the op's matrix products and attention; 0 for all others.
double op_flops(const Op& op, const Program& program);

// Bytes that the op's kernel reads and writes; 0 for collectives.
double op_bytes(const Op& op, const Program& program);

}  // namespace perfbench
