#include "accuracy/left_out.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

namespace perfbench {
namespace {

// What a row ran, but for how many replicas of it: rows of one such text weigh as one.
std::string configuration_of(const KnownRow& row) {
  const Job& job = row.job;
  const ParallelLayout& layout = job.layout;
  return fmt::format("{} {} {} {} mbs {} seq {} tp {} pp {} cp {} vp {} fsdp {} packed {}", job.model.name,
                     name(job.task), job.system.name, name(job.precision), job.mbs, job.seq_len, layout.tp, layout.pp,
                     layout.cp, layout.vp, layout.fsdp, job.packed);
}

std::string fold_of(const KnownRow& row, LeaveOut what) {
  switch (what) {
    case LeaveOut::row:
      return row.document + " " + configuration_of(row);
    case LeaveOut::release:
      return row.document;
    case LeaveOut::system:
      return row.job.system.name;
    case LeaveOut::model:
      return row.job.model.name;
  }
  return "";
}

template <typename Counts>
std::vector<double> weights(const KnownRows& known, Counts counts) {
  std::map<std::string, int> series;
  const auto series_of = [](const KnownRow& row) { return fold_of(row, LeaveOut::row); };
  for (const KnownRow& row : known.rows)
    if (counts(row)) ++series[series_of(row)];
  std::vector<double> weights;
  for (const KnownRow& row : known.rows) weights.push_back(counts(row) ? 1.0 / series[series_of(row)] : 0.0);
  return weights;
}

std::vector<double> places_of(const KnownRows& known) {
  std::vector<double> places;
  for (const Unknown& unknown : known.unknowns) places.push_back(unknown.place());
  return places;
}

bool has_experts(const KnownRow& row) { return has_mlp<Moe>(row.job.model); }

// Of all constants, those that no row without experts depends on.
std::vector<bool> constants_of_experts(const KnownRows& known) {
  std::vector<bool> of_experts(known.unknowns.size(), true);
  for (const KnownRow& row : known.rows) {
    if (has_experts(row)) continue;
    for (std::size_t k = 0; k < row.slopes.size(); ++k) of_experts[k] = of_experts[k] && row.slopes[k] == 0.0;
  }
  return of_experts;
}

RobustFit fit_rows(const KnownRows& known, const std::vector<double>& weights, bool with_experts,
                   const std::vector<double>& errors, const std::vector<std::vector<double>>& slopes) {
  std::vector<Equation> equations;
  for (std::size_t i = 0; i < known.rows.size(); ++i)
    if (weights[i] > 0.0 && has_experts(known.rows[i]) == with_experts)
      equations.push_back({.error = errors[i], .slopes = slopes[i], .weight = weights[i]});
  return robust_fit(equations, places_of(known));
}

// Rows without experts first, for what they depend on; then those with experts, for what is of experts alone, where the
// other constants then stand: what the model lacks of experts moves no prediction of others.
RobustFit fit_with(const KnownRows& known, const std::vector<double>& weights) {
  std::vector<double> errors;
  std::vector<std::vector<double>> slopes;
  for (const KnownRow& row : known.rows) {
    errors.push_back(row.error());
    slopes.push_back(row.slopes);
  }
  RobustFit fit = fit_rows(known, weights, false, errors, slopes);
  const std::vector<bool> of_experts = constants_of_experts(known);
  for (std::size_t i = 0; i < known.rows.size(); ++i) {
    for (std::size_t k = 0; k < slopes[i].size(); ++k) {
      if (of_experts[k]) continue;
      errors[i] += slopes[i][k] * fit.moves[k];
      slopes[i][k] = 0.0;
    }
  }
  const RobustFit experts = fit_rows(known, weights, true, errors, slopes);
  for (std::size_t k = 0; k < of_experts.size(); ++k) {
    if (!of_experts[k]) continue;
    fit.moves[k] = experts.moves[k];
    fit.deviations[k] = experts.deviations[k];
  }
  return fit;
}

// The weights of a fit that sees nothing of the fold.
std::vector<double> without(const KnownRows& known, std::vector<double> weights, const std::vector<std::string>& folds,
                            const std::string& fold, LeaveOut what) {
  std::set<std::string> configurations;
  if (what == LeaveOut::release)
    for (std::size_t i = 0; i < known.rows.size(); ++i)
      if (folds[i] == fold) configurations.insert(configuration_of(known.rows[i]));
  for (std::size_t i = 0; i < known.rows.size(); ++i)
    if (folds[i] == fold || configurations.contains(configuration_of(known.rows[i]))) weights[i] = 0.0;
  return weights;
}

}  // namespace

std::vector<double> fit_weights(const KnownRows& known) {
  return weights(known, [](const KnownRow& row) { return row.odd.empty() && !row.other_format; });
}

std::vector<double> mean_weights(const KnownRows& known) {
  return weights(known, [](const KnownRow& row) { return row.odd.empty(); });
}

RobustFit fit_all(const KnownRows& known) { return fit_with(known, fit_weights(known)); }

LeftOut left_out(const KnownRows& known, LeaveOut what) {
  LeftOut out;
  for (const KnownRow& row : known.rows) out.folds.push_back(fold_of(row, what));
  std::vector<double> all = fit_weights(known);
  out.errors.resize(known.rows.size());
  const std::set<std::string> names(out.folds.begin(), out.folds.end());
  for (const std::string& name : names) {
    RobustFit fit = fit_with(known, without(known, all, out.folds, name, what));
    for (std::size_t i = 0; i < known.rows.size(); ++i) {
      if (out.folds[i] != name) continue;
      const KnownRow& row = known.rows[i];
      out.errors[i] = row.error();
      for (std::size_t k = 0; k < fit.moves.size(); ++k) out.errors[i] += row.slopes[k] * fit.moves[k];
    }
    out.fold_names.push_back(name);
    out.fits.push_back(std::move(fit));
  }
  return out;
}

}  // namespace perfbench
