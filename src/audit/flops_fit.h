// What a row's figures say of the FLOPs that its publisher counted, beside what the conventions count.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "audit/audited_table.h"

namespace perfbench {

// A form that fits within this is the publisher's: the printed figures of one table, which are rounded, stay within it.
inline constexpr double kFlopsTolerance = 0.005;

// FLOPs per token, implied and counted.
struct FlopsFit {
  double tokens_per_s = 0.0;     // per GPU: as printed, else of the step time
  bool tokens_printed = true;    // else of the step time
  double implied = 0.0;          // printed TFLOP/s x 1e12 / tokens_per_s
  double rounding = 0.0;         // share by which the digits that are printed leave `implied` open
  FlopsConvention convention{};  // of the table
  double counted = 0.0;          // by the convention, with the table's quirks
  double plain = 0.0;            // by the convention alone; 0 where it has no form

  double deviation() const { return counted / implied - 1.0; }
  bool fits() const;  // within kFlopsTolerance and the rounding
};

// nullopt where the row does not print TFLOP/s and tokens/s or a step time, or where there is no convention or form.
std::optional<FlopsFit> flops_fit(const AuditedRow& row);

// FLOPs per token by the row's convention with its quirks; nullopt where it has none.
std::optional<double> flops_of_row(const AuditedRow& row);
// By another convention; without the row's quirks.
std::optional<double> flops_of_row(const AuditedRow& row, FlopsConvention convention);

// "twice", "half", "3 times", "1.5 times" within 1 %; "" for other ratios, and for 1.
std::string factor_word(double ratio);
// The number behind the word: 2 for 1.9925; `ratio` itself for other ratios.
double whole_factor(double ratio);

// "16 key-value heads", "the causal half of attention"; "" for none.
std::string quirks_text(const FlopsQuirks& quirks);

}  // namespace perfbench
