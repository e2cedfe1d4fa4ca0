#include "harness/diff.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "base/text.h"
#include "rows/metrics.h"

namespace perfbench {
namespace {

// One name and value for each thing that was asked, and the method: what makes two rows the same configuration.
using Key = std::vector<std::pair<std::string_view, std::string>>;

Key key_of(const Row& row) {
  Key key;
  for (const Metric& metric : metrics())
    if (metric.group == MetricGroup::asked) key.emplace_back(metric.name, show(metric, row));
  key.emplace_back("method", name(row.method));
  return key;
}

Key without_method(Key key) {
  key.pop_back();
  return key;
}

// "gbs: 128 there, 256 here" for each value that differs.
std::vector<std::string> differences(const Key& baseline, const Key& current) {
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < baseline.size(); ++i)
    if (baseline[i].second != current[i].second)
      texts.push_back(fmt::format("{} {} there, {} here", baseline[i].first, baseline[i].second, current[i].second));
  return texts;
}

using Index = std::map<Key, const Row*>;

Index index_of(const std::string& file, std::span<const Row> rows, std::vector<Problem>& problems) {
  if (rows.empty()) problems.push_back({file, "has no rows", ""});
  Index index;
  std::set<Key> told;
  for (const Row& row : rows) {
    if (row.model.empty() || row.system.empty())
      problems.push_back(
          {file, fmt::format("a row has no {}: {}", row.model.empty() ? "model" : "system", configuration_of(row)),
           "give it one, or leave the row out"});
    const Key key = key_of(row);
    if (!index.emplace(key, &row).second && told.insert(key).second)
      problems.push_back({file, fmt::format("the configuration {} stands more than once", configuration_of(row)),
                          "leave one row of it"});
  }
  return index;
}

// Which values of which names no two rows of the files share: "system: h100 in a.csv, b200 in b.csv".
std::vector<std::string> disjoint_values(const Diff& diff, std::span<const Row> baseline,
                                         std::span<const Row> current) {
  std::map<std::string_view, std::pair<std::set<std::string>, std::set<std::string>>> values;
  for (const Row& row : baseline)
    for (const auto& [name, value] : key_of(row)) values[name].first.insert(value);
  for (const Row& row : current)
    for (const auto& [name, value] : key_of(row)) values[name].second.insert(value);
  std::vector<std::string> texts;
  for (const auto& [name, sides] : values) {
    const auto& [there, here] = sides;
    const auto is_here = [&here = here](const std::string& value) { return here.contains(value); };
    if (std::any_of(there.begin(), there.end(), is_here)) continue;
    const auto list = [](const std::set<std::string>& set) {
      return join(std::vector<std::string>(set.begin(), set.end()), "/");
    };
    texts.push_back(fmt::format("{}: {} in {}, {} in {}", name, list(there), diff.baseline, list(here), diff.current));
  }
  return texts;
}

void refuse_strangers(const Diff& diff, std::span<const Row> baseline, std::span<const Row> current) {
  const std::vector<std::string> texts = disjoint_values(diff, baseline, current);
  throw InputError(diff.current, fmt::format("no configuration in common with {}", diff.baseline),
                   texts.empty() ? "each value stands in both files, but never the same together"
                                 : "they differ in " + join(texts, "; "));
}

// What makes the numbers of two rows of one configuration incomparable.
void refuse_conventions(const std::string& file, const Row& baseline, const Row& current,
                        std::vector<Problem>& problems) {
  const auto refuse = [&](std::string_view what, const std::string& there, const std::string& here) {
    problems.push_back(
        {file,
         fmt::format("{}: {} is \"{}\" in the baseline and \"{}\" here", configuration_of(current), what, there, here),
         "only rows with the same " + std::string(what) + " are compared"});
  };
  if (baseline.schema_version != current.schema_version)
    refuse("schema_version", std::to_string(baseline.schema_version), std::to_string(current.schema_version));
  if (!baseline.flops_convention.empty() && !current.flops_convention.empty() &&
      baseline.flops_convention != current.flops_convention)
    refuse("flops_convention", baseline.flops_convention, current.flops_convention);
  if (baseline.step_time_s && current.step_time_s && baseline.window != current.window)
    refuse("window", baseline.window, current.window);
}

// Rows without a partner whose only difference is the method.
void refuse_methods(const std::string& file, const Index& baseline, const Index& current,
                    std::vector<Problem>& problems) {
  std::map<Key, const Row*> left_over;
  for (const auto& [key, row] : baseline)
    if (!current.contains(key)) left_over.emplace(without_method(key), row);
  for (const auto& [key, row] : current) {
    const auto found = baseline.contains(key) ? left_over.end() : left_over.find(without_method(key));
    if (found == left_over.end()) continue;
    problems.push_back({file,
                        fmt::format("{}: method is \"{}\" in the baseline and \"{}\" here", configuration_of(*row),
                                    name(found->second->method), name(row->method)),
                        "only rows of the same method are compared"});
  }
}

int rank_of(Status status) {
  switch (status) {
    case Status::ok:
      return 0;
    case Status::oom:
      return 1;
    case Status::unsupported:
      return 2;
    case Status::failed:
      return 3;
    case Status::timeout:
    case Status::interrupted:
      return 4;
  }
  return 4;
}

std::string status_text(const Row& row) {
  return row.feature.empty() ? std::string(name(row.status)) : fmt::format("{} ({})", name(row.status), row.feature);
}

// Sets the verdict that the two statuses give before any number is looked at; false: look at the numbers.
bool judge_status(const Row& baseline, const Row& current, RowDiff& diff) {
  const auto decide = [&diff](Verdict verdict, std::string reason) {
    diff.verdict = verdict;
    diff.reason = std::move(reason);
    return true;
  };
  if (baseline.loss_ok == false) return decide(Verdict::invalid, "the loss of the baseline was not finite");
  if (current.loss_ok == false) return decide(Verdict::invalid, "the loss of the new row was not finite");
  if (is_broken_off(current.status)) return decide(Verdict::invalid, "the new row is " + status_text(current));
  const std::string change = fmt::format("{} became {}", status_text(baseline), status_text(current));
  if (rank_of(current.status) > rank_of(baseline.status)) return decide(Verdict::invalid, change);
  if (rank_of(current.status) < rank_of(baseline.status)) return decide(Verdict::added, change);
  if (baseline.status == Status::ok && !baseline.step_time_s)
    return decide(Verdict::invalid, "the baseline is ok without a step_time_s");
  if (baseline.feature != current.feature && !baseline.step_time_s) return decide(Verdict::ambiguous, change);
  return false;
}

// A report of many rows would hold much that it never shows.
Row asked_of(const Row& row) {
  Row asked{.method = row.method, .status = row.status};
  for (const Metric& metric : metrics())
    if (metric.group == MetricGroup::asked) metric.set(asked, metric.get(row));
  return asked;
}

// A metric that the baseline does not know; nothing where the new row doesn't, either.
std::optional<MetricDiff> new_value(const ComparedMetric& metric, const Row& current, const Thresholds& thresholds) {
  if (!(current.*metric.value)) return std::nullopt;
  return MetricDiff{.metric = metric.name,
                    .baseline = {},
                    .current = current.*metric.value,
                    .threshold = threshold_of(metric, current.method, thresholds),
                    .verdict = Verdict::added,
                    .reason = "the baseline has no value"};
}

RowDiff diff_row(const Row& baseline, const Row& current, const Thresholds& thresholds) {
  RowDiff diff{.row = asked_of(current)};
  if (judge_status(baseline, current, diff)) return diff;
  const std::optional<RatioNoise> noise = ratio_noise(baseline, current);
  for (const ComparedMetric& metric : compared_metrics()) {
    std::optional<MetricDiff> judged = judge(metric, baseline, current, noise, thresholds);
    if (!judged) judged = new_value(metric, current, thresholds);
    if (!judged) continue;
    diff.verdict = std::max(diff.verdict, judged->verdict);
    diff.metrics.push_back(*judged);
  }
  return diff;
}

// The row of `others` that has the fewest differences, where that are one or two: what a MISSING row may have become.
std::string nearest_text(const Key& key, const std::vector<const Key*>& others) {
  std::vector<std::string> best;
  for (const Key* other : others) {
    std::vector<std::string> texts = differences(key, *other);
    if (best.empty() || texts.size() < best.size()) best = std::move(texts);
  }
  if (best.empty() || best.size() > 2) return "";
  return "the nearest new row differs in " + join(best, " and ");
}

constexpr std::size_t kMaxNearest = 1'000'000;  // pairs of rows that are looked at for a near one

void set_nearest(Diff& diff, const Index& baseline, const Index& current) {
  std::vector<const Key*> others;
  for (const auto& entry : current)
    if (!baseline.contains(entry.first)) others.push_back(&entry.first);
  if (others.empty() || count(diff, Verdict::missing) > kMaxNearest / others.size()) return;
  for (RowDiff& row : diff.rows)
    if (row.verdict == Verdict::missing) row.reason = nearest_text(key_of(row.row), others);
}

}  // namespace

