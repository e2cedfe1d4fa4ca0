#include "engine/gpu/telemetry_summary.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <numeric>

#include "base/csv.h"
#include "base/median.h"
#include "engine/gpu/clock_reasons.h"
#include "engine/gpu/throttling.h"

namespace perfbench {
namespace {

using Readings = std::vector<const GpuReading*>;

// Values of those readings that have one.
template <class T>
std::vector<T> values(const Readings& readings, std::optional<T> GpuReading::*field) {
  std::vector<T> found;
  for (const GpuReading* reading : readings)
    if (reading->*field) found.push_back(*(reading->*field));
  return found;
}

template <class T>
std::optional<T> largest(const std::vector<T>& values) {
  return values.empty() ? std::nullopt : std::optional(*std::max_element(values.begin(), values.end()));
}

std::optional<double> mean(const std::vector<double>& values) {
  if (values.empty()) return std::nullopt;
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

// Of the readings that know their reasons.
void set_reasons(GpuSummary& summary, const Readings& readings) {
  double known = 0.0, throttled = 0.0, capped = 0.0;
  std::map<std::string_view, double> seen;
  for (const GpuReading* reading : readings) {
    const auto reasons = throttle_reasons(*reading);
    if (!reasons) continue;
    ++known;
    throttled += reasons->empty() ? 0.0 : 1.0;
    capped += *is_power_capped(*reading) ? 1.0 : 0.0;
    for (const std::string_view name : *reasons) ++seen[name];
  }
  if (known == 0.0) return;
  summary.throttled_share = throttled / known;
  summary.power_capped_share = capped / known;
  for (const std::string_view name : throttle_reason_names())
    if (seen.contains(name)) summary.throttle_reasons.push_back({.name = name, .share = seen[name] / known});
}

std::optional<std::size_t> num_others(const std::vector<std::vector<std::int64_t>>& lists, std::int64_t own_pid) {
  if (lists.empty()) return std::nullopt;
  std::size_t most = 0;
  bool own_seen = false;
  for (const std::vector<std::int64_t>& ids : lists) {
    const auto own = static_cast<std::size_t>(std::count(ids.begin(), ids.end(), own_pid));
    own_seen = own_seen || own > 0;
    most = std::max(most, ids.size() - own);
  }
  return own_seen || most == 0 ? most : most - 1;
}

GpuSummary summary_of(const Readings& readings, std::int64_t own_pid) {
  GpuSummary summary;
  summary.num_readings = readings.size();
  const std::vector<double> clocks = values(readings, &GpuReading::sm_clock_mhz);
  if (!clocks.empty()) summary.sm_clock_min_mhz = *std::min_element(clocks.begin(), clocks.end());
  if (!clocks.empty()) summary.sm_clock_median_mhz = median(clocks);
  summary.sm_clock_max_mhz = largest(clocks);
  const std::vector<double> power = values(readings, &GpuReading::power_w);
  summary.power_mean_w = mean(power);
  summary.power_max_w = largest(power);
  summary.temperature_max_c = largest(values(readings, &GpuReading::temperature_c));
  summary.memory_used_max_bytes = largest(values(readings, &GpuReading::memory_used_bytes));
  set_reasons(summary, readings);
  summary.num_other_processes = num_others(values(readings, &GpuReading::process_ids), own_pid);
  return summary;
}

template <class T>
std::string cell(const std::optional<T>& value) {
  return value ? fmt::format("{}", *value) : "";
}

std::string reasons_cell(const std::optional<std::uint64_t>& bits) {
  if (!bits) return "";
  const std::vector<std::string_view> names = clock_reason_names(*bits);
  return names.empty() ? "none" : fmt::format("{}", fmt::join(names, " "));
}

}  // namespace

std::vector<GpuSummary> summarize(std::span<const TelemetrySample> samples, double from_s, std::int64_t own_pid) {
  const bool any_late = std::any_of(samples.begin(), samples.end(), [&](const auto& s) { return s.seconds >= from_s; });
  std::vector<Readings> of_gpus;
  for (const TelemetrySample& sample : samples) {
    if (any_late && sample.seconds < from_s) continue;
    of_gpus.resize(std::max(of_gpus.size(), sample.gpus.size()));
    for (std::size_t gpu = 0; gpu < sample.gpus.size(); ++gpu) of_gpus[gpu].push_back(&sample.gpus[gpu]);
  }
  std::vector<GpuSummary> summaries;
  summaries.reserve(of_gpus.size());
  for (const Readings& readings : of_gpus) summaries.push_back(summary_of(readings, own_pid));
  return summaries;
}

std::string telemetry_csv(std::span<const TelemetrySample> samples, const std::string& run) {
  std::string text = csv_line({"seconds", "gpu", "sm_clock_mhz", "power_w", "temperature_c", "memory_used_bytes",
                               "clock_reasons", "process_ids", "run"});
  for (const TelemetrySample& sample : samples) {
    for (std::size_t gpu = 0; gpu < sample.gpus.size(); ++gpu) {
      const GpuReading& reading = sample.gpus[gpu];
      const std::vector<std::int64_t> ids = reading.process_ids.value_or(std::vector<std::int64_t>{});
      text += csv_line({fmt::format("{:.3f}", sample.seconds), std::to_string(gpu), cell(reading.sm_clock_mhz),
                        cell(reading.power_w), cell(reading.temperature_c), cell(reading.memory_used_bytes),
                        reasons_cell(reading.clock_reasons), fmt::format("{}", fmt::join(ids, " ")), run});
    }
  }
  return text;
}

}  // namespace perfbench
