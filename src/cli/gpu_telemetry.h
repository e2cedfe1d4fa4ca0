// Readings of the GPUs that something runs on, from a start to an end.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "engine/gpu_watch.h"
#include "engine/telemetry.h"
#include "engine/telemetry_summary.h"

namespace perfbench {

// NVML's readings of the first `count` devices of the report.
GpuWatch watch_devices(const EngineReport& report, std::int64_t count);

class GpuTelemetry {
 public:
  // Starts reading where the watch can read; else missing() says why it cannot, and nothing is read.
  explicit GpuTelemetry(GpuWatch watch, double period_s = kTelemetryPeriodS);

  const std::string& missing() const { return missing_; }
  // What is summed up begins now: the warm-up is over.
  void begin_window();
  // Ends the readings. Once.
  void stop();
  std::span<const TelemetrySample> samples() const { return samples_; }  // all of them
  std::vector<GpuSummary> summaries() const;                             // of the window, a GPU each; empty: no reading

 private:
  std::string missing_;
  std::optional<TelemetrySampler> sampler_;
  double window_s_ = 0.0;
  std::vector<TelemetrySample> samples_;
};

}  // namespace perfbench