std::string configuration_of(const Row& row) {
  std::string text = fmt::format("{} {} {} on ", row.model, name(row.task), name(row.precision));
  if (row.num_gpus > 0) text += fmt::format("{} x ", row.num_gpus);
  text += row.system;
  const auto add = [&text](std::string_view name, std::int64_t value, std::int64_t usual) {
    if (value > usual) text += fmt::format(", {} {}", name, value);
  };
  const auto add_words = [&text](std::string_view name, const std::vector<std::string>& words) {
    if (!words.empty()) text += fmt::format(", {} {}", name, join(words, "/"));
  };
  const auto add_text = [&text](std::string_view name, const std::string& value) {
    if (!value.empty()) text += fmt::format(", {} {}", name, value);
  };
  const auto add_flag = [&](std::string_view name, const std::optional<bool>& value) {
    if (value) add_text(name, *value ? "1" : "0");
  };
  const auto add_above_0 = [&](std::string_view name, const std::optional<double>& value) {
    if (value.value_or(0.0) > 0.0) add_text(name, format_double(*value));
  };
  add("gbs", row.gbs, 0);
  add("mbs", row.mbs, 0);
  add("lbs", row.lbs, 0);
  add("seq_len", row.seq_len, 0);
  add("tp", row.tp, 1);
  add("pp", row.pp, 1);
  add("cp", row.cp, 1);
  add("vp", row.vp, 1);
  add("ep", row.ep, 1);
  add("etp", row.etp, 1);
  add("dp", row.dp, 1);
  if (row.fsdp) text += ", fsdp";
  add("fsdp_size", row.fsdp_size, 0);
  add_flag("fsdp_reshard", row.fsdp_reshard);
  add_flag("defer_grad_sync", row.defer_grad_sync);
  add_flag("sequence_parallel", row.sequence_parallel);
  add_text("param_dtype", row.param_dtype);
  add_text("grad_dtype", row.grad_dtype);
  add_text("optimizer_state_dtype", row.optimizer_state_dtype);
  if (row.cuda_graphs) text += ", cuda_graphs";
  add_words("cuda_graph_modules", row.cuda_graph_modules);
  add_text("recompute", row.recompute == "none" ? "" : row.recompute);
  add("recompute_layers", row.recompute_layers.value_or(0), 0);
  add_words("recompute_modules", row.recompute_modules);
  add("offload_layers", row.offload_layers.value_or(0), 0);
  if (row.packed) text += ", packed";
  add("lora_rank", row.lora_rank, 0);
  if (row.lora_alpha) text += ", lora_alpha " + format_double(*row.lora_alpha);
  add_words("lora_targets", row.lora_targets);
  add_text("moe_gate", row.moe_gate);
  add_above_0("gate_imbalance", row.gate_imbalance);
  add_text("moe_dispatcher", row.moe_dispatcher);
  add_above_0("moe_capacity", row.moe_capacity);
  if (row.ep_overlap.value_or(false)) text += ", ep_overlap";
  if (!row.stack.empty()) text += ", stack " + row.stack;
  return fmt::format("{}, {}", text, name(row.method));
}

