#include "rows/metrics.h"
#include "rows/writers.h"

namespace perfbench {

Json to_json(const Row& row) {
  Json json{Json::Object{}};
  for (const Metric& metric : metrics()) json.set(std::string(metric.name), metric.get(row));
  return json;
}

std::string row_json(const Row& row) { return dump_json(to_json(row)) + "\n"; }

std::string rows_json(std::span<const Row> rows) {
  Json::Array array;
  for (const Row& row : rows) array.push_back(to_json(row));
  return dump_json(array) + "\n";
}

}  // namespace perfbench
