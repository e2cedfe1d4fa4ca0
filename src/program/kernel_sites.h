// The distinct kernels of a job: what there is to time.
#pragma once

#include <map>
#include <string>

#include "program/plan.h"

namespace perfbench {

// An op, and the Program whose values it names. Valid as long as the Program is.
struct KernelSite {
  const Program* program = nullptr;
  const Op* op = nullptr;
};

// One site of each kernel of the compute lane, the update's among them, by signature().
std::map<std::string, KernelSite> kernel_sites(const Plan& plan);

}  // namespace perfbench
