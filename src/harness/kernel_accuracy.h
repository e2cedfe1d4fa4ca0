// How far predicted times of kernels are from measured ones.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cost/kernel_table.h"
#include "harness/where.h"

namespace perfbench {

struct KernelError {
  std::string signature{}, op{};
  std::string shape{};  // in short: "m 8192 n 4096 k 4096 bf16"
  double predicted_s = 0.0, measured_s = 0.0;
  double error() const { return predicted_s / measured_s - 1.0; }  // above 0: predicted too slow
};

// Absolute errors of one op's kernels.
struct OpAccuracy {
  std::string op{};  // "all": every op
  std::int64_t kernels = 0;
  double median = 0.0, p90 = 0.0;  // of abs(error)
};

// Names that a filter of kernels knows: op, kind (gemm, attention, quantize, memory) and dtype (of a product).
std::vector<std::string> kernel_names();

// Kernels of the table that agree with `where`, predicted by the cost model without any table; worst first.
std::vector<KernelError> kernel_errors(const KernelTable& table, const Where& where, const KernelConstants& constants,
                                       const Hardware& hardware, const StackConstants& stack);

// All first, then by op in alphabetical order. Empty for no errors.
std::vector<OpAccuracy> accuracy_by_op(const std::vector<KernelError>& errors);

}  // namespace perfbench
