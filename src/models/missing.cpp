#include "models/missing.h"

#include "base/error.h"

namespace perfbench {
namespace {

std::optional<Missing> missing_precision(const Job& job) {
  const Precision precision = job.precision;
  if (precision == Precision::fp32 || precision == Precision::bf16 || precision == Precision::fp8cs)
    return std::nullopt;
  return Missing{std::string(name(precision)), "the precision " + std::string(name(precision))};
}

}  // namespace

std::optional<Missing> missing(const std::monostate&, const Job& job) {
  return Missing{"model family", "the layer pattern of " + job.model.family};
}

std::optional<Missing> missing(const Job& job) {
  check((job.task == Task::lora) == job.lora.has_value(), "missing: adapters belong to the task lora alone");
  const auto of = [&](const auto& part) { return missing(part, job); };
  for (const LayerSpec& kind : job.model.kinds) {
    const bool bare = std::holds_alternative<std::monostate>(kind.mlp);
    if (auto found = bare ? std::nullopt : std::visit(of, kind.mlp)) return found;
  }
  for (const LayerSpec& kind : job.model.kinds) {
    if (auto found = std::visit(of, kind.mixer)) return found;
    if (auto found = std::visit(of, kind.mlp)) return found;
    if (auto found = missing(kind, job)) return found;
  }
  if (job.model.video) return missing(*job.model.video, job);
  if (auto found = missing_adapters(job)) return found;
  return missing_precision(job);
}

}  // namespace perfbench
