// What of Slurm's parameters may be recorded.
#pragma once

#include <string>
#include <string_view>

namespace perfbench {

// Of "key=value;key" the values of those that say where and how a job ran, without secrets:
// "qos=high;export=[redacted];exclusive" of "qos=high;export=A=B;exclusive".
std::string recorded_slurm_params(std::string_view text);

}  // namespace perfbench
