#include "cli/slice_row.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/units.h"
#include "cli/calibration.h"
#include "cli/kernel_samples.h"
#include "cli/machine_fit.h"
#include "cli/stage_memory.h"
#include "harness/statistics.h"
#include "models/decoder.h"

namespace perfbench {
namespace {

// What one stage's slice brought.
struct Slice {
  int stage = 0;
  std::int64_t state_bytes = 0, value_bytes = 0, device_bytes = 0;  // the most of all steps
  std::vector<double> step_s{};                                     // of the steps after the warm-up
};

void keep_peaks(Slice& slice, const StepReport& report) {
  for (const RankReport& rank : report.ranks) {
    slice.state_bytes = std::max(slice.state_bytes, rank.state_bytes);
    slice.value_bytes = std::max(slice.value_bytes, rank.peak_value_bytes);
    slice.device_bytes = std::max(slice.device_bytes, rank.device_peak_bytes);
  }
}

// Chunk kinds of a stage, in order: stages with the same do the same.
std::vector<int> kinds_of(const JobPrograms& programs, const Job& job, int stage) {
  std::vector<int> kinds;
  for (int chunk = 0; chunk < job.layout.vp; ++chunk) kinds.push_back(programs.kind(chunk, stage, job.layout.pp));
  return kinds;
}

// Sets status oom where a stage does not fit into a CPU's memory; a GPU says so itself.
bool fits(Row& row, const std::vector<int>& stages, const std::vector<StageMemoryBytes>& plan,
          const std::optional<std::int64_t>& available) {
  for (const int stage : stages) {
    const std::int64_t needed = planned_bytes(plan[static_cast<std::size_t>(stage)]);
    if (!available || needed <= *available) continue;
    row.status = Status::oom;
    row.feature = fmt::format("stage {}", stage);
    row.reason = fmt::format("stage {} needs {:.2f} GiB, {:.2f} GiB of this machine's memory are free", stage,
                             static_cast<double>(needed) / kGiB, static_cast<double>(*available) / kGiB);
    return false;
  }
  return true;
}

void set_memory(Row& row, const std::vector<Slice>& slices, const std::vector<StageMemoryBytes>& plan) {
  row.memory.clear();
  double measured = 0.0, planned = 0.0;
  for (const Slice& slice : slices) {
    const StageMemoryBytes& bytes = plan[static_cast<std::size_t>(slice.stage)];
    const auto add = [&](const char* category, std::int64_t size) {
      row.memory.push_back({.stage = slice.stage, .category = category, .gib = static_cast<double>(size) / kGiB});
    };
    add("states", slice.state_bytes);
    add("values", slice.value_bytes);
    // What the device's allocator gave out beyond both: rounding and scratch memory.
    const std::int64_t counted = slice.state_bytes + slice.value_bytes;
    if (slice.device_bytes > counted) add("allocator", slice.device_bytes - counted);
    measured = std::max(measured, static_cast<double>(std::max(slice.device_bytes, counted)) / kGiB);
    planned = std::max(planned, static_cast<double>(planned_bytes(bytes)) / kGiB);
    for (StageMemory& entry : planned_memory(slice.stage, bytes)) row.predicted_memory.push_back(std::move(entry));
  }
  row.peak_memory_gib = measured;
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

// The row's own numbers are the simulated job's; what was run goes beside them.
void set_slices(Row& row, const std::vector<Slice>& slices, const std::vector<StageMemoryBytes>& plan,
                const MeasureSettings& settings) {
  row.method = Method::slice;
  row.window = fmt::format("steps {}-{} of {}", settings.warmup + 1, settings.steps, settings.steps);
  set_memory(row, slices, plan);
}

// Runs one stage; its kernels go into `table`.
Slice run_slice(int stage, const Job& sliced, const JobPrograms& programs, const MeasureSettings& settings,
                const SliceParts& parts, KernelTable& table, std::string& note) {
  const std::unique_ptr<Session> session = parts.engine.open(
      sliced, programs, {.device = settings.device, .seed = settings.seed, .slice_stage = stage, .time_ops = true});
  Slice slice{.stage = stage};
  KernelSamples samples(programs, sliced.layout.pp);
  for (std::int64_t step = 1; step <= settings.steps; ++step) {
    const StepReport report = session->step(parts.engine.batch(sliced, settings.seed, step), StepKind::train);
    keep_peaks(slice, report);
    if (parts.step_done) parts.step_done(stage, step);
    if (step <= settings.warmup) continue;
    slice.step_s.push_back(report.seconds);
    samples.add(session->op_seconds());
  }
  samples.store(table);
  note = slice_note(slice, samples, sliced.num_microbatches);
  return slice;
}

SliceResult run_slices(Row row, const Job& job, const SliceSettings& settings, const SliceParts& parts) {
  require_own_stack(job, "slice");
  const JobPrograms programs = build_programs(job);
  const Job sliced = sliced_job(job, slice_microbatches(job, settings.microbatches));
  const std::vector<int> stages = slice_stages(programs, job, settings.stage);
  const std::vector<StageMemoryBytes> plan = replay_memory(sliced, programs);
  const bool on_cpu = settings.measure.device == Device::cpu;
  if (on_cpu && !fits(row, stages, plan, parts.engine.available_bytes())) return {std::move(row), nullptr};

  auto table = std::make_shared<KernelTable>();
  table->on = parts.measured_on();
  require_system(*table, job, "--mode slice");
  std::vector<Slice> slices;
  std::vector<std::string> notes;
  for (const int stage : stages)
    slices.push_back(run_slice(stage, sliced, programs, settings.measure, parts, *table, notes.emplace_back()));
  row = parts.simulate(job, table);
  set_slices(row, slices, plan, settings.measure);
  row.notes.insert(row.notes.end(), notes.begin(), notes.end());
  return {std::move(row), std::move(table)};
}

}  // namespace

SliceSettings slice_settings(const CommandLine& line) {
  return {.measure = measure_settings(line),
          .stage = line.options.stage.value_or("all"),
          .microbatches = line.options.slice_microbatches};
}

std::vector<int> slice_stages(const JobPrograms& programs, const Job& job, const std::string& stage) {
  const int pp = job.layout.pp;
  std::vector<int> asked;
  if (stage == "first" || stage == "all") asked.push_back(0);
  if (stage == "middle" || stage == "all") asked.push_back(pp / 2);
  if (stage == "last" || stage == "all") asked.push_back(pp - 1);
  std::vector<int> stages;
  std::vector<std::vector<int>> seen;
  for (const int one : asked) {
    std::vector<int> kinds = kinds_of(programs, job, one);
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

Job sliced_job(const Job& job, std::int64_t microbatches) {
  Job sliced = job;
  sliced.num_microbatches = static_cast<int>(microbatches);
  sliced.num_flushes = 1;
  sliced.lbs = microbatches * job.mbs;
  sliced.gbs = sliced.lbs * job.layout.dp;
  return sliced;
}

SliceResult RowSlicer::operator()(const Job& job) const {
  Row row = row_of(job);
  row.method = Method::slice;
  try {
    return run_slices(row, job, settings_, parts_);
  } catch (const Unsupported& problem) {
    set_unsupported(row, problem);
  } catch (const RunError& error) {
    set_run_error(row, error);
  }
  return {std::move(row), nullptr};
}

}  // namespace perfbench
