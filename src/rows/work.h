// What of a Job changes the work of its step: the one list by which a row may stand beside a published one.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "job/job.h"

namespace perfbench {

// A value that changes what is computed, moved or kept, or which software does it; equal work has equal texts.
struct WorkValue {
  std::string_view name;  // as rows have it; "hidden" and the like for a size of the model
  std::string text;
  bool of_model = false;  // a size of the model's, which no flag sets
};

// In one order for every job, but that each has the values of its own mixers and MLPs only. What follows from other
// values is left out, and so is what no step takes longer for: names of files, origins, notes, lora_alpha.
std::vector<WorkValue> work_of(const Job& job);

// "lora_targets qkv_proj there, q_proj/v_proj here" for each value that differs; the sizes of another model are one.
std::vector<std::string> work_differences(std::span<const WorkValue> there, std::span<const WorkValue> here);
std::vector<std::string> work_differences(const Job& there, const Job& here);

}  // namespace perfbench
