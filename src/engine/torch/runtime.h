// What a rank needs of its device beside ATen: streams, a clock, the allocator's count. cpu_runtime.cpp, and
// cuda_runtime.cpp or no_cuda_runtime.cpp.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>

#include "engine/session.h"
#include "engine/torch/lanes.h"
#include "engine/torch/stopwatch.h"

namespace perfbench {

class Runtime {
 public:
  virtual ~Runtime() = default;
  virtual at::Device device() const = 0;
  // What the calling thread issues from now on goes to this device and to the compute lane.
  virtual void enter() = 0;
  virtual std::unique_ptr<Lanes> make_lanes() = 0;
  virtual std::unique_ptr<Stopwatch> make_stopwatch() = 0;
  virtual void* stream(Lane lane) = 0;              // a cudaStream_t; null on a CPU
  virtual void synchronize() = 0;                   // with the whole device
  virtual void forbid_waiting(bool forbidden) = 0;  // ATen's calls that wait for the device throw, in the whole process
  // The device is busy with nothing for about so long: what is enqueued meanwhile runs without waiting for the host.
  virtual void stall(double seconds) = 0;
  // Memory that the host and the device copy from and to each other without waiting.
  virtual at::Tensor host_buffer(std::int64_t elements, at::ScalarType dtype) = 0;
  // Most bytes that the device's allocator has given out since reset_peak(); 0 on a CPU.
  virtual std::int64_t peak_bytes() = 0;
  virtual void reset_peak() = 0;
};

// The `index`-th device of its kind. Throws EnvironmentError for a device that is not there.
std::unique_ptr<Runtime> make_runtime(Device device, int index);

std::unique_ptr<Runtime> make_cuda_runtime(int index);  // throws EnvironmentError in a build without CUDA

}  // namespace perfbench
