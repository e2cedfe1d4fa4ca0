#include "runners/run_telemetry.h"

#include <unistd.h>

#include <algorithm>
#include <utility>

#include "runners/row_telemetry.h"

namespace perfbench {

RunTelemetry::RunTelemetry(int num_gpus, const MeasureParts& parts, const EngineReport& report) : parts_(parts) {
  if (!parts.watch) return;
  GpuWatch watch = parts.watch(num_gpus, report);
  missing_ = watch.missing;
  if (watch.read) sampler_.emplace(std::move(watch.read), parts.watch_period_s);
}

void RunTelemetry::begin_window() {
  if (sampler_) windows_.push_back({.from_s = sampler_->seconds()});
}

void RunTelemetry::end_window() {
  if (sampler_ && !windows_.empty()) windows_.back().to_s = sampler_->seconds();
}

std::vector<GpuSummary> RunTelemetry::finish() {
  if (!sampler_) return {};
  const std::vector<TelemetrySample> samples = sampler_->stop();
  if (parts_.watched) parts_.watched(samples);
  std::vector<TelemetrySample> counted;
  for (const TelemetrySample& sample : samples) {
    const auto holds = [&](const Window& w) { return sample.seconds >= w.from_s && sample.seconds <= w.to_s; };
    if (std::any_of(windows_.begin(), windows_.end(), holds)) counted.push_back(sample);
  }
  return summarize(counted.empty() ? samples : counted, 0.0, getpid());
}

void set_telemetry(Row& row, RunTelemetry& telemetry) {
  if (!telemetry.missing().empty()) row.notes.push_back("no telemetry of the GPUs: " + telemetry.missing());
  set_telemetry(row, telemetry.finish());
}

}  // namespace perfbench
