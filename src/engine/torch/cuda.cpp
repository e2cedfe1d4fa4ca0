// CUDA's runtime, driver and devices. Asks the runtime alone: a machine without a GPU is an answer, not an exception.
#include <cuda_runtime_api.h>

#include <deque>
#include <string>

#include "engine/torch/parts.h"

namespace perfbench {
namespace {

// CUDA writes 13.0 as 13000.
std::string dotted(int version) { return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10); }

}  // namespace

EngineAbiPart cuda_part() {
  static std::string text;
  int runtime = 0;
  int driver = 0;  // the newest CUDA that the driver can run; 0 without a driver
  cudaRuntimeGetVersion(&runtime);
  cudaDriverGetVersion(&driver);
  if (driver == 0) {
    text = "CUDA runtime " + dotted(runtime) + " is there, the NVIDIA driver is not (libcuda.so.1)";
    return {nullptr, text.c_str(), "install the NVIDIA driver"};
  }
  int count = 0;
  if (const cudaError_t error = cudaGetDeviceCount(&count); error != cudaSuccess && error != cudaErrorNoDevice) {
    text = "CUDA runtime " + dotted(runtime) + ", driver for CUDA " + dotted(driver) + ": " + cudaGetErrorString(error);
    return {nullptr, text.c_str(), driver < runtime ? "install a newer NVIDIA driver" : nullptr};
  }
  text = dotted(runtime) + " (driver for CUDA " + dotted(driver) + ")";
  return {text.c_str(), nullptr, nullptr};
}

std::vector<EngineAbiDevice> cuda_devices() {
  static std::deque<std::string> texts;  // a deque never moves them
  std::vector<EngineAbiDevice> devices;
  int count = 0;
  if (cudaGetDeviceCount(&count) != cudaSuccess) return devices;
  for (int i = 0; i < count; ++i) {
    cudaDeviceProp p{};
    if (cudaGetDeviceProperties(&p, i) != cudaSuccess) continue;
    const std::string& name = texts.emplace_back(p.name);
    char bus_id[32] = "";  // "0000:1b:00.0"
    const bool has_bus_id = cudaDeviceGetPCIBusId(bus_id, sizeof bus_id, i) == cudaSuccess;
    const char* kept_bus_id = has_bus_id ? texts.emplace_back(bus_id).c_str() : nullptr;
    devices.push_back({name.c_str(), static_cast<std::int64_t>(p.totalGlobalMem), p.major, p.minor, kept_bus_id});
  }
  return devices;
}

const char* cuda_architectures() {
#ifdef PERFBENCH_CUDA_ARCHITECTURES
  return PERFBENCH_CUDA_ARCHITECTURES;
#else
  return nullptr;
#endif
}

}  // namespace perfbench
