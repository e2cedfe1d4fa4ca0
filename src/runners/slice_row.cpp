#include "runners/slice_row.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/units.h"
#include "harness/statistics.h"
#include "models/programs.h"
#include "runners/calibration.h"
#include "runners/kernel_samples.h"
#include "runners/machine_fit.h"
#include "runners/measured_on.h"
#include "runners/row_telemetry.h"
#include "runners/run_checks.h"
#include "runners/run_telemetry.h"
#include "runners/stage_memory.h"

namespace perfbench {
namespace {

// What one stage's slice brought.
struct Slice {
  int stage = 0;
  std::int64_t state_bytes = 0, value_bytes = 0, device_bytes = 0;  // the most of all steps
  std::vector<double> step_s{};                                     // of the steps after the warm-up
  std::vector<std::string> remarks{};                               // of the session
};

void keep(Slice& slice, const StepReport& report) {
  if (!report.remarks.empty()) slice.remarks = report.remarks;
  for (const RankReport& rank : report.ranks) {
    slice.state_bytes = std::max(slice.state_bytes, rank.state_bytes);
    slice.value_bytes = std::max(slice.value_bytes, rank.peak_value_bytes);
    slice.device_bytes = std::max(slice.device_bytes, rank.device_peak_bytes);
  }
}

// Chunk kinds of a stage, in order: stages with the same do the same.
std::vector<int> kinds_of(const Plan& plan, int stage) {
  std::vector<int> kinds;
  kinds.reserve(static_cast<std::size_t>(plan.pipeline.vp));
  for (int chunk = 0; chunk < plan.pipeline.vp; ++chunk) kinds.push_back(plan.kind(chunk, stage));
  return kinds;
}

// What these stages need; the others need nothing.
std::vector<StageMemoryBytes> memory_of(const std::vector<int>& stages, const std::vector<StageMemoryBytes>& memory) {
  std::vector<StageMemoryBytes> asked(memory.size());
  for (const int stage : stages) asked[static_cast<std::size_t>(stage)] = memory[static_cast<std::size_t>(stage)];
  return asked;
}

// Whether this machine can run these stages one by one; sets status oom where one is too large for it.
bool fits(Row& row, const std::vector<int>& stages, const std::vector<StageMemoryBytes>& memory,
          const MeasureParts& parts, const EngineReport& machine) {
  if (parts.machine) return fits_devices(row, memory_of(stages, memory), 1, machine, parts.must_fit);
  return std::all_of(stages.begin(), stages.end(), [&](int stage) {
    return fits_host(row, memory_of({stage}, memory), 1, parts.available_bytes());  // of one rank at a time
  });
}

void set_memory(Row& row, const std::vector<Slice>& slices, const std::vector<StageMemoryBytes>& memory) {
  row.memory.clear();
  std::int64_t measured = 0;
  double planned = 0.0;
  for (const Slice& slice : slices) {
    const StageMemoryBytes& bytes = memory[static_cast<std::size_t>(slice.stage)];
    const auto add = [&](std::string_view category, std::int64_t size) {
      row.memory.push_back(
          {.stage = slice.stage, .category = std::string(category), .gib = static_cast<double>(size) / kGiB});
    };
    add("states", slice.state_bytes);
    add("values", slice.value_bytes);
    const std::int64_t counted = slice.state_bytes + slice.value_bytes;
    if (slice.device_bytes > 0) add(kAllocatedMemory, slice.device_bytes);
    measured = std::max(measured, slice.device_bytes > 0 ? slice.device_bytes : counted);
    planned = std::max(planned, static_cast<double>(planned_bytes(bytes)) / kGiB);
    for (StageMemory& entry : planned_memory(slice.stage, bytes)) row.predicted_memory.push_back(std::move(entry));
  }
  row.peak_memory_gib.reset();  // this and the next: of the simulation
  row.memory_headroom_gib.reset();
  if (measured > 0) set_peak_memory(row, static_cast<double>(measured));
  row.predicted_peak_memory_gib = planned;
}

std::string slice_note(const Slice& slice, const KernelSamples& samples, std::int64_t microbatches) {
  double all_s = 0.0;
  for (const double seconds : slice.step_s) all_s += seconds;
  return fmt::format(
      "slice of stage {}: a step of {} microbatches took {:.4f} s; kernels are {:.1f} % of it, with their medians "
      "{:.1f} %",
      slice.stage, microbatches, median(slice.step_s), 100.0 * samples.seconds() / all_s,
      100.0 * samples.median_seconds() / all_s);
}

// One after the other, each in a session of its own; their kernels come together in one table.
class SliceRun {
 public:
  SliceRun(const Job& job, const Plan& plan, const SliceSettings& settings, const SliceParts& parts,
           RunTelemetry& telemetry)
      : job_(job), plan_(plan), settings_(settings.measure), parts_(parts), telemetry_(telemetry) {}

  // Until one of them breaks off.
  void run(const std::vector<int>& stages) {
    for (const int stage : stages) {
      run_stage(stage);
      if (!why_broken_off) continue;
      why_broken_off->reason = fmt::format("slice of stage {}: {}", stage, why_broken_off->reason);
      return;
    }
  }

  std::vector<Slice> slices{};  // whole ones
  std::vector<std::string> notes{};
  std::shared_ptr<KernelTable> table = std::make_shared<KernelTable>();
  std::optional<BrokenOff> why_broken_off{};

