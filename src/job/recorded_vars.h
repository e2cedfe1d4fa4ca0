// Which environment variables are recorded with their values.
#pragma once

#include <span>
#include <string_view>

#include "job/env_vars.h"

namespace perfbench {

struct RecordedVar {
  std::string_view name;  // of one variable, or what the names of a family begin with: "NCCL_"
  std::string_view reason;
};

// The variables that change how fast a step is or say where it ran. Of all others, which may hold anything, values are
// recorded nowhere.
std::span<const RecordedVar> recorded_vars();
bool is_recorded(std::string_view name);

// What may be written of the variables of a file: every name, the values of recorded_vars() without the secrets inside
// them, and "[not recorded]" for the others.
EnvVars recorded(const EnvVars& variables);

// Those of this process that are recorded, likewise; others are not named.
EnvVars recorded_environment();

}  // namespace perfbench
