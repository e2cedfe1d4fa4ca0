// The few C functions of NVML that are used, with the signatures of NVIDIA's NVML API reference.
#pragma once

#include <cstdint>

namespace perfbench::nvml {

using Device = void*;  // nvmlDevice_t
using Result = int;    // nvmlReturn_t

inline constexpr Result kSuccess = 0;
inline constexpr Result kInsufficientSize = 7;
inline constexpr int kClockSm = 1;         // nvmlClockType_t
inline constexpr int kTemperatureGpu = 0;  // nvmlTemperatureSensors_t

struct Memory {  // nvmlMemory_t, bytes
  unsigned long long total, free, used;
};

struct ProcessInfo {  // nvmlProcessInfo_t of the functions _v3
  unsigned int pid;
  unsigned long long used_gpu_memory;
  unsigned int gpu_instance_id, compute_instance_id;
};

using Init = Result();
using Shutdown = Result();
using ErrorString = const char*(Result);
using SystemText = Result(char* text, unsigned int length);
using DeviceCount = Result(unsigned int* count);
using HandleByIndex = Result(unsigned int index, Device* device);
using HandleByPciBusId = Result(const char* bus_id, Device* device);
using DeviceText = Result(Device, char* text, unsigned int length);
using DeviceNumber = Result(Device, unsigned int* value);
using DeviceNumberOfKind = Result(Device, int kind, unsigned int* value);  // of a clock or a sensor
using DeviceBits = Result(Device, unsigned long long* bits);
using DeviceMemory = Result(Device, Memory* memory);
using DeviceProcesses = Result(Device, unsigned int* count, ProcessInfo* processes);

}  // namespace perfbench::nvml
