// The runner of a mode: the one place that chooses among simulating, measuring and slices.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>

#include "cost/kernel_table.h"
#include "engine/gpu/telemetry.h"
#include "harness/runner.h"
#include "job/catalog.h"
#include "rows/row.h"
#include "rows/step_lines.h"
#include "runners/mode.h"
#include "runners/slice_row.h"

namespace perfbench {

struct RunnerSettings {
  SliceSettings slice{};                             // its `measure` is what mode measure takes
  std::shared_ptr<const KernelTable> calibration{};  // of a prediction; may be null
  bool must_fit = false;                             // of what is run: MeasureParts::must_fit
};

// Who wants to know what happens on the way; each may be empty.
struct RunnerHooks {
  std::function<void(const LoggedStep&)> step_done{};                   // of mode measure
  std::function<void(int stage, std::int64_t step)> slice_step_done{};  // of mode slice
  std::function<void(std::span<const TelemetrySample>)> watched{};      // all readings of the GPUs
  std::function<void(std::shared_ptr<const KernelTable>)> kernels{};    // of mode slice; null where nothing was run
};

// How the rows of the mode are made.
Method method_of(Mode mode);

// `catalog` must outlive the runner. Mode automatic simulates: who can measure asks choose_mode() first.
Runner make_runner(Mode mode, const RunnerSettings& settings, const Catalog& catalog, RunnerHooks hooks = {});

}  // namespace perfbench
