// What the readings of a GPU amount to.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/gpu/telemetry.h"

namespace perfbench {

struct ReasonShare {
  std::string_view name;  // of engine/gpu/throttling.h
  double share = 0.0;     // of the readings that know their reasons, 0 to 1
};

// Of one GPU; a value that no reading had is unset.
struct GpuSummary {
  std::size_t num_readings = 0;
  std::optional<double> sm_clock_min_mhz{}, sm_clock_median_mhz{}, sm_clock_max_mhz{};
  std::optional<double> power_mean_w{}, power_max_w{};
  std::optional<double> temperature_max_c{};
  std::optional<std::int64_t> memory_used_max_bytes{};
  std::optional<double> throttled_share{};           // readings with any reason that throttles, 0 to 1
  std::optional<double> power_capped_share{};        // readings in which it drew all that its power limit grants
  std::vector<ReasonShare> throttle_reasons{};       // those seen, in the order of their bits
  std::optional<std::size_t> num_other_processes{};  // most at one time
};

// One summary for each GPU of the samples taken `from_s` or later; of all samples where none is as late. `own_pid` is
// this process. Where no reading of a GPU has it although there are processes, the driver counts them as another pid
// namespace does, and one of them is taken to be this one.
std::vector<GpuSummary> summarize(std::span<const TelemetrySample> samples, double from_s, std::int64_t own_pid);

// Every reading: seconds,gpu,sm_clock_mhz,power_w,temperature_c,memory_used_bytes,clock_reasons,process_ids. Reasons
// and processes are separated by blanks; what is not known is an empty cell.
std::string telemetry_csv(std::span<const TelemetrySample> samples, const std::string& run);

}  // namespace perfbench
