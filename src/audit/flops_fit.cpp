#include "audit/flops_fit.h"

#include <fmt/format.h>

#include <array>
#include <cmath>

#include "base/text.h"
#include "base/units.h"

namespace perfbench {
namespace {

std::optional<double> count(const AuditedRow& row, FlopsConvention convention, const FlopsQuirks& quirks) {
  const auto seq_len = count_of(row, "seq_len");
  if (row.model == nullptr || !row.task || !seq_len) return std::nullopt;
  return model_flops_per_token(*row.model, *row.task, *seq_len, convention, quirks);
}

struct Factor {
  double value;
  std::string_view word;
};

constexpr std::array kFactors{Factor{2.0, "twice"},       Factor{0.5, "half"},        Factor{3.0, "3 times"},
                              Factor{1.0 / 3, "a third"}, Factor{4.0, "4 times"},     Factor{0.25, "a quarter"},
                              Factor{8.0, "8 times"},     Factor{0.125, "an eighth"}, Factor{1.5, "1.5 times"},
                              Factor{2.0 / 3, "2/3"},     Factor{10.0, "10 times"},   Factor{0.1, "a tenth"}};

const Factor* near_factor(double ratio) {
  for (const Factor& factor : kFactors)
    if (std::abs(ratio / factor.value - 1.0) <= 0.01) return &factor;
  return nullptr;
}

}  // namespace

bool FlopsFit::fits() const { return std::abs(deviation()) <= kFlopsTolerance + rounding; }

std::optional<double> flops_of_row(const AuditedRow& row) {
  if (!row.flops.convention) return std::nullopt;
  return count(row, *row.flops.convention, row.flops.quirks);
}

std::optional<double> flops_of_row(const AuditedRow& row, FlopsConvention convention) {
  return count(row, convention, {});
}

std::optional<FlopsFit> flops_fit(const AuditedRow& row) {
  const auto tflops = figure_of(row, "model_tflops_per_gpu"), printed = figure_of(row, "tokens_per_s_per_gpu");
  const auto tokens = printed ? printed : tokens_of_step_time(row);
  const auto counted = flops_of_row(row);
  if (!tflops || !tokens || !counted) return std::nullopt;
  return FlopsFit{.tokens_per_s = *tokens,
                  .tokens_printed = printed.has_value(),
                  .implied = *tflops * kTera / *tokens,
                  .rounding = rounding_of(row, "model_tflops_per_gpu") +
                              rounding_of(row, printed ? "tokens_per_s_per_gpu" : "step_time_s"),
                  .convention = *row.flops.convention,
                  .counted = *counted,
                  .plain = flops_of_row(row, *row.flops.convention).value_or(0.0)};
}

std::string factor_word(double ratio) {
  const Factor* factor = near_factor(ratio);
  return factor == nullptr ? "" : std::string(factor->word);
}

double whole_factor(double ratio) {
  const Factor* factor = near_factor(ratio);
  return factor == nullptr ? ratio : factor->value;
}

std::string quirks_text(const FlopsQuirks& quirks) {
  std::vector<std::string> words;
  if (quirks.kv_heads) words.push_back(fmt::format("{} key-value heads", *quirks.kv_heads));
  if (quirks.head_dim) words.push_back(fmt::format("heads {} wide", *quirks.head_dim));
  if (quirks.causal) words.emplace_back(*quirks.causal ? "the causal half of attention" : "attention in full");
  if (quirks.flops_per_token) words.push_back(fmt::format("{:.6g} FLOPs per token", *quirks.flops_per_token));
  return join(words, ", ");
}

}  // namespace perfbench
