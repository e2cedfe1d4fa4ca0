// The engine's report of a machine with GPUs.
#pragma once

#include <string>

#include "engine/engine.h"

namespace perfbench {

// `count` NVIDIA H200 with all that the engine needs.
inline EngineReport gpu_report(int count) {
  const auto part = [](const char* version) { return EnginePart{.version = version, .missing = "", .remedy = ""}; };
  EngineReport report{.library = "libperfbench_engine.so",
                      .engine = part("0.1.0"),
                      .libtorch = part("2.11.0"),
                      .cuda = part("13.0"),
                      .nccl = part("2.28"),
                      .devices = {}};
  for (int i = 0; i < count; ++i)
    report.devices.push_back({.name = "NVIDIA H200",
                              .memory_bytes = 150'000'000'000,
                              .compute_major = 9,
                              .compute_minor = 0,
                              .pci_bus_id = "0000:" + std::to_string(i) + "b:00.0"});
  return report;
}

}  // namespace perfbench
