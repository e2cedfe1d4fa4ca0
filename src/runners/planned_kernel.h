// A kernel that is to be timed alone.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "job/catalog.h"
#include "job/system_spec.h"
#include "program/program.h"

namespace perfbench {

struct PlannedKernel {
  std::string signature;
  std::shared_ptr<const Program> program;  // whose values the op names
  Op op;
};

// How far the grid goes.
struct GridLimits {
  std::int64_t gemm = 16384;                        // m, n, k
  std::int64_t seq = 16384;                         // of attention
  std::int64_t copy_bytes = std::int64_t{4} << 30;  // of each operand of a copy
};

// What a CPU runs in a minute or so.
inline constexpr GridLimits kCpuGrid{.gemm = 1024, .seq = 2048, .copy_bytes = std::int64_t{64} << 20};

// Kernels of no job in particular: products in BF16 and, where the system has it, FP8, with m, n and k from 512 up;
// causal attention forward and backward over the heads of the catalog's models; additions from 1 MiB up. Small ones
// first.
std::vector<PlannedKernel> kernel_grid(const SystemSpec& system, const Catalog& catalog, const GridLimits& limits);

}  // namespace perfbench
