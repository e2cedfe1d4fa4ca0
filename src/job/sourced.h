// A number of a data file together with where it came from: {"value": 989e12, "source": "..."}.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace perfbench {

// What was believed of a constant before it was fitted to rows: log-normal about `value`.
struct Prior {
  double value = 0.0;
  double deviation = 0.0;  // of the logarithm
};

struct Sourced {
  std::optional<double> value;  // unset: no source gives it; `source` then says why
  std::string source;
  std::optional<Prior> prior{};  // of a fitted constant
};

// A number and the range it must lie in.
struct NumberRule {
  double least = 0.0;
  double most = 0.0;
  bool may_be_null = false;
  bool fitted = false;  // the object may have "prior" with its "deviation", and under "fitted_on" the rows
};

// Reads the required key `key` of `parent`, whose own path in the file is `path` ("" at the top). Problems are
// appended.
Sourced read_sourced(JsonFields& parent, std::string_view key, const std::string& file, const std::string& path,
                     const NumberRule& rule, std::vector<Problem>& problems);

// A list of texts under `key`, which is required; each problem is noted in `fields`.
std::vector<std::string> read_texts(JsonFields& fields, std::string_view key);

// The value as one line for a message, cut when it is long.
std::string shown(const Json& json);

// Ends the reading of one object: what is wrong in it is appended instead of thrown.
void finish_into(JsonFields& fields, std::vector<Problem>& problems);

}  // namespace perfbench
