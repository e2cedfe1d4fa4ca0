#include "cli/measured_on.h"

#include <algorithm>

#include "base/error.h"
#include "base/text.h"
#include "cli/measure_settings.h"
#include "cli/record.h"
#include "spec/catalog.h"

namespace perfbench {

namespace {

std::string why_no_device(const EngineReport& report) {
  for (const EnginePart* part : {&report.engine, &report.libtorch, &report.cuda})
    if (!part->present()) return part->missing;
  return "no CUDA device is visible";
}

}  // namespace

std::string system_of_device(const std::string& device, const std::vector<std::string>& systems) {
  for (const std::string& word : split(canonical_name(device), '_'))
    if (std::find(systems.begin(), systems.end(), word) != systems.end()) return word;
  return "";
}

MeasuredOn measured_on(Device device, const EngineReport& report, const std::vector<std::string>& systems) {
  MeasuredOn on{.date = utc_now(), .versions = {{"perfbench", PERFBENCH_VERSION}}};
  if (report.libtorch.present()) on.versions.emplace_back("libtorch", report.libtorch.version);
  if (device == Device::cpu) {
    on.system = kCpuSystem;
    on.device = "CPU";
    return on;
  }
  if (report.devices.empty())
    throw EnvironmentError("--device cuda", why_no_device(report),
                           "perfbench doctor shows what is there; --device cpu");
  on.device = report.devices.front().name;
  on.system = system_of_device(on.device, systems);
  on.versions.emplace_back("cuda", report.cuda.version);
  return on;
}

}  // namespace perfbench
