// What a result is filed under: two jobs with one key have the same row.
#pragma once

#include <string>
#include <string_view>

#include "job/job.h"

namespace perfbench {

// 32 hex digits: XXH3-128 over every field of the job, with those of its model, system and stack, and over
// `made_with`: whatever else the row depends on (code version, mode, contents of further data files). Origins are left
// out, and the source of a model, which may be the path of its config.json: where a value was written changes no
// result. The same in every process and on every machine.
std::string job_key(const Job& job, std::string_view made_with);

}  // namespace perfbench
