// Sums and maxima over the buffers of several ranks, element by element.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/dtype.h"
#include "engine/comm/communicator.h"

namespace perfbench {

// Every buffer of `out` gets the reduction of `in` over the same `elements` elements; an output may be an input.
// Floats are summed in the order of `in` in float32 and rounded once, to nearest even; i64 is exact. A maximum keeps a
// NaN. Throws std::logic_error for the types of 8 bits.
void reduce(const std::vector<const std::byte*>& in, const std::vector<std::byte*>& out, std::int64_t elements,
            DType dtype, Reduction reduction);

}  // namespace perfbench
