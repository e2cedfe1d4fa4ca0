#include "accuracy/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <utility>

#include "base/json.h"
#include "base/table.h"
#include "base/units.h"

namespace perfbench {
namespace {

constexpr std::size_t kMostShown = 10;  // worst rows

std::string one_place(double percent) { return fmt::format("{:.1f}", percent); }
std::string with_sign(double percent) { return fmt::format("{:+.1f}", percent); }

std::string_view without_text(LeaveOut what) {
  switch (what) {
    case LeaveOut::row:
      return "the row and its series";
    case LeaveOut::release:
      return "the row's release";
    case LeaveOut::system:
      return "the row's system";
    case LeaveOut::model:
      return "the row's model";
  }
  return "?";
}

std::vector<SoftwareRange> ranges_of(const KnownRows& known, const LeftOut& out) {
  std::set<std::string> names;
  for (const KnownRow& row : known.rows) names.insert(row.software);
  std::vector<SoftwareRange> ranges;
  for (const std::string& name : names)
    if (const std::optional<ErrorRange> range = range_of(known, out.errors, name, [](std::size_t) { return true; }))
      ranges.push_back({name, *range});
  return ranges;
}

std::string groups_text(const AccuracyReport& report) {
  TextTable table{.header = {"group", "rows", "MAPE %", "median %", "bias %", "worst %", "(row)", "in range %",
                             "left out: MAPE %", "median %", "worst %", "in range %", "copied MAPE %"},
                  .rows = {},
                  .right_aligned = {false, true, true, true, true, true, false, true, true, true, true, true, true}};
  for (const GroupAccuracy& group : report.groups) {
    std::vector<std::string> cells{group.name, std::to_string(group.rows)};
    if (!group.predicted || !group.left_out) {
      cells.resize(table.header.size(), "-");
    } else {
      const Errors &in = *group.predicted, &out = *group.left_out;
      const auto coverage = [](const Errors& errors) {
        return errors.coverage_percent ? fmt::format("{:.0f}", *errors.coverage_percent) : std::string("-");
      };
      cells.insert(cells.end(), {one_place(in.mape_percent), one_place(in.median_percent), with_sign(in.bias_percent),
                                 with_sign(in.worst_percent), in.worst_row, coverage(in), one_place(out.mape_percent),
                                 one_place(out.median_percent), with_sign(out.worst_percent), coverage(out),
                                 group.copied ? one_place(group.copied->mape_percent) : "-"});
    }
    table.rows.push_back(std::move(cells));
  }
  return to_terminal(table);
}

std::string worst_text(const AccuracyReport& report) {
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < report.known.rows.size(); ++i)
    if (report.known.rows[i].shown && report.known.rows[i].odd.empty()) order.push_back(i);
  std::ranges::stable_sort(order, [&](std::size_t a, std::size_t b) {
    return std::abs(report.out.errors[a]) > std::abs(report.out.errors[b]);
  });
  order.resize(std::min(order.size(), kMostShown));
  TextTable table{
      .header = {"worst left-out rows", "model", "system", "stack", "published", "predicted", "error %", "left out %"},
      .rows = {},
      .right_aligned = {false, false, false, false, true, true, true, true}};
  for (const std::size_t i : order) {
    const KnownRow& row = report.known.rows[i];
    table.rows.push_back({row.published.row, row.job.model.name, row.job.system.name, row.job.stack.name,
                          fmt::format("{:.0f}", row.published_tokens_per_s),
                          fmt::format("{:.0f}", row.predicted_tokens_per_s), with_sign(percent_of(row.error())),
                          with_sign(percent_of(report.out.errors[i]))});
  }
  return to_terminal(table);
}

Json errors_json(const std::optional<Errors>& errors) {
  if (!errors) return {};
  return Json::Object{{"mape_percent", errors->mape_percent},
                      {"median_percent", errors->median_percent},
                      {"bias_percent", errors->bias_percent},
                      {"worst_percent", errors->worst_percent},
                      {"worst_row", errors->worst_row},
                      {"coverage_percent", errors->coverage_percent ? Json(*errors->coverage_percent) : Json()}};
}

// The errors of the predictions themselves stand in the group, those of rows left out beside them.
Json group_json(const GroupAccuracy& group) {
  Json::Object json{{"name", group.name}, {"filter", group.filter},           {"rows", group.rows},
                    {"odd", group.odd},   {"unpredicted", group.unpredicted}, {"oom", group.oom}};
  const Json predicted = group.predicted ? errors_json(group.predicted) : errors_json(Errors{});
  for (const auto& [key, value] : std::get<Json::Object>(predicted.value))
    json.emplace_back(key, group.predicted ? value : Json());
  json.emplace_back("left_out", errors_json(group.left_out));
  json.emplace_back("copied", errors_json(group.copied));
  return json;
}

Json constant_json(const AccuracyReport& report, std::size_t i) {
  const Unknown& unknown = report.known.unknowns[i];
  const auto at = [&](const RobustFit& fit) { return unknown.at(unknown.place() + fit.moves[i]); };
  double least = at(report.all), most = least;
  for (const RobustFit& fit : report.out.fits) {
    least = std::min(least, at(fit));
    most = std::max(most, at(fit));
  }
  std::set<std::string> documents;
  std::int64_t rows = 0;
  for (std::size_t r = 0; r < report.known.rows.size(); ++r) {
    const KnownRow& row = report.known.rows[r];
    if (row.slopes[i] == 0.0 || !row.odd.empty() || row.other_format) continue;
    ++rows;
    documents.insert(row.document);
  }
  return Json::Object{{"key", unknown.key},
                      {"owner", unknown.owner},
                      {"value", unknown.value},
                      {"prior", unknown.prior.value},
                      {"prior_deviation", unknown.prior.deviation},
                      {"fitted", at(report.all)},
                      {"fitted_deviation", report.all.deviations[i] * unknown.prior.deviation},
                      {"least", least},
                      {"most", most},
                      {"rows", rows},
                      {"documents", Json::Array(documents.begin(), documents.end())}};
}

// "llama3_70b lora, 8 h100, tp 2, pp 4, vp 20"
std::string configuration_text(const Job& job) {
  std::string text = job.model.name;
  if (job.task != Task::pretrain) text += fmt::format(" {}", name(job.task));
  text += fmt::format(", {} {}", job.num_gpus, job.system.name);
  const ParallelLayout& layout = job.layout;
  for (const auto& [axis, ranks] :
       {std::pair{"tp", layout.tp}, {"pp", layout.pp}, {"cp", layout.cp}, {"vp", layout.vp}})
    if (ranks > 1) text += fmt::format(", {} {}", axis, ranks);
  return text + (layout.fsdp && layout.dp * layout.cp > 1 ? ", fsdp" : "");
}

Json row_json(const AccuracyReport& report, std::size_t i) {
  const KnownRow& row = report.known.rows[i];
  const std::optional<double> capacity = row.job.system.capacity_bytes();
  return Json::Object{
      {"row", row.published.row},
      {"document", row.document},
      {"software", row.software},
      {"stack", row.job.stack.name},
      {"system", row.job.system.name},
      {"model", row.job.model.name},
      {"task", std::string(name(row.job.task))},
      {"num_gpus", row.job.num_gpus},
      {"precision", row.published.precision ? Json(std::string(name(*row.published.precision))) : Json()},
      {"predicted_as", std::string(name(row.job.precision))},
      {"published", row.published_tokens_per_s},
      {"predicted", row.predicted_tokens_per_s},
      {"error_percent", percent_of(row.error())},
      {"left_out_percent", percent_of(report.out.errors[i])},
      {"left_out_with", report.out.folds[i]},
      {"configuration", configuration_text(row.job)},
      {"peak_memory_gib", row.peak_memory_gib ? Json(*row.peak_memory_gib) : Json()},
      {"capacity_gib", capacity ? Json(*capacity / kGiB) : Json()},
      {"fits", row.fits},
      {"odd", row.odd.empty() ? Json() : Json(row.odd)}};
}

}  // namespace

