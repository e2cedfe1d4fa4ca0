// Readings of the GPUs while a run measures; nothing where there are none.
#pragma once

#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "engine/gpu/telemetry_summary.h"
#include "runners/measure_row.h"

namespace perfbench {

class RunTelemetry {
 public:
  // Reads so many GPUs from now on; `parts` must outlive it.
  RunTelemetry(int num_gpus, const MeasureParts& parts, const EngineReport& report);

  // What counts in the summaries: from a begin to its end, or to the end of all. Nothing begun: everything counts.
  void begin_window();
  void end_window();

  // Stops, hands the samples to parts.watched, and sums up. Once.
  std::vector<GpuSummary> finish();

  const std::string& missing() const { return missing_; }  // why nothing is read; empty where nothing should be

 private:
  struct Window {
    double from_s = 0.0, to_s = std::numeric_limits<double>::infinity();
  };

  const MeasureParts& parts_;
  std::string missing_;
  std::optional<TelemetrySampler> sampler_;
  std::vector<Window> windows_;
};

// Ends the readings and sets what the row says of them.
void set_telemetry(Row& row, RunTelemetry& telemetry);

}  // namespace perfbench
