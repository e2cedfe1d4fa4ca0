// perfbench doctor: what the engine can use on this machine.
#include <fmt/format.h>

#include <utility>

#include "base/json.h"
#include "base/text.h"
#include "base/units.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "engine/engine.h"
#include "runners/gpu_state.h"
#include "runners/machine_check.h"

namespace perfbench {
namespace {

// What keeps the engine from computing; "" where nothing does. With LibTorch alone it computes on the CPU; where there
// are GPUs, it must be able to use one.
std::string why_unusable(const EngineReport& report) {
  if (!report.engine.present() || !report.libtorch.present()) return "LibTorch and the engine are needed";
  if (report.devices.empty()) return "";
  const std::optional<Problem> problem = machine_problem(report, 1);
  return problem ? problem->what : "";
}

// How much of the machine the engine can use.
std::string verdict_text(const EngineReport& report) {
  if (const std::string why = why_unusable(report); !why.empty())
    return fmt::format("The engine is not usable: {}. Simulating needs none of it.\n", why);
  if (report.devices.size() > 1 && !report.nccl.present())
    return fmt::format("The engine is usable on one GPU alone: NCCL cannot be used: {}.\n", report.nccl.missing);
  return "The engine is usable.\n";
}

std::string part_text(std::string_view title, const EnginePart& part) {
  if (part.present()) return fmt::format("{:<9} {}\n", title, part.version);
  std::string text = fmt::format("{:<9} missing: {}\n", title, part.missing);
  if (!part.remedy.empty()) text += fmt::format("{:<9}   to get it: {}\n", "", part.remedy);
  return text;
}

std::string states_text(const GpuStates& states) {
  std::string text;
  for (std::size_t i = 0; i < states.gpus.size(); ++i)
    text += fmt::format("{:<9} {}: {}\n", i == 0 ? "GPUs now" : "", i, state_text(states.gpus[i]));
  return text;
}

std::string report_text(const EngineReport& report, const GpuStates& states) {
  std::string text = part_text("engine", report.engine) + part_text("LibTorch", report.libtorch) +
                     part_text("CUDA", report.cuda) + part_text("NCCL", report.nccl) + part_text("NVML", states.nvml);
  if (!report.cuda_architectures.empty())
    text += fmt::format("{:<9} built for compute capabilities {}\n", "kernels", join(report.cuda_architectures, ", "));
  if (report.devices.empty()) text += fmt::format("{:<9} none\n", "devices");
  for (std::size_t i = 0; i < report.devices.size(); ++i) {
    const CudaDevice& device = report.devices[i];
    text += fmt::format("{:<9} {}: {}, {:.1f} GiB, compute capability {}.{}\n", i == 0 ? "devices" : "", i, device.name,
                        static_cast<double>(device.memory_bytes) / kGiB, device.compute_major, device.compute_minor);
  }
  text += states_text(states);
  return text + verdict_text(report);
}

Json part_json(const EnginePart& part) {
  const auto text = [](const std::string& value) { return value.empty() ? Json() : Json(value); };
  return Json::Object{{"version", text(part.version)}, {"missing", text(part.missing)}, {"remedy", text(part.remedy)}};
}

std::string report_json(const EngineReport& report, const GpuStates& states) {
  Json::Array devices;
  for (const CudaDevice& device : report.devices)
    devices.push_back(
        Json::Object{{"name", device.name},
                     {"pci_bus_id", device.pci_bus_id.empty() ? Json() : Json(device.pci_bus_id)},
                     {"memory_bytes", device.memory_bytes},
                     {"compute_capability", fmt::format("{}.{}", device.compute_major, device.compute_minor)}});
  Json::Array architectures, gpus;
  for (const std::string& text : report.cuda_architectures) architectures.emplace_back(text);
  for (const GpuState& gpu : states.gpus) gpus.push_back(state_json(gpu));
  return dump_json(Json::Object{{"usable", why_unusable(report).empty()},
                                {"library", report.library.string()},
                                {"engine", part_json(report.engine)},
                                {"libtorch", part_json(report.libtorch)},
                                {"cuda", part_json(report.cuda)},
                                {"nccl", part_json(report.nccl)},
                                {"nvml", part_json(states.nvml)},
                                {"cuda_architectures", std::move(architectures)},
                                {"devices", std::move(devices)},
                                {"gpus", std::move(gpus)}}) +
         "\n";
}

}  // namespace

ExitCode run_doctor(const CommandLine& line) {
  const EngineReport found = engine_report();
  const GpuStates states = gpu_states(found);
  print(line.options.json ? report_json(found, states) : report_text(found, states));
  return why_unusable(found).empty() ? ExitCode::ok : ExitCode::environment;
}

}  // namespace perfbench