AccuracyReport accuracy_report(KnownRows known, LeaveOut what, std::string what_word) {
  AccuracyReport report{.known = std::move(known), .what = what, .what_word = std::move(what_word)};
  report.out = left_out(report.known, what);
  report.all = fit_all(report.known);
  report.groups = group_accuracies(report.known, report.out);
  report.ranges = ranges_of(report.known, report.out);
  return report;
}

std::string accuracy_terminal(const AccuracyReport& report) {
  std::int64_t odd = 0;
  for (const KnownRow& row : report.known.rows) odd += row.shown && !row.odd.empty() ? 1 : 0;
  return fmt::format(
      "predicted tokens/s of published rows, in percent of the published ones; left out: by constants fitted without "
      "{}; copied: the mean MFU of the other rows of its system\n\n{}\n{}\n{} rows have no prediction, {} "
      "are odd (odd_rows.csv): --json names them\n",
      without_text(report.what), groups_text(report), worst_text(report), report.known.unpredicted.size(), odd);
}

std::string accuracy_json(const AccuracyReport& report) {
  Json::Array groups, constants, ranges, rows, unpredicted;
  for (const GroupAccuracy& group : report.groups) groups.push_back(group_json(group));
  for (std::size_t i = 0; i < report.known.unknowns.size(); ++i) constants.push_back(constant_json(report, i));
  for (const auto& [software, range] : report.ranges)
    ranges.push_back(Json::Object{{"software", software},
                                  {"low", range.low},
                                  {"high", range.high},
                                  {"rows", range.rows},
                                  {"documents", range.documents}});
  for (std::size_t i = 0; i < report.known.rows.size(); ++i)
    if (report.known.rows[i].shown) rows.push_back(row_json(report, i));
  for (const UnpredictedRow& row : report.known.unpredicted)
    unpredicted.push_back(Json::Object{{"row", row.published.row}, {"document", row.document}, {"reason", row.reason}});
  return dump_json(Json::Object{{"leave_out", report.what_word},
                                {"groups", std::move(groups)},
                                {"constants", std::move(constants)},
                                {"ranges", std::move(ranges)},
                                {"rows", std::move(rows)},
                                {"unpredicted", std::move(unpredicted)}}) +
         "\n";
}

}  // namespace perfbench
