// The one table of metrics: CSV, JSON, Markdown, the terminal and docs/metrics.md all read it.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "base/json.h"
#include "rows/row.h"

namespace perfbench {

enum class MetricType { text, integer, number, boolean, object, list };

constexpr std::string_view name(MetricType type) {
  switch (type) {
    case MetricType::text:
      return "text";
    case MetricType::integer:
      return "integer";
    case MetricType::number:
      return "number";
    case MetricType::boolean:
      return "boolean";
    case MetricType::object:
      return "object";
    case MetricType::list:
      return "list";
  }
  return "?";
}

// What a metric tells, which is where the terminal puts it.
enum class MetricGroup { outcome, asked, result, detail };

// Where a metric is a column of a table for people; CSV and JSON have them all.
enum class TableUse { none, markdown, everywhere };

struct Metric {
  std::string_view name;     // CSV column and JSON key
  std::string_view heading;  // of tables for people; that of the published tables where they have one
  std::string_view unit;     // empty: none
  MetricType type;
  MetricGroup group;
  TableUse tables;
  std::string_view sentence;  // what it is
  Json (*get)(const Row&);    // null where not known
  // Sets the value; returns the rule that it breaks ("must be a whole number of at least 1"), or "". Null is accepted.
  std::string (*set)(Row&, const Json&);
  // Text for people, "-" where not known; nullptr: show_value() of get().
  std::string (*show)(const Row&);
};

// In the order of the columns.
std::span<const Metric> metrics();
const Metric* find_metric(std::string_view name);  // nullptr: there is none

// Whether every row has it: the schema, the method, the status and whatever else a Row can't be without.
bool is_required(const Metric& metric);

// The rule of flops_convention that a row breaks whose FLOPs are counted, nobody says how; "" for any other row.
std::string convention_rule(const Row& row);

// The metric as text for people.
std::string show(const Metric& metric, const Row& row);

// The table of docs/metrics.md: one line per metric.
std::string metrics_markdown();

}  // namespace perfbench
