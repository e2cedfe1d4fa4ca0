#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>

#include <chrono>
#include <utility>

#include "engine/torch/runtime.h"

namespace perfbench {
namespace {

class InOrderLanes final : public Lanes {
 public:
  void enter(Lane, std::span<const Operand>) override {}
  void leave(std::span<const Operand>, std::span<const at::Tensor>) override {}
  void join() override {}
};

class HostStopwatch final : public Stopwatch {
 public:
  void start() override { begin_ = Clock::now(); }
  void stop() override { seconds_.push_back(std::chrono::duration<double>(Clock::now() - begin_).count()); }
  std::vector<double> take_seconds() override { return std::exchange(seconds_, {}); }

 private:
  using Clock = std::chrono::steady_clock;
  Clock::time_point begin_{};
  std::vector<double> seconds_;
};

// Ranks are threads that share the cores: each computes on one.
class CpuRuntime final : public Runtime {
 public:
  at::Device device() const override { return at::kCPU; }
  void enter() override { at::set_num_threads(1); }
  std::unique_ptr<Lanes> make_lanes() override { return std::make_unique<InOrderLanes>(); }
  std::unique_ptr<Stopwatch> make_stopwatch() override { return std::make_unique<HostStopwatch>(); }
  void* stream(Lane) override { return nullptr; }
  void synchronize() override {}
  void forbid_waiting(bool) override {}
  void stall(double) override {}
  at::Tensor host_buffer(std::int64_t elements, at::ScalarType dtype) override {
    return at::empty({elements}, at::TensorOptions().dtype(dtype));
  }
  std::int64_t peak_bytes() override { return 0; }
  void reset_peak() override {}
};

}  // namespace

std::unique_ptr<Runtime> make_runtime(Device device, int index) {
  if (device == Device::cuda) return make_cuda_runtime(index);
  return std::make_unique<CpuRuntime>();
}

}  // namespace perfbench
