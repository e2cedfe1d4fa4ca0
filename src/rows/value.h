// How the fields of a Row turn into JSON values and back: one pair of overloads per type of field.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/json.h"
#include "job/flops_convention.h"
#include "rows/row.h"

namespace perfbench {

// Null for what is not known: an empty text, a count of 0, an unset optional.
Json value_of(const std::string& text);
Json value_of(std::int64_t count);
Json value_of(const std::optional<std::int64_t>& count);  // of which 0 is one
Json value_of(bool flag);
Json value_of(const std::optional<bool>& flag);
Json value_of(const std::optional<double>& number);
Json value_of(Method method);
Json value_of(Status status);
Json value_of(Task task);
Json value_of(Precision precision);
Json value_of(const std::vector<double>& numbers);
Json value_of(const std::vector<std::pair<std::string, double>>& seconds_by_part);
Json value_of(const std::vector<StageMemory>& memory);
Json value_of(const std::optional<FitsWith>& change);
Json value_of(const std::map<std::string, std::string>& texts);
Json value_of(const std::vector<std::string>& texts);
Json value_of(const std::optional<PublishedRow>& row);

// Sets `field`; returns the rule that `value` breaks, or "". Null leaves the field as it is.
std::string assign(std::string& field, const Json& value);
std::string assign(std::int64_t& field, const Json& value);
std::string assign(std::optional<std::int64_t>& field, const Json& value);
std::string assign(bool& field, const Json& value);
std::string assign(std::optional<bool>& field, const Json& value);
std::string assign(std::optional<double>& field, const Json& value);
std::string assign(Method& field, const Json& value);
std::string assign(Status& field, const Json& value);
std::string assign(Task& field, const Json& value);
std::string assign(Precision& field, const Json& value);
std::string assign(FlopsConvention& field, const Json& value);
std::string assign(std::vector<double>& field, const Json& value);
std::string assign(std::vector<std::pair<std::string, double>>& field, const Json& value);
std::string assign(std::vector<StageMemory>& field, const Json& value);
std::string assign(std::optional<FitsWith>& field, const Json& value);
std::string assign(std::map<std::string, std::string>& field, const Json& value);
std::string assign(std::vector<std::string>& field, const Json& value);
std::string assign(std::optional<PublishedRow>& field, const Json& value);

}  // namespace perfbench
