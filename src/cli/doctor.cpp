// perfbench doctor: what the engine can use on this machine.
#include <fmt/format.h>

#include <utility>

#include "base/json.h"
#include "base/units.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "engine/engine.h"

namespace perfbench {
namespace {

// The engine computes with LibTorch alone; where there are GPUs, it also needs NCCL.
bool is_usable(const EngineReport& report) {
  return report.engine.present() && report.libtorch.present() && (report.devices.empty() || report.nccl.present());
}

std::string part_text(std::string_view title, const EnginePart& part) {
  if (part.present()) return fmt::format("{:<9} {}\n", title, part.version);
  std::string text = fmt::format("{:<9} missing: {}\n", title, part.missing);
  if (!part.remedy.empty()) text += fmt::format("{:<9}   to get it: {}\n", "", part.remedy);
  return text;
}

std::string report_text(const EngineReport& report) {
  std::string text = part_text("engine", report.engine) + part_text("LibTorch", report.libtorch) +
                     part_text("CUDA", report.cuda) + part_text("NCCL", report.nccl);
  if (report.devices.empty()) text += fmt::format("{:<9} none\n", "devices");
  for (std::size_t i = 0; i < report.devices.size(); ++i) {
    const CudaDevice& device = report.devices[i];
    text += fmt::format("{:<9} {}: {}, {:.1f} GiB, compute capability {}.{}\n", i == 0 ? "devices" : "", i, device.name,
                        static_cast<double>(device.memory_bytes) / kGiB, device.compute_major, device.compute_minor);
  }
  return text +
         (is_usable(report) ? "The engine is usable.\n" : "The engine is not usable; simulating needs none of it.\n");
}

Json part_json(const EnginePart& part) {
  const auto text = [](const std::string& value) { return value.empty() ? Json() : Json(value); };
  return Json::Object{{"version", text(part.version)}, {"missing", text(part.missing)}, {"remedy", text(part.remedy)}};
}

std::string report_json(const EngineReport& report) {
  Json::Array devices;
  for (const CudaDevice& device : report.devices)
    devices.push_back(
        Json::Object{{"name", device.name},
                     {"memory_bytes", device.memory_bytes},
                     {"compute_capability", fmt::format("{}.{}", device.compute_major, device.compute_minor)}});
  return dump_json(Json::Object{{"usable", is_usable(report)},
                                {"library", report.library.string()},
                                {"engine", part_json(report.engine)},
                                {"libtorch", part_json(report.libtorch)},
                                {"cuda", part_json(report.cuda)},
                                {"nccl", part_json(report.nccl)},
                                {"devices", std::move(devices)}}) +
         "\n";
}

}  // namespace

ExitCode run_doctor(const CommandLine& line) {
  const EngineReport found = engine_report();
  print(line.options.json ? report_json(found) : report_text(found));
  return is_usable(found) ? ExitCode::ok : ExitCode::environment;
}

}  // namespace perfbench
