// What may be asked of a run.
#pragma once

#include <cstdint>

namespace perfbench {

enum class Mode : std::uint8_t { automatic, measure, slice, simulate };

// Whether steps or kernels are run. Where a mode is still automatic, that is not said yet.
constexpr bool runs_engine(Mode mode) { return mode == Mode::measure || mode == Mode::slice; }

// Of a pipeline: the stage, or stages, of which slices are run.
enum class SliceStage : std::uint8_t { first, middle, last, all };

}  // namespace perfbench
