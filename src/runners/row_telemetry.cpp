#include "runners/row_telemetry.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <vector>

namespace perfbench {
namespace {

constexpr std::size_t kNamedGpus = 4;  // at most, in a note

// "GPU 0 <text>; GPU 3 <text>; 12 more".
std::string of_gpus(const std::vector<std::string>& parts) {
  const std::size_t named = std::min(parts.size(), kNamedGpus);
  std::string text =
      fmt::format("{}", fmt::join(parts.begin(), parts.begin() + static_cast<std::ptrdiff_t>(named), "; "));
  if (parts.size() > named) text += fmt::format("; {} more", parts.size() - named);
  return text;
}

std::string throttled_text(std::size_t number, const GpuSummary& gpu) {
  std::vector<std::string> reasons;
  for (const ReasonShare& reason : gpu.throttle_reasons)
    reasons.push_back(fmt::format("{} {:.0f} %", reason.name, 100.0 * reason.share));
  return fmt::format("GPU {} in {:.0f} % of {} readings ({})", number, 100.0 * gpu.throttled_share.value_or(0.0),
                     gpu.num_readings, fmt::join(reasons, ", "));
}

std::string capped_text(std::size_t number, const GpuSummary& gpu) {
  std::string text =
      fmt::format("GPU {} in {:.0f} % of {} readings", number, 100.0 * *gpu.power_capped_share, gpu.num_readings);
  if (gpu.sm_clock_median_mhz) text += fmt::format(", median SM clock {:.0f} MHz", *gpu.sm_clock_median_mhz);
  return text;
}

void add_notes(Row& row, std::span<const GpuSummary> gpus) {
  std::vector<std::string> throttled, capped, shared;
  for (std::size_t i = 0; i < gpus.size(); ++i) {
    if (gpus[i].throttled_share.value_or(0.0) > 0.0) throttled.push_back(throttled_text(i, gpus[i]));
    if (gpus[i].power_capped_share.value_or(0.0) > 0.0) capped.push_back(capped_text(i, gpus[i]));
    const std::size_t others = gpus[i].num_other_processes.value_or(0);
    if (others > 0) shared.push_back(fmt::format("GPU {} with {} of them", i, others));
  }
  if (!throttled.empty()) row.notes.push_back("throttled, clocks were held back: " + of_gpus(throttled));
  if (!capped.empty())
    row.notes.push_back("power-capped, the GPUs drew all that their limit grants: " + of_gpus(capped));
  if (!shared.empty()) row.notes.push_back("other processes computed on the GPUs: " + of_gpus(shared));
}

}  // namespace

void set_telemetry(Row& row, std::span<const GpuSummary> gpus) {
  double power_sum = 0.0;
  int num_powers = 0;
  for (const GpuSummary& gpu : gpus) {
    if (gpu.throttled_share) row.throttled = row.throttled.value_or(false) || *gpu.throttled_share > 0.0;
    if (gpu.sm_clock_median_mhz)
      row.sm_clock_mhz = std::min(row.sm_clock_mhz.value_or(*gpu.sm_clock_median_mhz), *gpu.sm_clock_median_mhz);
    if (gpu.temperature_max_c)
      row.temperature_c = std::max(row.temperature_c.value_or(*gpu.temperature_max_c), *gpu.temperature_max_c);
    if (!gpu.power_mean_w) continue;
    power_sum += *gpu.power_mean_w;
    ++num_powers;
  }
  if (num_powers > 0) row.power_w = power_sum / num_powers;
  add_notes(row, gpus);
}

}  // namespace perfbench
