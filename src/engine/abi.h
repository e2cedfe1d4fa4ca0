// What the executable and the engine library agree on: plain C structs and two functions, found by name with dlsym.
// The library owns every pointer that it returns, until the process ends. Change kEngineAbi with any struct below.
#pragma once

#include <cstdint>

namespace perfbench {

inline constexpr const char* kEngineLibrary = "libperfbench_engine.so";
inline constexpr int kEngineAbi = 1;

// Each part is a version, or what is missing and the remedy; the other pointers are null.
struct EngineAbiPart {
  const char* version;
  const char* missing;
  const char* remedy;
};

struct EngineAbiDevice {
  const char* name;
  std::int64_t memory_bytes;
  int compute_major;
  int compute_minor;
};

struct EngineAbiInfo {
  EngineAbiPart libtorch;
  EngineAbiPart cuda;
  EngineAbiPart nccl;
  int num_devices;
  const EngineAbiDevice* devices;  // num_devices of them
};

// Asked first: an engine with another number or another version of perfbench is not asked anything else.
struct EngineAbiVersion {
  int abi;
  const char* perfbench;
};

extern "C" {
using EngineAbiVersionFunction = EngineAbiVersion() noexcept;
using EngineAbiInfoFunction = const EngineAbiInfo*() noexcept;
}

inline constexpr const char* kEngineVersionSymbol = "perfbench_engine_version";
inline constexpr const char* kEngineInfoSymbol = "perfbench_engine_info";

}  // namespace perfbench
