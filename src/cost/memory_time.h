// Time of kernels that only move bytes: norms, activations, additions, the optimizer.
#pragma once

#include "cost/hardware.h"
#include "cost/kernel_constants.h"

namespace perfbench {

// launch + bytes read and written / (bandwidth x share). 0 for no bytes.
double memory_time_s(const KernelConstants& constants, const Hardware& hardware, double bytes);

}  // namespace perfbench
