#include <fmt/format.h>

#include "base/text.h"
#include "rows/metrics.h"
#include "rows/writers.h"

namespace perfbench {

Row row_from_json(const Json& json, const std::string& where) {
  if (!json.is_object()) throw InputError(where, "must be an object with a key for each metric");
  const Json::Object& object = std::get<Json::Object>(json.value);
  Row row;
  std::vector<Problem> problems;
  std::vector<std::string> names;
  for (const Metric& metric : metrics()) names.emplace_back(metric.name);
  for (const auto& [key, value] : object) {
    const Metric* metric = find_metric(key);
    if (metric == nullptr) {
      problems.push_back({where, fmt::format("unknown key \"{}\"", key), nearest_hint(key, names)});
    } else if (value.is_null() && is_required(*metric)) {
      problems.push_back({fmt::format("{}: {}", where, key), "must not be null", ""});
    } else if (const std::string rule = metric->set(row, value); !rule.empty()) {
      problems.push_back({fmt::format("{}: {}", where, key), rule, ""});
    }
  }
  if (const std::string rule = convention_rule(row); !rule.empty() && problems.empty())
    problems.push_back({fmt::format("{}: flops_convention", where), rule, ""});
  for (const std::string& name : names)
    if (json.find(name) == nullptr) problems.push_back({where, fmt::format("the key {} is missing", name), ""});
  if (!problems.empty()) throw InputError(std::move(problems));
  return row;
}

}  // namespace perfbench
