// The real parts of slices: the engine, this machine's device, the simulator.
#pragma once

#include "job/catalog.h"
#include "runners/slice_row.h"

namespace perfbench {

// `catalog` must outlive the parts.
SliceParts slice_engine_parts(const SliceSettings& settings, const Catalog& catalog);

}  // namespace perfbench
