// What the engine can use on this machine. The engine is a shared library that lies beside the executable and is loaded
// when it is asked for; this header and its loader know neither LibTorch nor CUDA.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace perfbench {

// One thing the engine stands on: there, or absent with the reason.
struct EnginePart {
  std::string version;  // "2.11.0"; empty when absent
  std::string missing;  // exactly what is not there; empty when present
  std::string remedy;   // the command or the change that gets it; may be empty

  bool present() const { return !version.empty(); }
};

struct CudaDevice {
  std::string name;               // as the driver calls it: "NVIDIA H100 80GB HBM3"
  std::int64_t memory_bytes = 0;  // total device memory
  int compute_major = 0;          // compute capability 9.0 is 9 and 0
  int compute_minor = 0;
  std::string pci_bus_id{};  // "0000:1b:00.0", by which other libraries know it; empty: not known
};

struct EngineReport {
  std::filesystem::path library;  // the engine library that was tried
  EnginePart engine;              // the library itself; when it is absent, so is all that follows
  EnginePart libtorch;
  EnginePart cuda;  // the CUDA runtime and driver; present also when there is no device
  EnginePart nccl;
  std::vector<CudaDevice> devices;  // visible CUDA devices, in CUDA's order
  // What the engine's kernels were built for, as CMake's CUDA_ARCHITECTURES: "90a", "100a"; empty: not known.
  std::vector<std::string> cuda_architectures{};
};

// Whether this machine has NVIDIA's driver, by its files alone, in microseconds: before anything is loaded. `root` is
// "/" but in tests.
bool has_nvidia_driver(const std::filesystem::path& root = "/");

// Loads libperfbench_engine.so from the folder of the executable and asks it. Takes about 0.3 s the first time, most of
// it for loading LibTorch. Never throws for what is absent: the report says it.
EngineReport engine_report();

// The same for the engine library at `library`. A file that is no engine, or the engine of another version of
// perfbench, is reported as missing.
EngineReport engine_report(const std::filesystem::path& library);

}  // namespace perfbench
