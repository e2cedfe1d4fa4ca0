// A stream per lane, timing by events, and the caching allocator's count.
#include <ATen/Context.h>
#include <ATen/cuda/CUDAEvent.h>
#include <ATen/cuda/Sleep.h>
#include <ATen/ops/empty.h>
#include <c10/cuda/CUDACachingAllocator.h>
#include <c10/cuda/CUDAFunctions.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>
#include <cuda_runtime_api.h>
#include <fmt/format.h>

#include <array>
#include <unordered_map>
#include <vector>

#include "base/error.h"
#include "engine/torch/parts.h"
#include "engine/torch/runtime.h"

namespace perfbench {
namespace {

constexpr double kCyclesPerSecond = 1.8e9;  // near the clocks of GPUs of these years; a stall need not be exact

using Stream = c10::cuda::CUDAStream;
using Streams = std::vector<Stream>;  // by lane

std::size_t index(Lane lane) { return static_cast<std::size_t>(lane); }

// A lane waits for all that another one was given when it needs a value of it: ops are issued in program order, so that
// no later work stands before the value.
class StreamLanes final : public Lanes {
 public:
  explicit StreamLanes(Streams streams) : streams_(std::move(streams)) {}

  void enter(Lane lane, std::span<const Operand> operands) override {
    lane_ = lane;
    c10::cuda::setCurrentCUDAStream(streams_[index(lane)]);
    std::array<bool, kNumLanes> waits{};
    for (const Operand& operand : operands) {
      const auto writer = writer_.find(operand.id);
      if (writer != writer_.end()) waits[index(writer->second)] = true;
      // What is updated must also be read by then.
      const auto reader = reader_.find(operand.id);
      if (operand.writes() && reader != reader_.end()) waits[index(reader->second)] = true;
    }
    for (int other = 0; other < kNumLanes; ++other) {
      if (waits[static_cast<std::size_t>(other)] && other != static_cast<int>(lane)) wait_for(other, index(lane));
    }
  }

  void leave(std::span<const Operand> operands, std::span<const at::Tensor> touched) override {
    for (const Operand& operand : operands) {
      if (operand.writes()) writer_[operand.id] = lane_;
      if (operand.reads()) reader_[operand.id] = lane_;
    }
    for (const at::Tensor& tensor : touched) tensor.record_stream(streams_[index(lane_)]);
    c10::cuda::setCurrentCUDAStream(streams_[0]);
  }

  void join() override {
    for (int other = 1; other < kNumLanes; ++other) wait_for(other, 0);
    writer_.clear();
    reader_.clear();
  }

 private:
  void wait_for(int other, std::size_t lane) {
    at::cuda::CUDAEvent event;
    event.record(streams_[static_cast<std::size_t>(other)]);
    event.block(streams_[lane]);
  }

  Streams streams_;
  Lane lane_ = Lane::compute;
  std::unordered_map<ValueId, Lane> writer_, reader_;
};

class EventStopwatch final : public Stopwatch {
 public:
  void start() override { mark(); }
  void stop() override { mark(); }

  std::vector<double> take_seconds() override {
    if (used_ > 0) events_[used_ - 1].synchronize();
    std::vector<double> seconds;
    for (std::size_t i = 0; i + 1 < used_; i += 2) seconds.push_back(1e-3 * events_[i].elapsed_time(events_[i + 1]));
    used_ = 0;
    return seconds;
  }

 private:
  void mark() {
    if (used_ == events_.size()) events_.emplace_back(cudaEventDefault);  // with a time
    events_[used_++].record(c10::cuda::getCurrentCUDAStream());
  }

  std::vector<at::cuda::CUDAEvent> events_;  // made once, recorded again in every step
  std::size_t used_ = 0;
};

class CudaRuntime final : public Runtime {
 public:
  explicit CudaRuntime(int device) : device_(at::kCUDA, static_cast<c10::DeviceIndex>(device)) {
    at::globalContext().lazyInitDevice(c10::DeviceType::CUDA);
    const bool urgent = true;  // the chip takes a collective's blocks first: others wait for them
    for (int lane = 0; lane < kNumLanes; ++lane) {
      streams_.push_back(c10::cuda::getStreamFromPool(lane != 0 ? urgent : !urgent, device_.index()));
    }
  }

  // Cached blocks belong to this runtime's streams, and the next one takes other streams.
  ~CudaRuntime() override { c10::cuda::CUDACachingAllocator::emptyCache(); }

  at::Device device() const override { return device_; }
  void enter() override {
    c10::cuda::set_device(device_.index());
    c10::cuda::setCurrentCUDAStream(streams_[0]);
  }
  std::unique_ptr<Lanes> make_lanes() override { return std::make_unique<StreamLanes>(streams_); }
  std::unique_ptr<Stopwatch> make_stopwatch() override { return std::make_unique<EventStopwatch>(); }
  void* stream(Lane lane) override { return streams_[index(lane)].stream(); }
  void synchronize() override {
    const c10::cuda::CUDAGuard of_this(device_);  // whatever device the calling thread is at
    c10::cuda::device_synchronize();
  }
  void forbid_waiting(bool forbidden) override {
    using c10::cuda::SyncDebugMode;
    c10::cuda::warning_state().set_sync_debug_mode(forbidden ? SyncDebugMode::L_ERROR : SyncDebugMode::L_DISABLED);
  }
  void stall(double seconds) override { at::cuda::sleep(static_cast<std::int64_t>(seconds * kCyclesPerSecond)); }
  at::Tensor host_buffer(std::int64_t elements, at::ScalarType dtype) override {
    return at::empty({elements}, at::TensorOptions().dtype(dtype).pinned_memory(true));
  }
  std::int64_t peak_bytes() override {
    using c10::CachingAllocator::StatType;
    const auto stats = c10::cuda::CUDACachingAllocator::getDeviceStats(device_.index());
    return stats.allocated_bytes[static_cast<std::size_t>(StatType::AGGREGATE)].peak;
  }
  void reset_peak() override { c10::cuda::CUDACachingAllocator::resetPeakStats(device_.index()); }

 private:
  at::Device device_;
  Streams streams_;
};

}  // namespace

std::unique_ptr<Runtime> make_cuda_runtime(int device) {
  if (const EngineAbiPart part = cuda_part(); part.version == nullptr) {
    throw EnvironmentError("CUDA", part.missing, part.remedy == nullptr ? "" : part.remedy);
  }
  const auto devices = static_cast<int>(cuda_devices().size());
  if (device >= devices) {
    throw EnvironmentError("CUDA",
                           fmt::format("{} devices are visible, and rank {} needs one of its own", devices, device),
                           "as many GPUs as ranks, or fewer ranks; CUDA_VISIBLE_DEVICES may hide some");
  }
  return std::make_unique<CudaRuntime>(device);
}

}  // namespace perfbench
