// What each field of a Request says: what the choice of a base row goes by, and what is taken from one.
#pragma once

#include <span>
#include <string_view>

namespace perfbench {

// In the order in which rows are preferred that agree with such flags (row_preference.h).
enum class FieldRole {
  identity,  // model, task and system: no other row is looked at
  precision,
  stack,
  gpus,    // how many
  layout,  // samples, their length, and the sizes of the axes
  tuning,  // how the job is run: decides neither precision nor stack of the base row
};

// Whom a row's value is for.
enum class ValueOf {
  job,       // any stack can run the job so
  software,  // the row's own stack: what that needs, has or counts; another stack has its own
};

struct FieldMeaning {
  std::string_view field;
  FieldRole role;
  ValueOf of;
};

// One for each field of a Request; docs/data_files.md has the same table.
std::span<const FieldMeaning> field_meanings();
const FieldMeaning& meaning_of(std::string_view field);

}  // namespace perfbench
