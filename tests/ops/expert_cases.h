// Cases of the ops of experts.
#pragma once

#include <vector>

#include "ops/op_cases.h"

namespace perfbench {

void expert_cases(std::vector<OpCase>& cases, DType dtype);

}  // namespace perfbench
