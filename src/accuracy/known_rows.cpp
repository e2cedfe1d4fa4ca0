#include "accuracy/known_rows.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "cost/model_flops.h"
#include "rows/odd_rows.h"
#include "rows/published_run.h"
#include "runners/plan_row.h"
#include "sim/simulate.h"

namespace perfbench {
namespace {

constexpr double kStep = 0.25;  // of the numerical slopes, in deviations of the prior

std::string document_of(const PublishedRow& row) { return row.source.substr(0, row.source.find(".csv")); }

std::optional<double> mfu_of(const Job& job, double tokens_per_s) {
  const std::optional<double> peak = job.system.peak_flops_per_s(job.precision);
  const std::optional<double> flops =
      model_flops_per_token(job.model, job.task, job.seq_len, job.stack.flops_convention);
  if (!peak || !flops) return std::nullopt;
  return tokens_per_s * *flops / *peak;
}

bool needs_current_scaling(Precision precision) { return is_scaled(precision) && precision != Precision::fp8cs; }
bool has_other_format(Precision precision) { return precision == Precision::mxfp8 || precision == Precision::nvfp4; }

class Predictor {
 public:
  explicit Predictor(const Catalog& catalog)
      : catalog_(catalog), plan_(catalog), odd_(read_odd_rows(catalog.folder() / "published")) {}

  void add(const PublishedRun& run) {
    const std::optional<double>& published = run.tokens_per_s_per_gpu;
    if (!published) return skip(run, "prints no time and no tokens/s");
    KnownRow row{.published = run.row,
                 .document = document_of(run.row),
                 .software = software_of(run.job.stack),
                 .job = run.job,
                 .as_current_scaling = needs_current_scaling(run.job.precision),
                 .other_format = has_other_format(run.job.precision),
                 .published_tokens_per_s = *published,
                 .published_mfu = mfu_of(run.job, *published)};
    if (const auto found = odd_.find(run.row.row); found != odd_.end()) row.odd = found->second;
    if (row.as_current_scaling) row.job.precision = Precision::fp8cs;
    predict(std::move(row), run);
  }

  void skip(const PublishedRun& run, std::string reason) {
    skip(run.row, run.job.model, software_of(run.job.stack), std::move(reason));
  }
  void skip(const PublishedRow& row, const ModelSpec& model, std::string software, std::string reason) {
    known_.unpredicted.push_back({.published = row,
                                  .document = document_of(row),
                                  .software = std::move(software),
                                  .has_experts = has_mlp<Moe>(model),
                                  .reason = std::move(reason)});
  }

  KnownRows take() && {
    for (KnownRow& row : known_.rows) row.slopes.resize(known_.unknowns.size());
    return std::move(known_);
  }

 private:
  std::string software_of(const Stack& stack) const {
    const std::string& root = stack.extends.empty() ? stack.name : stack.extends.back();
    const std::vector<std::string> aliases = catalog_.stack(root, root).aliases;
    return aliases.empty() ? root : aliases.front();
  }

  void predict(KnownRow row, const PublishedRun& run) {
    const PlannedRow planned = plan_(row.job);
    if (planned.row.status != Status::ok && planned.row.status != Status::oom) return skip(run, planned.row.reason);
    row.peak_memory_gib = planned.row.peak_memory_gib;
    row.fits = planned.row.status == Status::ok;
    const double seconds = simulate(planned.plan, planned.cost).step_time_s;
    row.predicted_tokens_per_s = static_cast<double>(row.job.gbs) * static_cast<double>(row.job.seq_len) / seconds /
                                 static_cast<double>(row.job.num_gpus);
    for (const FittedConstant& constant : row.job.stack.fitted) {
      const std::size_t place = place_of(constant, row.job.stack.constants);
      row.slopes.resize(known_.unknowns.size());
      Job moved = row.job;
      moved.stack.constants.*constant.member *= std::exp(kStep * constant.prior.deviation);
      const CostModel cost = cost_model(moved, planned.cost.kernels);
      if (cost.stack == planned.cost.stack) continue;  // a constant of another architecture
      row.slopes[place] = -std::log(simulate(planned.plan, cost).step_time_s / seconds) / kStep;
    }
    known_.rows.push_back(std::move(row));
  }

  std::size_t place_of(const FittedConstant& constant, const StackConstants& constants) {
    const auto is_it = [&](const Unknown& other) { return other.key == constant.key && other.owner == constant.owner; };
    const auto found = std::ranges::find_if(known_.unknowns, is_it);
    if (found != known_.unknowns.end()) return static_cast<std::size_t>(found - known_.unknowns.begin());
    known_.unknowns.push_back(
        {.key = constant.key, .owner = constant.owner, .value = constants.*constant.member, .prior = constant.prior});
    return known_.unknowns.size() - 1;
  }

  const Catalog& catalog_;
  RowPlanner plan_;
  OddRows odd_;
  KnownRows known_;
};

bool is_kind(const PublishedRow& row, const std::pair<std::string, Task>& kind, const Catalog& catalog) {
  return row.has_result() && row.task == kind.second && catalog.has_model(row.model) &&
         catalog.model(row.model, row.model).name == kind.first;
}

// The models and tasks of the rows with a result.
std::set<std::pair<std::string, Task>> kinds_of(const PublishedTables& tables, const Catalog& catalog) {
  std::set<std::pair<std::string, Task>> kinds;
  for (const PublishedRow& row : tables.rows)
    if (row.has_result() && row.task && catalog.has_model(row.model))
      kinds.emplace(catalog.model(row.model, row.model).name, *row.task);
  return kinds;
}

}  // namespace

double Unknown::place() const { return std::log(value / prior.value) / prior.deviation; }
double Unknown::at(double place) const { return prior.value * std::exp(prior.deviation * place); }

double KnownRow::error() const { return std::log(predicted_tokens_per_s / published_tokens_per_s); }

KnownRows known_rows(const Catalog& catalog) {
  Predictor predictor(catalog);
  for (const std::string& system : catalog.system_names()) {
    const PublishedTables tables = read_published_tables(catalog, system);
    for (const auto& kind : kinds_of(tables, catalog)) {
      const ModelSpec model = catalog.model(kind.first, kind.first);
      const std::vector<PublishedRun> runs = published_runs(model, kind.second, tables, catalog);
      for (const PublishedRun& run : runs) predictor.add(run);
      for (const PublishedRow& row : tables.rows) {
        const auto is_it = [&](const PublishedRun& run) { return run.row.row == row.row; };
        if (is_kind(row, kind, catalog) && std::ranges::none_of(runs, is_it))
          predictor.skip(row, model, "", "what it prints is no job");
      }
    }
  }
  return std::move(predictor).take();
}

}  // namespace perfbench
