// A job's measured row.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>

#include "engine/engine.h"
#include "engine/gpu/gpu_watch.h"
#include "engine/gpu/telemetry.h"
#include "engine/session.h"
#include "job/job.h"
#include "rows/row.h"
#include "rows/step_lines.h"
#include "runners/measure_settings.h"

namespace perfbench {

// What measuring stands on. A test gives its own.
struct MeasureParts {
  std::function<std::unique_ptr<Session>(const Plan&, const SessionSettings&)> open;
  // The first samples of a step's batch; steps from 1.
  std::function<Batch(const Job&, std::int64_t samples, std::uint64_t seed, std::int64_t step)> batch;
  std::function<std::optional<std::int64_t>()> available_bytes;  // of the machine; unset: not known
  std::function<void(const LoggedStep&)> step_done;              // may be empty
  std::function<std::string()> stopped_by{};  // before each step: what ends the run, "SIGINT", or ""; may be empty

  // Of a measurement on GPUs; empty on a CPU.
  std::function<EngineReport()> machine{};                             // its GPUs
  std::function<GpuWatch(int num_gpus, const EngineReport&)> watch{};  // readings of the first of them
  double watch_period_s = kTelemetryPeriodS;
  std::function<void(std::span<const TelemetrySample>)> watched{};  // of all steps; may be empty
  // A job that this machine's GPUs cannot run or hold is an EnvironmentError, not a row.
  bool must_fit = false;
};

// The engine, mock data and this machine.
MeasureParts engine_parts(Device device);

// Builds a job's Programs, opens a session of the engine and times whole global steps: a row with status ok, oom
// (before anything is allocated, or while it runs), unsupported, failed, timeout or interrupted. It carries the
// statistics of the steps after the warm-up, loss_ok, the engine's count of live bytes and the plan's beside it; where
// these differ, a note says so. On GPUs it carries their clocks, power and temperature over the window, too, and the
// peak of their allocators. A run that breaks off keeps what its steps brought, but for a step time. Throws
// EnvironmentError when the engine cannot be loaded. A harness Runner.
class RowMeasurer {
 public:
  RowMeasurer(const MeasureSettings& settings, MeasureParts parts) : settings_(settings), parts_(std::move(parts)) {}
  Row operator()(const Job& job) const;

 private:
  MeasureSettings settings_;
  MeasureParts parts_;
};

}  // namespace perfbench