 private:
  void run_stage(int stage) {
    Slice slice{.stage = stage};
    KernelSamples samples(plan_);
    try {
      run_steps(slice, samples);
    } catch (const RunError& error) {
      why_broken_off = broken_off(error);
    } catch (const std::bad_alloc& error) {
      why_broken_off = broken_off(error);
    }
    telemetry_.end_window();
    samples.store(*table);
    if (why_broken_off) return;
    notes.push_back(slice_note(slice, samples, plan_.pipeline.microbatches));
    for (const std::string& remark : slice.remarks)
      if (std::find(notes.begin(), notes.end(), remark) == notes.end()) notes.push_back(remark);
    slices.push_back(std::move(slice));
  }

  void run_steps(Slice& slice, KernelSamples& samples) {
    const std::unique_ptr<Session> session = parts_.engine.open(plan_, {.device = settings_.device,
                                                                        .seed = settings_.seed,
                                                                        .timeout_s = settings_.timeout_s,
                                                                        .slice_stage = slice.stage,
                                                                        .time_ops = true});
    for (std::int64_t step = 1; step <= settings_.steps; ++step) {
      if ((why_broken_off = interrupted(parts_.engine.stopped_by, step, settings_.steps))) return;
      if (step == settings_.warmup + 1) telemetry_.begin_window();
      const StepReport report = session->step(batch(step), StepKind::train);
      keep(slice, report);
      if (parts_.step_done) parts_.step_done(slice.stage, step);
      if (step <= settings_.warmup) continue;
      slice.step_s.push_back(report.seconds);
      samples.add(session->op_seconds());
    }
  }

  Batch batch(std::int64_t step) const { return parts_.engine.batch(job_, plan_.gbs(), settings_.seed, step); }

  const Job& job_;
  const Plan& plan_;
  const MeasureSettings& settings_;
  const SliceParts& parts_;
  RunTelemetry& telemetry_;
};

// The row's own numbers are the simulated job's, with the kernels of all slices; what was run goes beside them.
void set_slices(Row& row, const Job& job, const SliceRun& run, const SliceParts& parts,
                const std::vector<StageMemoryBytes>& memory, const MeasureSettings& settings) {
  if (!run.why_broken_off) {
    row = parts.simulate(job, run.table);
    row.method = Method::slice;
    row.window = fmt::format("steps {}-{} of {}", settings.warmup + 1, settings.steps, settings.steps);
  }
  if (!run.slices.empty()) set_memory(row, run.slices, memory);
  row.notes.insert(row.notes.end(), run.notes.begin(), run.notes.end());
  note_threads_left_behind(row);
  if (run.why_broken_off) set_broken_off(row, *run.why_broken_off);
}

SliceResult run_slices(Row row, const Job& job, const SliceSettings& settings, const SliceParts& parts) {
  require_engine_job(job, "slice");
  const EngineReport machine = parts.engine.machine ? parts.engine.machine() : EngineReport{};
  if (parts.engine.machine) require_devices(job.system, 1, machine, parts.engine.must_fit);
  const Plan plan = sliced_plan(build_plan(job), slice_microbatches(job, settings.microbatches));
  const std::vector<int> stages = slice_stages(plan, settings.stage);
  const std::vector<StageMemoryBytes> memory = replay_memory(plan);
  if (!fits(row, stages, memory, parts.engine, machine)) return {std::move(row), nullptr};

  RunTelemetry telemetry(1, parts.engine, machine);
  SliceRun run(job, plan, settings, parts, telemetry);
  run.table->on = parts.measured_on();
  require_system(*run.table, job, "--mode slice");
  run.run(stages);
  set_slices(row, job, run, parts, memory, settings.measure);
  const std::vector<GpuSummary> gpus = telemetry.finish();
  set_clocks(run.table->on, gpus);
  set_telemetry(row, gpus);
  if (run.table->kernels.empty()) run.table = nullptr;
  return {std::move(row), std::move(run.table)};
}

}  // namespace

std::vector<int> slice_stages(const Plan& plan, SliceStage stage) {
  const int pp = plan.pipeline.pp;
  std::vector<int> asked;
  const auto is_asked = [stage](SliceStage one) { return stage == one || stage == SliceStage::all; };
  if (is_asked(SliceStage::first)) asked.push_back(0);
  if (is_asked(SliceStage::middle)) asked.push_back(pp / 2);
  if (is_asked(SliceStage::last)) asked.push_back(pp - 1);
  std::vector<int> stages;
  std::vector<std::vector<int>> seen;
  for (const int one : asked) {
    std::vector<int> kinds = kinds_of(plan, one);
    if (std::find(seen.begin(), seen.end(), kinds) != seen.end()) continue;
    seen.push_back(std::move(kinds));
    stages.push_back(one);
  }
  return stages;
}

std::int64_t slice_microbatches(const Job& job, const std::optional<std::int64_t>& asked) {
  const std::int64_t pp = job.layout.pp, all = job.num_microbatches;
  if (!asked) return std::min(all, std::max<std::int64_t>(2 * pp, 4));
  if (job.layout.vp > 1 && *asked % pp != 0)
    throw InputError("--slice_microbatches",
                     fmt::format("{} is no multiple of pp {}, as vp {} asks for", *asked, pp, job.layout.vp),
                     fmt::format("{}", (*asked / pp + 1) * pp));
  return std::min(all, *asked);
}

Plan sliced_plan(Plan plan, std::int64_t microbatches) {
  plan.pipeline.microbatches = static_cast<int>(microbatches);
  plan.pipeline.flushes = 1;
  return plan;
}

SliceResult RowSlicer::operator()(const Job& job) const {
  Row row = row_of(job);
  row.method = Method::slice;
  try {
    return run_slices(row, job, settings_, parts_);
  } catch (const Unsupported& problem) {
    set_unsupported(row, problem);
  } catch (const RunError& error) {
    set_broken_off(row, broken_off(error));
  } catch (const std::bad_alloc& error) {
    set_broken_off(row, broken_off(error));
  }
  return {std::move(row), nullptr};
}

}  // namespace perfbench
