// Low-rank adapters of a job beside the linears of a layer, under the names that peft stores them by.
#pragma once

#include <span>

#include "job/job.h"
#include "job/linears.h"
#include "models/names.h"
#include "program/builder.h"

namespace perfbench {

// How a Program names them: literals.
struct AdapterNames {
  const char *a = "", *b = "", *h = "";
};

// The adapters of the job's targets among the parts of a linear: one for each part that is a target, or one for q, k
// and v together. None where no part is a target.
Adapters adapters_of(const Job& job, const FamilyNames& family, const AdapterNames& names,
                     std::span<const LinearSpec> parts);

}  // namespace perfbench
