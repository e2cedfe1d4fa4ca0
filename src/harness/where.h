// Filters of rows: "model=llama3_70b,task=pre_train".
#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace perfbench {

struct Condition {
  std::string name;   // one of the known names
  std::string value;  // as it was given; empty: the row must leave it unset
};

struct Where {
  std::vector<Condition> conditions;
};

// What a row has, by name. A name with several values (a model and its aliases) agrees with a condition when one of
// them does.
using NamedValues = std::multimap<std::string, std::string>;

// NAME=VALUE, separated by commas. Names are compared without case and with "-" for "_". Throws InputError with every
// problem: a part without "=", a name that is not among `known`, with the nearest ones; `flag` is where they point.
Where parse_where(std::string_view text, const std::string& flag, std::span<const std::string> known);

// Whether a row agrees: with every name, and of conditions on one name with at least one. Numbers agree as numbers
// ("8" with "8.0"), switches as switches ("true" with "1"), other texts without case and runs of " -_./". What a row
// leaves out agrees with an unset value only: "", "-", "n/a", "NA".
bool matches(const Where& where, const NamedValues& values);

}  // namespace perfbench
