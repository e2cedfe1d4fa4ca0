#include <dlfcn.h>
#include <fmt/format.h>

#include "base/file.h"
#include "base/text.h"
#include "engine/abi.h"
#include "engine/engine.h"

namespace perfbench {
namespace {

constexpr const char* kRemedy = "scripts/build.sh --engine";

EnginePart missing_engine(std::string what) { return {.version = "", .missing = std::move(what), .remedy = kRemedy}; }

std::string text(const char* c) { return c == nullptr ? "" : c; }

EnginePart part(const EngineAbiPart& p) {
  return {.version = text(p.version), .missing = text(p.missing), .remedy = text(p.remedy)};
}

// The engine part of the report, and the library's info where the engine is one of ours.
EnginePart ask(void* handle, const std::filesystem::path& library, const EngineAbiInfo*& info) {
  const auto version = reinterpret_cast<EngineAbiVersionFunction*>(dlsym(handle, kEngineVersionSymbol));
  const auto ask_info = reinterpret_cast<EngineAbiInfoFunction*>(dlsym(handle, kEngineInfoSymbol));
  if (version == nullptr || ask_info == nullptr) {
    return missing_engine(fmt::format("{} is not a perfbench engine", library.string()));
  }
  const EngineAbiVersion v = version();
  if (v.abi != kEngineAbi || text(v.perfbench) != PERFBENCH_VERSION) {
    return missing_engine(
        fmt::format("{} is the engine of perfbench {} (interface {}); this is perfbench {} (interface {})",
                    library.string(), text(v.perfbench), v.abi, PERFBENCH_VERSION, kEngineAbi));
  }
  info = ask_info();
  return {.version = PERFBENCH_VERSION, .missing = "", .remedy = ""};
}

void copy(const EngineAbiInfo& info, EngineReport& report) {
  report.libtorch = part(info.libtorch);
  report.cuda = part(info.cuda);
  report.nccl = part(info.nccl);
  for (int i = 0; i < info.num_devices; ++i) {
    const EngineAbiDevice& d = info.devices[i];
    report.devices.push_back({.name = text(d.name),
                              .memory_bytes = d.memory_bytes,
                              .compute_major = d.compute_major,
                              .compute_minor = d.compute_minor,
                              .pci_bus_id = text(d.pci_bus_id)});
  }
  if (const std::string list = text(info.cuda_architectures); !list.empty())
    report.cuda_architectures = split(list, ',');
}

}  // namespace

EngineReport engine_report(const std::filesystem::path& library) {
  const EnginePart unknown{.version = "", .missing = "not known without the engine library", .remedy = kRemedy};
  EngineReport report{
      .library = library, .engine = {}, .libtorch = unknown, .cuda = unknown, .nccl = unknown, .devices = {}};
  std::error_code ignored;
  if (!std::filesystem::exists(library, ignored)) {
    report.engine = missing_engine(fmt::format("{} is not built", library.string()));
    return report;
  }
  // Left open: LibTorch's threads and registrations do not survive being unloaded.
  void* handle = dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    report.engine = missing_engine(fmt::format("{} does not load: {}", library.string(), text(dlerror())));
    return report;
  }
  const EngineAbiInfo* info = nullptr;
  report.engine = ask(handle, library, info);
  if (info != nullptr) copy(*info, report);
  return report;
}

bool has_nvidia_driver(const std::filesystem::path& root) {
  std::error_code ignored;
  for (const char* file : {"proc/driver/nvidia/version", "dev/nvidia0"})
    if (std::filesystem::exists(root / file, ignored)) return true;
  return false;
}

EngineReport engine_report() { return engine_report(executable_path().parent_path() / kEngineLibrary); }

}  // namespace perfbench
