#include "base/csv.h"
#include "base/text.h"
#include "rows/metrics.h"
#include "rows/writers.h"

namespace perfbench {
namespace {

bool is_empty(const Json& value) {
  if (const auto* object = std::get_if<Json::Object>(&value.value)) return object->empty();
  if (const auto* array = std::get_if<Json::Array>(&value.value)) return array->empty();
  return value.is_null();
}

std::string cell_of(const Json& value) {
  if (is_empty(value)) return "";
  if (const auto* text = std::get_if<std::string>(&value.value)) return *text;
  if (const auto* number = std::get_if<double>(&value.value)) return format_double(*number);
  return dump_json(value, -1);
}

}  // namespace

std::string rows_csv(std::span<const Row> rows) {
  std::vector<std::string> cells;
  for (const Metric& metric : metrics()) cells.emplace_back(metric.name);
  std::string text = csv_line(cells);
  for (const Row& row : rows) {
    cells.clear();
    for (const Metric& metric : metrics()) cells.push_back(cell_of(metric.get(row)));
    text += csv_line(cells);
  }
  return text;
}

}  // namespace perfbench