Diff diff_rows(std::string baseline_name, std::span<const Row> baseline, std::string current_name,
               std::span<const Row> current, const Thresholds& thresholds) {
  Diff diff{.baseline = std::move(baseline_name), .current = std::move(current_name)};
  std::vector<Problem> problems;
  const Index before = index_of(diff.baseline, baseline, problems), after = index_of(diff.current, current, problems);
  refuse_methods(diff.current, before, after, problems);
  if (!problems.empty()) throw InputError(std::move(problems));

  bool any_common = false;
  for (const Row& row : baseline) {
    const auto found = after.find(key_of(row));
    if (found == after.end()) {
      diff.rows.push_back({.row = asked_of(row), .verdict = Verdict::missing});
      continue;
    }
    any_common = true;
    refuse_conventions(diff.current, row, *found->second, problems);
    diff.rows.push_back(diff_row(row, *found->second, thresholds));
  }
  if (!any_common) refuse_strangers(diff, baseline, current);
  if (!problems.empty()) throw InputError(std::move(problems));
  for (const Row& row : current)
    if (!before.contains(key_of(row))) diff.rows.push_back({.row = asked_of(row), .verdict = Verdict::added});
  set_nearest(diff, before, after);
  return diff;
}

std::size_t count(const Diff& diff, Verdict verdict) {
  return static_cast<std::size_t>(
      std::count_if(diff.rows.begin(), diff.rows.end(), [&](const RowDiff& row) { return row.verdict == verdict; }));
}

std::vector<const RowDiff*> worst_first(const Diff& diff) {
  std::vector<const RowDiff*> rows;
  for (const RowDiff& row : diff.rows) rows.push_back(&row);
  std::stable_sort(rows.begin(), rows.end(),
                   [](const RowDiff* a, const RowDiff* b) { return a->verdict > b->verdict; });
  return rows;
}

bool is_failure(const RowDiff& row, bool strict) {
  return row.verdict >= Verdict::slower || (strict && row.verdict == Verdict::faster);
}

ExitCode exit_code(std::span<const Diff> diffs, bool strict) {
  for (const Diff& diff : diffs)
    for (const RowDiff& row : diff.rows)
      if (is_failure(row, strict)) return ExitCode::regression;
  return ExitCode::ok;
}

}  // namespace perfbench
