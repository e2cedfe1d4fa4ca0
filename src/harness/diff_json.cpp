#include "harness/diff_report.h"
#include "rows/metrics.h"

namespace perfbench {
namespace {

Json text_or_null(const std::string& text) { return text.empty() ? Json() : Json(text); }

// NaN and infinities as text: JSON has no such numbers, and null would say that there is none.
Json number_json(const std::optional<double>& value) {
  if (!value) return {};
  if (*value != *value) return "nan";
  if (*value - *value != 0.0) return *value > 0.0 ? "inf" : "-inf";
  return *value;
}

Json interval_json(const std::optional<Interval>& interval) {
  return interval ? Json(Json::Array{number_json(interval->low), number_json(interval->high)}) : Json();
}

Json metric_json(const MetricDiff& metric) {
  return Json::Object{{"name", std::string(metric.metric)},
                      {"unit", std::string(find_metric(metric.metric)->unit)},
                      {"baseline", number_json(metric.baseline)},
                      {"new", number_json(metric.current)},
                      {"change", number_json(change_of(metric))},
                      {"interval", interval_json(metric.interval)},
                      {"threshold", metric.threshold},
                      {"verdict", std::string(name(metric.verdict))},
                      {"reason", text_or_null(metric.reason)}};
}

Json row_diff_json(const RowDiff& row) {
  Json::Object object;
  for (const Metric& metric : metrics())
    if (metric.group == MetricGroup::asked || metric.name == "method")
      object.emplace_back(metric.name, metric.get(row.row));
  object.emplace_back("verdict", std::string(name(row.verdict)));
  object.emplace_back("reason", text_or_null(reason_text(row)));
  Json::Array metrics;
  for (const MetricDiff& metric : row.metrics) metrics.push_back(metric_json(metric));
  object.emplace_back("metrics", std::move(metrics));
  return object;
}

}  // namespace

Json diff_json(const Diff& diff) {
  Json::Object counts;
  for (const Verdict verdict : kVerdicts)
    counts.emplace_back(name(verdict), static_cast<std::int64_t>(count(diff, verdict)));
  Json::Array rows;
  for (const RowDiff& row : diff.rows) rows.push_back(row_diff_json(row));
  return Json::Object{
      {"baseline", diff.baseline}, {"new", diff.current}, {"counts", std::move(counts)}, {"rows", std::move(rows)}};
}

}  // namespace perfbench
