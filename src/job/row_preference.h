// The order in which rows of a config table are preferred as the base of a request.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "job/config_table.h"
#include "job/field_role.h"
#include "job/request.h"

namespace perfbench {

// One thing that makes a row a better base than another: the higher rank wins.
struct RowPreference {
  std::string_view why;  // "FP8 before BF16"
  std::int64_t (*rank)(const Request& flags, const ConfigRow& row);
};

// The first one weighs most. What decides the precision and the stack stands before layout and tuning.
std::span<const RowPreference> row_preferences();

// The first preference in which the two differ; nullptr: none, and their order in the file decides.
const RowPreference* deciding(const Request& flags, const ConfigRow& a, const ConfigRow& b);
bool is_better(const Request& flags, const ConfigRow& a, const ConfigRow& b);

// Whether the row agrees with every flag of the role. An axis that the row leaves out is 1 (mbs too), a switch is 0,
// any other value agrees; a field without a column agrees always, and "fp8" without a recipe with any recipe.
bool agrees(const Request& flags, const Request& row, FieldRole role);

}  // namespace perfbench
