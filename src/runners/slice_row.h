// A job's row from slices: one device runs single pipeline stages with real kernels, and the step is simulated with
// their times.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cost/kernel_table.h"
#include "runners/measure_row.h"
#include "runners/mode.h"

namespace perfbench {

struct SliceSettings {
  MeasureSettings measure{};
  SliceStage stage = SliceStage::all;
  std::optional<std::int64_t> microbatches{};  // of a step of a slice; see slice_microbatches()
};

// What slices stand on. A test gives its own.
struct SliceParts {
  MeasureParts engine{};  // step_done is not called: a slice's loss means nothing
  std::function<MeasuredOn()> measured_on;
  std::function<Row(const Job&, std::shared_ptr<const KernelTable>)> simulate;
  std::function<void(int stage, std::int64_t step)> step_done;  // may be empty
};

struct SliceResult {
  Row row;
  std::shared_ptr<const KernelTable> kernels;  // of all steps that were run; nullptr where none was
};

// Stages to run: the first is 0, the last pp - 1, the middle pp / 2. Of stages that are built of the same chunks, the
// first.
std::vector<int> slice_stages(const Plan& plan, SliceStage stage);

// Microbatches of a step of a slice: 2 pp, at least 4, so that the pipeline fills, runs on and drains; never more than
// a flush of the job has. Throws InputError where `asked` does not suit the job's vp.
std::int64_t slice_microbatches(const Job& job, const std::optional<std::int64_t>& asked);

// The plan with one flush of so many microbatches.
Plan sliced_plan(Plan plan, std::int64_t microbatches);

// Runs the stages, each in a session of its own, takes the median of every kernel over microbatches and steps after the
// warm-up, and simulates the whole job with these: a row of method slice, with the memory of the stages that were run
// and the plan's beside it. What cannot be run is a row with its status. A harness Runner that also hands out the
// table.
class RowSlicer {
 public:
  RowSlicer(SliceSettings settings, SliceParts parts) : settings_(settings), parts_(std::move(parts)) {}
  SliceResult operator()(const Job& job) const;

 private:
  SliceSettings settings_;
  SliceParts parts_;
};

}  // namespace perfbench
