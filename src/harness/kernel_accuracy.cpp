#include "harness/kernel_accuracy.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "base/units.h"
#include "harness/statistics.h"

namespace perfbench {
namespace {

struct ShapeText {
  std::string operator()(const GemmShape& s) const {
    const std::string batch = s.batch > 1.0 ? fmt::format(" x {:.0f}", s.batch) : "";
    return fmt::format("m {:.0f} n {:.0f} k {:.0f} {}{}", s.m, s.n, s.k, name(s.dtype), batch);
  }
  std::string operator()(const AttentionWork& w) const {
    const AttentionShape& s = w.shape;
    return fmt::format("batch {:.0f} seq {:.0f} heads {:.0f}/{:.0f} dim {:.0f}{}{}", s.batch, s.seq, s.heads,
                       s.kv_heads, s.head_dim, s.attended > 0.0 ? " packed" : "",
                       w.blocks > 1.0 ? fmt::format(" x {:.0f}", w.blocks) : "");
  }
  std::string operator()(const QuantizeWork& w) const {
    return fmt::format("{:.0f} elements, {} layout{}", w.elements, w.layouts, w.layouts == 1 ? "" : "s");
  }
  std::string operator()(const MemoryWork& w) const { return fmt::format("{:.1f} MiB", w.bytes / (kGiB / 1024.0)); }
};

struct Kind {
  const char* operator()(const GemmShape&) const { return "gemm"; }
  const char* operator()(const AttentionWork&) const { return "attention"; }
  const char* operator()(const QuantizeWork&) const { return "quantize"; }
  const char* operator()(const MemoryWork&) const { return "memory"; }
};

NamedValues named(const std::string& signature, const MeasuredKernel& kernel) {
  NamedValues values{{"op", std::string(op_of(signature))}, {"kind", std::visit(Kind{}, kernel.work)}};
  const auto* gemm = std::get_if<GemmShape>(&kernel.work);
  values.emplace("dtype", gemm == nullptr ? "" : std::string(name(gemm->dtype)));
  return values;
}

// The least value that nine in ten do not exceed.
double p90(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const auto rank = static_cast<std::size_t>(std::ceil(0.9 * static_cast<double>(values.size())));
  return values[rank - 1];
}

OpAccuracy accuracy(const std::string& op, const std::vector<double>& errors) {
  return {.op = op, .kernels = static_cast<std::int64_t>(errors.size()), .median = median(errors), .p90 = p90(errors)};
}

}  // namespace

std::vector<std::string> kernel_names() { return {"op", "kind", "dtype"}; }

std::vector<KernelError> kernel_errors(const KernelTable& table, const Where& where, const KernelConstants& constants,
                                       const Hardware& hardware, const StackConstants& stack) {
  std::vector<KernelError> errors;
  for (const auto& [signature, kernel] : table.kernels) {
    if (!matches(where, named(signature, kernel))) continue;
    errors.push_back({.signature = signature,
                      .op = std::string(op_of(signature)),
                      .shape = std::visit(ShapeText{}, kernel.work),
                      .predicted_s = kernel_time_s(kernel.work, constants, hardware, stack),
                      .measured_s = kernel.seconds});
  }
  std::stable_sort(errors.begin(), errors.end(), [](const KernelError& a, const KernelError& b) {
    return std::abs(a.error()) > std::abs(b.error());
  });
  return errors;
}

std::vector<OpAccuracy> accuracy_by_op(const std::vector<KernelError>& errors) {
  if (errors.empty()) return {};
  std::vector<double> all;
  std::map<std::string, std::vector<double>> by_op;
  for (const KernelError& error : errors) {
    all.push_back(std::abs(error.error()));
    by_op[error.op].push_back(all.back());
  }
  std::vector<OpAccuracy> lines = {accuracy("all", all)};
  for (const auto& [op, of_op] : by_op) lines.push_back(accuracy(op, of_op));
  return lines;
}

}  // namespace perfbench
