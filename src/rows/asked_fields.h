// What a row says was asked: of a Job, and of a request that could not become one.
#pragma once

#include <span>
#include <string_view>

#include "base/json.h"
#include "job/job.h"
#include "job/request.h"
#include "rows/row.h"

namespace perfbench {

// A value of a Job that was asked for, or that follows from what was: by the name that rows have for it, where they
// have it.
struct AskedField {
  std::string_view name;
  Json (*of)(const Job&);  // null where the job has none
};

// In the order of a dry run.
std::span<const AskedField> asked_fields();

// Sets the metrics of these names.
void set_asked(Row& row, const Job& job);
// Sets what the request says; a precision that it does not say is in a note.
void set_asked(Row& row, const Request& request);

}  // namespace perfbench
