#include "runners/gpu_state.h"

#include <fmt/format.h>

#include <optional>
#include <utility>

#include "base/units.h"
#include "engine/gpu/clock_reasons.h"
#include "engine/gpu/throttling.h"

namespace perfbench {
namespace {

double gib(std::int64_t bytes) { return static_cast<double>(bytes) / kGiB; }

// "1755 of 1980 MHz", or without the limit where it is not known.
std::string of_limit(const std::optional<double>& value, const std::optional<double>& limit, const char* unit) {
  return limit ? fmt::format("{:g} of {:g} {}", *value, *limit, unit) : fmt::format("{:g} {}", *value, unit);
}

std::string memory_text(const GpuState& gpu) {
  const std::string used = fmt::format("{:.1f}", gib(*gpu.reading.memory_used_bytes));
  return gpu.limits.memory_bytes ? fmt::format("{} of {:.1f} GiB used", used, gib(*gpu.limits.memory_bytes))
                                 : fmt::format("{} GiB used", used);
}

template <class T>
Json json_or_null(const std::optional<T>& value) {
  return value ? Json(*value) : Json();
}

Json texts_json(const std::vector<std::string>& texts) {
  Json::Array array;
  for (const std::string& text : texts) array.emplace_back(text);
  return array;
}

Json reasons_json(const std::optional<std::uint64_t>& bits) {
  if (!bits) return {};
  Json::Array names;
  for (const std::string_view name : clock_reason_names(*bits)) names.emplace_back(std::string(name));
  return names;
}

Json ids_json(const std::optional<std::vector<std::int64_t>>& ids) {
  if (!ids) return {};
  Json::Array array;
  for (const std::int64_t id : *ids) array.emplace_back(id);
  return array;
}

std::vector<std::string> absent_of(const GpuState& gpu) {
  std::vector<std::string> absent = gpu.limits.absent;
  absent.insert(absent.end(), gpu.reading.absent.begin(), gpu.reading.absent.end());
  return absent;
}

}  // namespace

GpuStates gpu_states(const EngineReport& report, const std::string& library) {
  const Nvml nvml(library);
  GpuStates states{.nvml = nvml.part()};
  std::vector<std::optional<NvmlGpu>> gpus;
  for (const CudaDevice& device : report.devices) gpus.push_back(nvml.by_pci_bus_id(device.pci_bus_id));
  if (report.devices.empty())
    for (int i = 0; i < nvml.num_gpus(); ++i) gpus.push_back(nvml.by_index(i));
  for (const std::optional<NvmlGpu>& gpu : gpus) {
    if (!gpu) continue;
    states.gpus.push_back({.limits = nvml.limits(*gpu), .reading = nvml.read(*gpu)});
    states.gpus.back().reading.power_limit_lowered = states.gpus.back().limits.power_limit_lowered();
  }
  return states;
}

std::string state_text(const GpuState& gpu) {
  const GpuReading& now = gpu.reading;
  std::vector<std::string> parts = {gpu.limits.name.empty() ? "GPU" : gpu.limits.name};
  if (now.sm_clock_mhz) parts.push_back("SM clock " + of_limit(now.sm_clock_mhz, gpu.limits.sm_clock_max_mhz, "MHz"));
  if (now.power_w) parts.push_back(of_limit(now.power_w, gpu.limits.power_limit_w, "W"));
  if (now.temperature_c) parts.push_back(fmt::format("{:g} C", *now.temperature_c));
  if (now.memory_used_bytes) parts.push_back(memory_text(gpu));
  if (now.clock_reasons && *now.clock_reasons != 0)
    parts.push_back(fmt::format("{}: {}", throttle_reasons(now)->empty() ? "not throttled" : "throttled",
                                fmt::join(clock_reason_names(*now.clock_reasons), " ")));
  if (now.process_ids && !now.process_ids->empty())
    parts.push_back(fmt::format("{} {} on it", now.process_ids->size(),
                                now.process_ids->size() == 1 ? "process computes" : "processes compute"));
  std::string text = fmt::format("{}", fmt::join(parts, ", "));
  if (const std::vector<std::string> absent = absent_of(gpu); !absent.empty())
    text += fmt::format(" (not known: {})", fmt::join(absent, "; "));
  return text;
}

Json state_json(const GpuState& gpu) {
  const GpuReading& now = gpu.reading;
  return Json::Object{{"name", gpu.limits.name},
                      {"sm_clock_mhz", json_or_null(now.sm_clock_mhz)},
                      {"sm_clock_max_mhz", json_or_null(gpu.limits.sm_clock_max_mhz)},
                      {"power_w", json_or_null(now.power_w)},
                      {"power_limit_w", json_or_null(gpu.limits.power_limit_w)},
                      {"default_power_limit_w", json_or_null(gpu.limits.default_power_limit_w)},
                      {"temperature_c", json_or_null(now.temperature_c)},
                      {"memory_used_bytes", json_or_null(now.memory_used_bytes)},
                      {"memory_bytes", json_or_null(gpu.limits.memory_bytes)},
                      {"throttled", now.clock_reasons ? Json(!throttle_reasons(now)->empty()) : Json()},
                      {"clock_reasons", reasons_json(now.clock_reasons)},
                      {"process_ids", ids_json(now.process_ids)},
                      {"absent", texts_json(absent_of(gpu))}};
}

}  // namespace perfbench
