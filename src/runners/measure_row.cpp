#include "runners/measure_row.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <utility>
#include <vector>

#include "base/units.h"
#include "harness/statistics.h"
#include "models/programs.h"
#include "runners/machine_fit.h"
#include "runners/run_checks.h"
#include "runners/run_telemetry.h"
#include "runners/stage_memory.h"
#include "sim/memory.h"

namespace perfbench {
namespace {

constexpr int kNamedMismatches = 4;  // at most, in notes
// Ranks on a CPU share its cores with each other and with the rest of the machine; only a run that says nothing at all
// is refused there.
constexpr double kCpuCvLimit = 0.5;

double gib(std::int64_t bytes) { return static_cast<double>(bytes) / kGiB; }

// Bytes of one rank of each stage as the plan has them, without what a system reserves.
using StageBytes = std::vector<std::int64_t>;

StageBytes set_prediction(Row& row, const std::vector<StageMemoryBytes>& stages) {
  StageBytes planned;
  for (std::size_t i = 0; i < stages.size(); ++i) {
    for (StageMemory& entry : planned_memory(static_cast<int>(i), stages[i]))
      row.predicted_memory.push_back(std::move(entry));
    planned.push_back(planned_bytes(stages[i]));
  }
  row.predicted_peak_memory_gib = gib(*std::max_element(planned.begin(), planned.end()));
  return planned;
}

struct MeasuredRun {
  StepTimes times{};
  std::int64_t bad_step = 0;  // the first with a loss that is not finite, from 1; 0: none
  double bad_loss = 0.0;      // of that step
  std::vector<std::string> remarks{};
  std::vector<RankReport> peaks{};          // of each rank, the most of all steps
  std::optional<BrokenOff> broken_off{};    // unset: all steps were done
  std::optional<RunTelemetry> telemetry{};  // from the first step on
};

void keep_peaks(std::vector<RankReport>& peaks, const std::vector<RankReport>& ranks) {
  if (peaks.empty()) peaks = ranks;
  for (std::size_t i = 0; i < std::min(peaks.size(), ranks.size()); ++i) {
    peaks[i].state_bytes = std::max(peaks[i].state_bytes, ranks[i].state_bytes);
    peaks[i].peak_value_bytes = std::max(peaks[i].peak_value_bytes, ranks[i].peak_value_bytes);
    peaks[i].device_peak_bytes = std::max(peaks[i].device_peak_bytes, ranks[i].device_peak_bytes);
  }
}

// Of the engine's own count.
std::int64_t peak_bytes(const RankReport& rank) { return rank.state_bytes + rank.peak_value_bytes; }

// On a GPU of its allocator, which counts what it rounds up and scratch memory, too.
std::int64_t taken_bytes(const RankReport& rank) {
  return rank.device_peak_bytes > 0 ? rank.device_peak_bytes : peak_bytes(rank);
}

LoggedStep logged_step(const Row& row, const Job& job, const StepReport& report) {
  LoggedStep logged{.end_utc = std::chrono::system_clock::now(),
                    .seconds = report.seconds,
                    .loss = report.loss,
                    .grad_norm = report.grad_norm,
                    .learning_rate = SessionSettings{}.optimizer.learning_rate,
                    .gbs = job.gbs};
  for (const RankReport& rank : report.ranks) logged.peak_bytes = std::max(logged.peak_bytes, taken_bytes(rank));
  if (std::isfinite(report.seconds) && report.seconds > 0.0) {
    Row of_step = row;
    set_step_time(of_step, job, report.seconds);
    logged.model_tflops_per_gpu = of_step.model_tflops_per_gpu;
  }
  return logged;
}

void keep(MeasuredRun& run, const StepReport& report, std::int64_t step) {
  run.times.by_rank_s.resize(std::max(run.times.by_rank_s.size(), report.ranks.size()));
  for (std::size_t rank = 0; rank < report.ranks.size(); ++rank)
    run.times.by_rank_s[rank].push_back(report.ranks[rank].seconds);
  if (run.bad_step == 0 && !std::isfinite(report.loss)) {
    run.bad_step = step;
    run.bad_loss = report.loss;
  }
  keep_peaks(run.peaks, report.ranks);
  if (!report.remarks.empty()) run.remarks = report.remarks;
}

// Whether ranks have other numbers of rows than the plan: experts take what a gate sends them, and no more than that.
bool loads_differ(const Job& job) {
  const Moe* moe = find_mlp<Moe>(job.model);
  if (moe == nullptr || job.layout.ep == 1 || job.expert_capacity > 0.0) return false;
  const std::int64_t rows = job.mbs * job.seq_len / (std::int64_t{job.layout.cp} * job.layout.tp) * moe->top_k;
  return job.gate != Gate::balanced || rows % moe->experts != 0;
}

void note_uneven(Row& row, const MeasuredRun& run, const StageBytes& planned) {
  const auto fullest = std::ranges::max_element(run.peaks, {}, peak_bytes);
  row.notes.push_back(fmt::format(
      "memory is planned for equal loads of experts, which the gate does not give: {} bytes at most, the plan says {}",
      peak_bytes(*fullest), *std::ranges::max_element(planned)));
}

// The ledger and the plan count the same tensors: they differ where one of them is wrong.
void note_mismatches(Row& row, const Job& job, const MeasuredRun& run, const StageBytes& planned) {
  if (loads_differ(job) && !run.peaks.empty()) return note_uneven(row, run, planned);
  int mismatches = 0;
  for (std::size_t i = 0; i < run.peaks.size(); ++i) {
    const RankReport& rank = run.peaks[i];
    const auto stage = static_cast<std::size_t>(rank.stage);
    if (stage >= planned.size()) continue;
    if (peak_bytes(rank) == planned[stage] || ++mismatches > kNamedMismatches) continue;
    row.notes.push_back(fmt::format("memory of rank {} (stage {}) is not as planned: {} bytes, the plan says {}", i,
                                    stage, peak_bytes(rank), planned[stage]));
  }
  if (mismatches > kNamedMismatches)
    row.notes.push_back(fmt::format("memory of {} more ranks is not as planned", mismatches - kNamedMismatches));
}

void set_memory(Row& row, const Job& job, const MeasuredRun& run) {
  if (run.peaks.empty()) return;
  std::vector<RankReport> fullest(static_cast<std::size_t>(job.layout.pp));
  std::vector<std::int64_t> allocated(fullest.size(), 0);
  for (const RankReport& rank : run.peaks) {
    const auto stage = static_cast<std::size_t>(rank.stage);
    if (stage >= fullest.size()) continue;
    if (peak_bytes(rank) > peak_bytes(fullest[stage])) fullest[stage] = rank;
    allocated[stage] = std::max(allocated[stage], rank.device_peak_bytes);
  }
  std::int64_t most = 0;
  for (std::size_t stage = 0; stage < fullest.size(); ++stage) {
    const int number = static_cast<int>(stage);
    row.memory.push_back({.stage = number, .category = "states", .gib = gib(fullest[stage].state_bytes)});
    row.memory.push_back({.stage = number, .category = "values", .gib = gib(fullest[stage].peak_value_bytes)});
    if (allocated[stage] > 0)
      row.memory.push_back({.stage = number, .category = std::string(kAllocatedMemory), .gib = gib(allocated[stage])});
    most = std::max(most, allocated[stage] > 0 ? allocated[stage] : peak_bytes(fullest[stage]));
  }
  if (most > 0) set_peak_memory(row, static_cast<double>(most));
}

StepStatistics statistics_of(const MeasuredRun& run, const MeasureSettings& settings) {
  StatisticsRules rules{.window = {.first = settings.warmup + 1}};
  const double usual_limit = rules.cv_limit;
  if (settings.device == Device::cpu) rules.cv_limit = kCpuCvLimit;
  StepStatistics statistics = step_statistics(run.times, rules);
  if (statistics.cv && *statistics.cv > usual_limit && !statistics.refused())
    statistics.warnings.push_back(fmt::format("the step times vary: CV {:.2f} %; on GPUs the limit is {:.2f} %",
                                              100.0 * *statistics.cv, 100.0 * usual_limit));
  return statistics;
}

// Times of a run that broke off, or of steps with a broken loss, are kept as samples, but are no result.
void set_steps(Row& row, const Job& job, const MeasuredRun& run, const MeasureSettings& settings) {
  if (!run.peaks.empty()) row.loss_ok = run.bad_step == 0;
  StepStatistics statistics = statistics_of(run, settings);
  const auto refuse = [&](std::string feature, std::string reason) {
    statistics.feature = std::move(feature);
    statistics.reason = std::move(reason);
  };
  if (run.broken_off)
    refuse(run.broken_off->feature, run.broken_off->reason);
  else if (run.bad_step > 0)
    refuse("loss", fmt::format("the loss of step {} is {}", run.bad_step, run.bad_loss));
  set_statistics(row, job, statistics);
  if (run.broken_off) set_broken_off(row, *run.broken_off);
}

// Steps until all are done, one fails, or something asks the run to end.
void run_steps(MeasuredRun& run, Session& session, const Row& row, const Job& job, const MeasureSettings& settings,
               const MeasureParts& parts) {
  for (std::int64_t step = 1; step <= settings.steps; ++step) {
    if ((run.broken_off = interrupted(parts.stopped_by, step, settings.steps))) return;
    if (step == settings.warmup + 1) run.telemetry->begin_window();
    const StepReport report = session.step(parts.batch(job, job.gbs, settings.seed, step), StepKind::train);
    keep(run, report, step);
    if (!parts.step_done) continue;
    LoggedStep logged = logged_step(row, job, report);
    logged.step = step;
    logged.num_steps = settings.steps;
    parts.step_done(logged);
  }
}

void run_session(MeasuredRun& run, const Row& row, const Job& job, const Plan& plan, const MeasureSettings& settings,
                 const MeasureParts& parts, const EngineReport& machine) {
  try {
    const std::unique_ptr<Session> session =
        parts.open(plan, {.device = settings.device, .seed = settings.seed, .timeout_s = settings.timeout_s});
    run.telemetry.emplace(job.num_gpus, parts, machine);
    run_steps(run, *session, row, job, settings, parts);
  } catch (const RunError& error) {
    run.broken_off = broken_off(error);
  } catch (const std::bad_alloc& error) {
    run.broken_off = broken_off(error);
  }
}

void measure(Row& row, const Job& job, const MeasureSettings& settings, const MeasureParts& parts) {
  require_engine_job(job, "measure");
  const EngineReport machine = parts.machine ? parts.machine() : EngineReport{};
  if (parts.machine) require_devices(job.system, job.num_gpus, machine, parts.must_fit);
  const Plan plan = build_plan(job);
  const std::vector<StageMemoryBytes> stages = replay_memory(plan);
  const StageBytes planned = set_prediction(row, stages);
  if (parts.machine ? !fits_devices(row, stages, job.num_gpus, machine, parts.must_fit)
                    : !fits_host(row, stages, plan.mesh.stage_ranks(), parts.available_bytes()))
    return;
  MeasuredRun run;
  run_session(run, row, job, plan, settings, parts, machine);
  if (run.telemetry) set_telemetry(row, *run.telemetry);
  row.notes.insert(row.notes.end(), run.remarks.begin(), run.remarks.end());
  note_mismatches(row, job, run, planned);
  note_threads_left_behind(row);
  set_memory(row, job, run);
  set_steps(row, job, run, settings);
}

}  // namespace

Row RowMeasurer::operator()(const Job& job) const {
  Row row = row_of(job);
  row.method = Method::measured;
  try {
    measure(row, job, settings_, parts_);
  } catch (const Unsupported& problem) {
    set_unsupported(row, problem);
  } catch (const RunError& error) {
    set_broken_off(row, broken_off(error));
  } catch (const std::bad_alloc& error) {  // before the session or after it
    set_broken_off(row, broken_off(error));
  }
  return row;
}

}  // namespace perfbench
