// A libnvidia-ml.so.1 of two GPUs whose answers are known. FAKE_NVML_INIT=9 makes it say that no driver is loaded. It
// lacks nvmlDeviceGetEnforcedPowerLimit and has the reasons' older name, as older drivers do; the second GPU has no
// sensor of temperature.
#include <cstdlib>
#include <cstring>

#include "engine/gpu/nvml_functions.h"

namespace {

namespace nvml = perfbench::nvml;

constexpr nvml::Result kInvalidArgument = 2, kNotSupported = 3, kNotFound = 6, kDriverNotLoaded = 9;
constexpr unsigned int kNumProcesses = 70;  // of the second GPU: more than anybody makes room for at once

int first_gpu = 0, second_gpu = 0;  // their addresses are the handles
int initialized = 0;

bool is_second(nvml::Device gpu) { return gpu == &second_gpu; }

nvml::Result copy(const char* from, char* to, unsigned int length) {
  if (std::strlen(from) >= length) return nvml::kInsufficientSize;
  std::strcpy(to, from);
  return nvml::kSuccess;
}

}  // namespace

extern "C" {

nvml::Result nvmlInit_v2() {
  if (const char* wanted = std::getenv("FAKE_NVML_INIT")) return std::atoi(wanted);
  ++initialized;
  return nvml::kSuccess;
}
nvml::Result nvmlShutdown() {
  --initialized;
  return nvml::kSuccess;
}
int fake_nvml_initialized() { return initialized; }

const char* nvmlErrorString(nvml::Result result) {
  return result == kNotSupported ? "Not Supported" : result == kDriverNotLoaded ? "Driver Not Loaded" : "Other";
}
nvml::Result nvmlSystemGetDriverVersion(char* text, unsigned int length) { return copy("580.95.05", text, length); }
nvml::Result nvmlDeviceGetCount_v2(unsigned int* count) {
  *count = 2;
  return nvml::kSuccess;
}
nvml::Result nvmlDeviceGetHandleByIndex_v2(unsigned int index, nvml::Device* gpu) {
  if (index > 1) return kInvalidArgument;
  *gpu = index == 0 ? &first_gpu : &second_gpu;
  return nvml::kSuccess;
}
nvml::Result nvmlDeviceGetHandleByPciBusId_v2(const char* bus_id, nvml::Device* gpu) {
  if (std::strcmp(bus_id, "0000:1b:00.0") == 0) return nvmlDeviceGetHandleByIndex_v2(0, gpu);
  if (std::strcmp(bus_id, "0000:5d:00.0") == 0) return nvmlDeviceGetHandleByIndex_v2(1, gpu);
  return kNotFound;
}
nvml::Result nvmlDeviceGetName(nvml::Device, char* text, unsigned int length) {
  return copy("NVIDIA H100 80GB HBM3", text, length);
}
nvml::Result nvmlDeviceGetClockInfo(nvml::Device gpu, int kind, unsigned int* mhz) {
  if (kind != nvml::kClockSm) return kInvalidArgument;
  *mhz = is_second(gpu) ? 345 : 1755;
  return nvml::kSuccess;
}
nvml::Result nvmlDeviceGetMaxClockInfo(nvml::Device, int kind, unsigned int* mhz) {
  if (kind != nvml::kClockSm) return kInvalidArgument;
  *mhz = 1980;
  return nvml::kSuccess;
}
nvml::Result nvmlDeviceGetTemperature(nvml::Device gpu, int sensor, unsigned int* celsius) {
  if (sensor != nvml::kTemperatureGpu) return kInvalidArgument;
  *celsius = 61;
  return is_second(gpu) ? kNotSupported : nvml::kSuccess;
}
nvml::Result nvmlDeviceGetPowerUsage(nvml::Device gpu, unsigned int* milliwatts) {
  *milliwatts = is_second(gpu) ? 71250 : 698500;
  return nvml::kSuccess;
}
nvml::Result nvmlDeviceGetPowerManagementDefaultLimit(nvml::Device, unsigned int* milliwatts) {
  *milliwatts = 700000;
  return nvml::kSuccess;
}
nvml::Result nvmlDeviceGetCurrentClocksThrottleReasons(nvml::Device gpu, unsigned long long* bits) {
  *bits = is_second(gpu) ? 0x1 : 0x4 | 0x20;
  return nvml::kSuccess;
}
nvml::Result nvmlDeviceGetMemoryInfo(nvml::Device gpu, nvml::Memory* memory) {
  *memory = {85899345920ULL, 0, is_second(gpu) ? 1073741824ULL : 42949672960ULL};
  memory->free = memory->total - memory->used;
  return nvml::kSuccess;
}
nvml::Result nvmlDeviceGetComputeRunningProcesses_v3(nvml::Device gpu, unsigned int* count,
                                                     nvml::ProcessInfo* processes) {
  const unsigned int number = is_second(gpu) ? kNumProcesses : 1;
  const unsigned int room = *count;
  *count = number;
  if (room < number) return nvml::kInsufficientSize;
  for (unsigned int i = 0; i < number; ++i) processes[i] = {4242 + i, 1024, 0, 0};
  return nvml::kSuccess;
}
}
