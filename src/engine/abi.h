// What the executable and the engine library agree on, found by name with dlsym: plain C structs to ask what is there,
// then, between an executable and a library of one version and one compiler, the classes of engine/session.h.
// The library owns every pointer that it returns, until the process ends. Change kEngineAbi with any struct below.
#pragma once

#include <cstdint>

namespace perfbench {

inline constexpr const char* kEngineLibrary = "libperfbench_engine.so";
inline constexpr int kEngineAbi = 6;

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
  const char* pci_bus_id;  // "0000:1b:00.0"; null: not known
};

struct EngineAbiInfo {
  EngineAbiPart libtorch;
  EngineAbiPart cuda;
  EngineAbiPart nccl;
  int num_devices;
  const EngineAbiDevice* devices;  // num_devices of them
  const char*
      cuda_architectures;  // those its kernels were built for, as CMake writes them: "90a,100a"; null: not known
};

// Asked first: an engine with another number or another version of perfbench is not asked anything else.
struct EngineAbiVersion {
  int abi;
  const char* perfbench;
};

class Session;
struct Plan;
struct SessionSettings;
class OpTimer;
struct OpTimerSettings;

extern "C" {
using EngineAbiVersionFunction = EngineAbiVersion() noexcept;
using EngineAbiInfoFunction = const EngineAbiInfo*() noexcept;
// The caller owns the Session. Throws as open_session() does.
using EngineAbiOpenFunction = Session*(const Plan&, const SessionSettings&);
// The same for an OpTimer, as open_op_timer() does.
using EngineAbiOpTimerFunction = OpTimer*(const OpTimerSettings&);
}

inline constexpr const char* kEngineVersionSymbol = "perfbench_engine_version";
inline constexpr const char* kEngineInfoSymbol = "perfbench_engine_info";
inline constexpr const char* kEngineOpenSymbol = "perfbench_engine_open";
inline constexpr const char* kEngineOpTimerSymbol = "perfbench_engine_op_timer";

}  // namespace perfbench
