// Numbers as text for people.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/json.h"

namespace perfbench {

// At least four significant digits and thousands separators: "0.01235", "10.12", "658.6", "13,812".
std::string show_quantity(double value);
std::string show_percent(double share);                      // 0.3941 -> "39.4 %"
std::string show_ratio(const std::optional<double>& ratio);  // "0.987"; "-" where there is none

// Shares of the sum in percent with one decimal ("12.3"), rounded so that the printed shares add up to 100.0.
// All "0.0" when the sum is not positive. Values must not be negative.
std::vector<std::string> show_shares(const std::vector<double>& values);

// Any scalar: numbers as show_quantity(), whole numbers as they are, booleans as 0 and 1, null as "-".
std::string show_value(const Json& value);

}  // namespace perfbench
