// What an audit says of one printed cell.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace perfbench {

enum class Severity {
  info,     // worth knowing; the cell may stand
  warning,  // the cell disagrees with others, and one reading of it would be right
  error     // the cell cannot be right
};

// How sure it is that this cell, and no other, is the wrong one.
enum class Confidence { possible, likely, certain };

constexpr std::string_view name(Severity severity) {
  switch (severity) {
    case Severity::info:
      return "info";
    case Severity::warning:
      return "warning";
    case Severity::error:
      return "error";
  }
  return "?";
}

constexpr std::string_view name(Confidence confidence) {
  switch (confidence) {
    case Confidence::possible:
      return "possible";
    case Confidence::likely:
      return "likely";
    case Confidence::certain:
      return "certain";
  }
  return "?";
}

struct Finding {
  std::string table;        // file name
  std::string row{};        // id of the row; empty: the whole table
  std::string column{};     // the printed heading; empty: the whole row
  std::string_view rule{};  // id of the rule, of the table in rules.cpp
  Severity severity = Severity::warning;
  std::string printed{};     // the cell as it stands
  std::string consistent{};  // what would go with the other cells; empty: not known
  std::string evidence{};    // one sentence with the numbers
  Confidence confidence = Confidence::likely;
  bool operator==(const Finding&) const = default;
};

using Findings = std::vector<Finding>;

}  // namespace perfbench
