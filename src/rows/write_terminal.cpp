#include <fmt/format.h>

#include <algorithm>

#include "base/table.h"
#include "base/text.h"
#include "rows/metrics.h"
#include "rows/show.h"
#include "rows/table_of.h"
#include "rows/writers.h"

namespace perfbench {
namespace {

std::string section(std::string_view title, const TextTable& table) {
  std::string text = fmt::format("\n{}\n", title);
  for (const std::string& line : split(to_terminal(table), '\n'))
    if (!line.empty()) text += "  " + line + "\n";
  return text;
}

std::string origin(const Row& row, std::string_view name) {
  const auto found = row.origins.find(std::string(name));
  return found == row.origins.end() ? "" : found->second;
}

std::string headline(const Row& row) {
  std::string text = fmt::format("{} {} {} on ", row.model, name(row.task), name(row.precision));
  if (row.num_gpus > 0) text += fmt::format("{} x ", row.num_gpus);
  text += row.system;
  if (!row.stack.empty()) text += fmt::format(", stack {}", row.stack);
  text += fmt::format(": {}, {}\n", name(row.method), name(row.status));
  if (row.status != Status::ok)
    text += fmt::format("  {}: {}\n", row.feature.empty() ? "reason" : row.feature, row.reason);
  if (!row.row_choice.empty()) text += fmt::format("  {}\n", row.row_choice);
  return text;
}

std::string asked(const Row& row) {
  TextTable table{.header = {"", "value", "from"}, .rows = {}, .right_aligned = {}};
  for (const Metric& metric : metrics()) {
    const std::string value = show(metric, row);
    if (metric.group == MetricGroup::asked && value != "-")
      table.rows.push_back({std::string(metric.name), value, origin(row, metric.name)});
  }
  return section("asked", table);
}

// What the published row printed for the metric, with its ratio.
std::vector<std::string> published_cells(const Metric& metric, const Row& row, const Json& published) {
  const Json* printed = published.find(metric.name);
  if (!printed || printed->is_null()) return {"-", "-"};
  const auto theirs = printed->number();
  const auto ours = metric.get(row).number();
  if (!theirs || !ours) return {show_value(*printed), "-"};
  if (metric.name == "tokens_per_s_per_gpu") return {show_quantity(*theirs), show_ratio(row.ratio_to_published)};
  // Published TFLOP/s don't say how they count FLOPs; their ratio would compare conventions.
  const auto ratio = metric.name == "step_time_s" ? std::optional(*ours / *theirs) : std::nullopt;
  return {show_quantity(*theirs), show_ratio(ratio)};
}

std::string result(const Row& row) {
  TextTable table{.header = {"", "this"}, .rows = {}, .right_aligned = {false, true}};
  const Json published = row.published ? to_json(*row.published) : Json();
  if (row.published) {
    table.header.insert(table.header.end(), {"published", "ratio"});
    table.right_aligned.insert(table.right_aligned.end(), {true, true});
  }
  for (const Metric& metric : metrics()) {
    const Json* printed = published.find(metric.name);
    const bool known = show(metric, row) != "-" || (printed != nullptr && !printed->is_null());
    if (metric.group != MetricGroup::result || metric.name == "ratio_to_published" || !known) continue;
    std::vector<std::string>& cells = table.rows.emplace_back();
    cells = {std::string(metric.heading), show(metric, row)};
    if (row.published) {
      const auto more = published_cells(metric, row, published);
      cells.insert(cells.end(), more.begin(), more.end());
    }
  }
  std::string text = section("result", table);
  if (!row.published) return text + "  no published row has exactly this configuration\n";
  text += fmt::format("  published: row {} of {}, stack {}\n", row.published->row, row.published->source,
                      row.published->stack);
  for (const Correction& c : row.published->corrections)
    text += fmt::format("  corrected: {} {} instead of {}: {}\n", c.column, c.value, c.printed, c.reason);
  return text;
}

std::string breakdown(const Row& row) {
  if (row.breakdown.empty()) return "";
  TextTable table{.header = {"", "seconds", "share"}, .rows = {}, .right_aligned = {false, true, true}};
  std::vector<double> seconds;
  double sum = 0.0;
  for (const auto& [part, part_seconds] : row.breakdown) {
    seconds.push_back(part_seconds);
    sum += part_seconds;
  }
  const std::vector<std::string> shares = show_shares(seconds);
  for (std::size_t i = 0; i < seconds.size(); ++i)
    table.rows.push_back({row.breakdown[i].first, fmt::format("{:.4f}", seconds[i]), shares[i] + " %"});
  table.rows.push_back({"sum", fmt::format("{:.4f}", sum), "100.0 %"});
  return section("where the time goes", table);
}

std::string memory(std::string_view title, const std::vector<StageMemory>& entries) {
  if (entries.empty()) return "";
  TextTable table{.header = {"stage"}, .rows = {}, .right_aligned = {true}};
  std::vector<int> stages;
  for (const StageMemory& entry : entries) {
    if (std::find(table.header.begin(), table.header.end(), entry.category) == table.header.end())
      table.header.push_back(entry.category);
    if (std::find(stages.begin(), stages.end(), entry.stage) == stages.end()) stages.push_back(entry.stage);
  }
  const std::size_t num_categories = table.header.size() - 1;
  for (const int stage : stages) {
    std::vector<double> gib(num_categories, 0.0);
    double sum = 0.0;
    for (const StageMemory& entry : entries) {
      if (entry.stage != stage) continue;
      const auto found = std::find(table.header.begin() + 1, table.header.end(), entry.category);
      gib[static_cast<std::size_t>(found - table.header.begin() - 1)] += entry.gib;
      if (entry.category != kAllocatedMemory) sum += entry.gib;
    }
    std::vector<std::string>& cells = table.rows.emplace_back();
    cells.push_back(std::to_string(stage));
    for (const double value : gib) cells.push_back(fmt::format("{:.2f}", value));
    cells.push_back(fmt::format("{:.2f}", sum));
  }
  table.header.emplace_back("sum");
  table.right_aligned.assign(table.header.size(), true);
  return section(title, table);
}

std::string notes(const Row& row) {
  std::string text = row.notes.empty() ? "" : "\nnotes\n";
  for (const std::string& note : row.notes) text += fmt::format("  - {}\n", note);
  return text;
}

}  // namespace

std::string row_terminal(const Row& row) {
  const bool has_result = row.step_time_s || row.peak_memory_gib || row.published;
  return headline(row) + asked(row) + (has_result ? result(row) : "") + breakdown(row) +
         memory("peak memory by stage, GiB", row.memory) +
         memory("planned peak memory by stage, GiB", row.predicted_memory) + notes(row);
}

std::string rows_terminal(std::span<const Row> rows) {
  return rows.size() == 1 ? row_terminal(rows.front()) : to_terminal(table_of(rows, TableUse::everywhere));
}

}  // namespace perfbench
