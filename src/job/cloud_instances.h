// The GPUs of cloud instances, as far as a Slurm partition is named after one: `--partition p5en`.
#pragma once

#include <string_view>

namespace perfbench {

// The system whose GPU an AWS instance family has: "h200" for "p5en"; "" for what is no such family. By AWS's page of
// accelerated instance types.
std::string_view system_of_instance(std::string_view family);

}  // namespace perfbench
