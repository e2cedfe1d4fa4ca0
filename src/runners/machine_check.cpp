#include "runners/machine_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <span>
#include <utility>

#include "base/text.h"

namespace perfbench {
namespace {

constexpr const char* kWhere = "--device cuda";
constexpr const char* kOther = "--mode simulate needs none of it, and --device cpu measures on the CPU";

Problem problem(std::string what, std::string hint) { return {kWhere, std::move(what), std::move(hint)}; }

Problem unusable(std::string_view name, const EnginePart& part) {
  return problem(fmt::format("{} cannot be used: {}", name, part.missing),
                 part.remedy.empty() ? kOther : fmt::format("{}; {}", part.remedy, kOther));
}

std::span<const CudaDevice> used_devices(const EngineReport& report, std::int64_t num_ranks) {
  return std::span(report.devices).first(static_cast<std::size_t>(num_ranks));
}

std::optional<Problem> too_few(const EngineReport& report, std::int64_t num_ranks) {
  const auto visible = static_cast<std::int64_t>(report.devices.size());
  if (num_ranks <= visible) return std::nullopt;
  return problem(fmt::format("{} ranks need {} GPUs, and {} {} visible ({}): NCCL takes one rank per GPU, two ranks on "
                             "one GPU are refused",
                             num_ranks, num_ranks, visible, visible == 1 ? "is" : "are", report.devices.front().name),
                 fmt::format("--num_gpus {} or fewer, or more GPUs in CUDA_VISIBLE_DEVICES", visible));
}

std::optional<Problem> different_kinds(const EngineReport& report, std::int64_t num_ranks) {
  const CudaDevice& first = report.devices.front();
  const auto devices = used_devices(report, num_ranks);
  const auto other = std::ranges::find_if(devices, [&](const CudaDevice& d) { return d.name != first.name; });
  if (other == devices.end()) return std::nullopt;
  return problem(fmt::format("GPU 0 is {}, and GPU {} is {}: the ranks of a row run on GPUs of one kind", first.name,
                             other - devices.begin(), other->name),
                 "choose with CUDA_VISIBLE_DEVICES");
}

std::optional<Problem> not_built_for(const EngineReport& report) {
  const CudaDevice& device = report.devices.front();
  const std::vector<std::string>& built = report.cuda_architectures;
  if (built.empty()) return std::nullopt;  // not known
  if (std::ranges::any_of(built, [&](const std::string& text) { return runs_on(text, device); })) return std::nullopt;
  return problem(
      fmt::format("{} has compute capability {}.{}, and the engine's kernels are built for {}", device.name,
                  device.compute_major, device.compute_minor, join(built, ", ")),
      fmt::format("build the engine with CMAKE_CUDA_ARCHITECTURES={}{}", device.compute_major, device.compute_minor));
}

bool is_of(const CudaDevice& device, const SystemSpec& system) {
  return std::ranges::find(system.device_names, device.name) != system.device_names.end();
}

}  // namespace

bool runs_on(std::string_view architecture, const CudaDevice& device) {
  const std::size_t digits = std::min(architecture.find_first_not_of("0123456789"), architecture.size());
  const std::optional<std::int64_t> number = parse_int(architecture.substr(0, digits));
  if (!number) return false;
  const std::int64_t major = *number / 10, minor = *number % 10;
  const std::string_view suffix = architecture.substr(digits);
  const bool same_major = device.compute_major == major;
  if (suffix.starts_with("a")) return same_major && device.compute_minor == minor;
  if (suffix.starts_with("f") || suffix == "-real") return same_major && device.compute_minor >= minor;
  return device.compute_major > major || (same_major && device.compute_minor >= minor);
}

std::optional<Problem> machine_problem(const EngineReport& report, std::int64_t num_ranks) {
  if (!report.engine.present()) return unusable("the engine", report.engine);
  if (!report.libtorch.present()) return unusable("LibTorch", report.libtorch);
  if (!report.cuda.present()) return unusable("CUDA", report.cuda);
  if (report.devices.empty())
    return problem(fmt::format("CUDA {} is there, and no GPU is visible", report.cuda.version),
                   fmt::format("see nvidia-smi and CUDA_VISIBLE_DEVICES; {}", kOther));
  if (auto found = too_few(report, num_ranks)) return found;
  if (auto found = different_kinds(report, num_ranks)) return found;
  if (auto found = not_built_for(report)) return found;
  if (num_ranks > 1 && !report.nccl.present()) return unusable("NCCL", report.nccl);  // one rank reaches nobody
  return std::nullopt;
}

void require_machine(const EngineReport& report, std::int64_t num_ranks) {
  if (auto found = machine_problem(report, num_ranks))
    throw EnvironmentError(std::move(found->where), std::move(found->what), std::move(found->hint));
}

std::optional<Problem> system_problem(const EngineReport& report, const SystemSpec& system) {
  const CudaDevice& device = report.devices.front();
  if (is_of(device, system)) return std::nullopt;
  return problem(fmt::format("measures on {}, and system {} is {}", device.name, system.name,
                             system.device_names.empty() ? system.gpu : join(system.device_names, " or ")),
                 fmt::format("--mode simulate predicts {} anywhere", system.name));
}

void apply_devices(const EngineReport& report, const Catalog& catalog, Request& request) {
  const CudaDevice& device = report.devices.front();
  const std::optional<SystemSpec> own = catalog.system_of_device(device.name);
  if (request.system) {
    const std::string flag = flag_of(request, "system");
    const SystemSpec asked = catalog.system(*request.system, flag);
    if (is_of(device, asked)) return;
    throw InputError(
        flag,
        fmt::format("is {}, and the GPUs here are {}{}", asked.name, device.name,
                    own ? fmt::format(", system {}", own->name) : ", of no system that is described"),
        own ? fmt::format("leave it out, or -g {}; --mode simulate predicts {} anywhere", own->name, asked.name)
            : "--mode simulate predicts it anywhere");
  }
  if (!own)
    throw InputError("--gpu",
                     fmt::format("is needed: no file of {} has {} among its device_names",
                                 (catalog.folder() / "systems").string(), device.name),
                     "describe it in a file there");
  request.system = own->name;
  request.origins["system"] = fmt::format("device {}", device.name);
}

}  // namespace perfbench
