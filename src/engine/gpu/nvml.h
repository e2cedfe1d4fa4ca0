// NVIDIA's management library, loaded when it is asked for: clocks, power, temperature, memory and processes of GPUs.
// A library or a function that is missing is no error: the value is absent, and why is known.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "engine/engine.h"
#include "engine/gpu/gpu_reading.h"

namespace perfbench {

inline constexpr const char* kNvmlLibrary = "libnvidia-ml.so.1";

// One GPU, as the library knows it; good as long as the Nvml that gave it.
struct NvmlGpu {
  void* handle = nullptr;
};

class Nvml {
 public:
  // `library` is a path, or a name that the loader searches for. Never throws for what is absent.
  explicit Nvml(const std::string& library = kNvmlLibrary);
  ~Nvml();
  Nvml(Nvml&&) noexcept;
  Nvml& operator=(Nvml&&) noexcept;

  const EnginePart& part() const { return part_; }  // the version is the driver's

  int num_gpus() const;                                                   // 0 where the library is missing
  std::optional<NvmlGpu> by_index(int index) const;                       // in the order of PCI addresses
  std::optional<NvmlGpu> by_pci_bus_id(const std::string& bus_id) const;  // "0000:1b:00.0", as CUDA has it

  GpuLimits limits(NvmlGpu gpu) const;
  GpuReading read(NvmlGpu gpu) const;

 private:
  struct Functions;
  std::unique_ptr<Functions> functions_;  // null where the library is missing
  EnginePart part_;
};

}  // namespace perfbench
