#include "accuracy/groups.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <set>
#include <string_view>

#include "accuracy/error_range.h"
#include "harness/where.h"

namespace perfbench {
namespace {

struct Group {
  std::string name, filter;
};

const std::array kGroups{
    Group{"all", ""},
    Group{"fp8_tables", "document=nemo_2504_fp8"},
    Group{"automodel", "document=automodel_h100_bf16"},
    Group{"wan", "document=dfm_wan"},
    Group{"megatron_other_releases_dense", "software=megatron,preferred=0,experts=0"},
    Group{"experts", "experts=1"},
    Group{"fp8_tables_experts", "document=nemo_2504_fp8,experts=1"},
    Group{"automodel_experts", "document=automodel_h100_bf16,experts=1"},
    Group{"fsdp", "software=automodel,preferred=0"},
};

const std::vector<std::string> kNames{"row",   "document", "software",  "stack",   "preferred", "system",
                                      "model", "task",     "precision", "experts", "fsdp"};

NamedValues values_of(const PublishedRow& row, const std::string& document, const std::string& software,
                      bool has_experts) {
  NamedValues values{{"row", row.row},
                     {"document", document},
                     {"software", software},
                     {"stack", row.stack},
                     {"system", row.system},
                     {"model", row.model},
                     {"experts", has_experts ? "1" : "0"}};
  if (row.task) values.emplace("task", std::string(name(*row.task)));
  if (row.precision) values.emplace("precision", std::string(name(*row.precision)));
  return values;
}

NamedValues values_of(const KnownRow& row) {
  NamedValues values = values_of(row.published, row.document, row.software, has_mlp<Moe>(row.job.model));
  values.emplace("model", row.job.model.name);
  values.emplace("preferred", row.job.stack.preferred ? "1" : "0");
  values.emplace("fsdp", row.job.layout.fsdp ? "1" : "0");
  return values;
}

NamedValues values_of(const UnpredictedRow& row) {
  return values_of(row.published, row.document, row.software, row.has_experts);
}

using Places = std::vector<std::size_t>;  // of rows

// Errors of the rows at these places; held: whether the likely range holds each.
Errors errors_of(const KnownRows& known, const Places& places, const std::vector<double>& errors,
                 const std::vector<std::optional<bool>>& held) {
  const std::vector<double> weights = mean_weights(known);
  Errors result;
  double total = 0.0, judged = 0.0, inside = 0.0;
  std::vector<std::pair<double, double>> sizes;
  for (const std::size_t i : places) {
    const double error = percent_of(errors[i]);
    total += weights[i];
    result.mape_percent += weights[i] * std::abs(error);
    result.bias_percent += weights[i] * error;
    sizes.emplace_back(std::abs(error), weights[i]);
    if (std::abs(error) > std::abs(result.worst_percent)) {
      result.worst_percent = error;
      result.worst_row = known.rows[i].published.row;
    }
    if (held.empty() || !held[i]) continue;
    judged += weights[i];
    inside += *held[i] ? weights[i] : 0.0;
  }
  result.mape_percent /= total;
  result.bias_percent /= total;
  result.median_percent = weighted_quantile(sizes, 0.5);
  if (judged > 0.0) result.coverage_percent = 100.0 * inside / judged;
  return result;
}

std::vector<double> predicted_errors(const KnownRows& known) {
  std::vector<double> errors;
  for (const KnownRow& row : known.rows) errors.push_back(row.error());
  return errors;
}

std::vector<std::optional<bool>> held_as_predicted(const KnownRows& known) {
  std::vector<std::optional<bool>> held;
  for (const KnownRow& row : known.rows) {
    const StackConstants& constants = row.job.stack.constants;
    held.emplace_back(ErrorRange{.low = constants.step_time_low, .high = constants.step_time_high}.holds(row.error()));
  }
  return held;
}

// By row: log(mean MFU of the other rows of its system / its own); unset where there is none.
std::vector<std::optional<double>> copied_errors(const KnownRows& known, const LeftOut& out) {
  const std::vector<double> weights = mean_weights(known);
  std::vector<std::optional<double>> errors(known.rows.size());
  for (std::size_t i = 0; i < known.rows.size(); ++i) {
    double total = 0.0, sum = 0.0;
    for (std::size_t j = 0; j < known.rows.size(); ++j) {
      const bool other = known.rows[j].job.system.name == known.rows[i].job.system.name && out.folds[j] != out.folds[i];
      if (!other || !known.rows[j].published_mfu) continue;
      total += weights[j];
      sum += weights[j] * *known.rows[j].published_mfu;
    }
    if (total > 0.0 && known.rows[i].published_mfu) errors[i] = std::log(sum / total / *known.rows[i].published_mfu);
  }
  return errors;
}

struct Judged {
  const KnownRows& known;
  const LeftOut& out;
  std::vector<double> predicted;
  std::vector<std::optional<bool>> held, held_left_out;
  std::vector<std::optional<double>> copied;
};

GroupAccuracy accuracy_of(const Group& group, const Judged& judged) {
  GroupAccuracy accuracy{.name = group.name, .filter = group.filter};
  const Where where = group.filter.empty() ? Where{} : parse_where(group.filter, "filter", kNames);
  Places places, copied_places;
  std::vector<double> copied(judged.known.rows.size());
  for (std::size_t i = 0; i < judged.known.rows.size(); ++i) {
    const KnownRow& row = judged.known.rows[i];
    if (!row.shown || !matches(where, values_of(row))) continue;
    if (!row.odd.empty()) {
      ++accuracy.odd;
      continue;
    }
    places.push_back(i);
    accuracy.oom += row.fits ? 0 : 1;
    if (!judged.copied[i]) continue;
    copied[i] = *judged.copied[i];
    copied_places.push_back(i);
  }
  for (const UnpredictedRow& row : judged.known.unpredicted)
    if (matches(where, values_of(row))) ++accuracy.unpredicted;
  accuracy.rows = static_cast<std::int64_t>(places.size());
  if (!places.empty()) {
    accuracy.predicted = errors_of(judged.known, places, judged.predicted, judged.held);
    accuracy.left_out = errors_of(judged.known, places, judged.out.errors, judged.held_left_out);
  }
  if (!copied_places.empty()) accuracy.copied = errors_of(judged.known, copied_places, copied, {});
  return accuracy;
}

}  // namespace

double percent_of(double error) { return 100.0 * (std::exp(error) - 1.0); }

std::vector<GroupAccuracy> group_accuracies(const KnownRows& known, const LeftOut& out) {
  const Judged judged{.known = known,
                      .out = out,
                      .predicted = predicted_errors(known),
                      .held = held_as_predicted(known),
                      .held_left_out = held_when_left_out(known, out),
                      .copied = copied_errors(known, out)};
  std::vector<Group> groups(kGroups.begin(), kGroups.end());
  std::set<std::string> documents, systems;
  for (const KnownRow& row : known.rows) {
    if (!row.shown) continue;
    documents.insert(row.document);
    systems.insert(row.job.system.name);
  }
  for (const std::string& document : documents) groups.push_back({document, "document=" + document});
  for (const std::string& system : systems) groups.push_back({system, "system=" + system});
  std::vector<GroupAccuracy> accuracies;
  accuracies.reserve(groups.size());
  for (const Group& group : groups) accuracies.push_back(accuracy_of(group, judged));
  return accuracies;
}

std::vector<std::string> known_row_names() { return kNames; }

void show_where(KnownRows& known, const std::string& where) {
  const Where conditions = parse_where(where, "--where", kNames);
  for (KnownRow& row : known.rows) row.shown = matches(conditions, values_of(row));
  std::erase_if(known.unpredicted, [&](const UnpredictedRow& row) { return !matches(conditions, values_of(row)); });
}

}  // namespace perfbench
