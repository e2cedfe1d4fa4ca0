// A stream per lane. A lane waits for all that another one was given when it needs a value of it: ops are issued in
// program order, so that no later work stands before the value.
#include <ATen/core/Tensor.h>
#include <ATen/cuda/CUDAEvent.h>
#include <c10/cuda/CUDAStream.h>

#include <array>
#include <unordered_map>
#include <vector>

#include "engine/torch/lanes.h"

namespace perfbench {
namespace {

std::size_t index(Lane lane) { return static_cast<std::size_t>(lane); }

class StreamLanes final : public Lanes {
 public:
  explicit StreamLanes(int device) {
    for (int lane = 0; lane < kNumLanes; ++lane) {
      streams_.push_back(lane == 0 ? c10::cuda::getCurrentCUDAStream(static_cast<c10::DeviceIndex>(device))
                                   : c10::cuda::getStreamFromPool(lane != 0, static_cast<c10::DeviceIndex>(device)));
    }
  }

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

  std::vector<c10::cuda::CUDAStream> streams_;
  Lane lane_ = Lane::compute;
  std::unordered_map<ValueId, Lane> writer_, reader_;
};

}  // namespace

std::unique_ptr<Lanes> make_stream_lanes(int device) { return std::make_unique<StreamLanes>(device); }

}  // namespace perfbench
