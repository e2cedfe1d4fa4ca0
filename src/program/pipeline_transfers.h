// Which transfers a pipeline stage posts and waits for around each slot of its schedule. Data only: the engine carries
// it out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "program/schedule.h"

namespace perfbench {

// A lane of its own for each (source stage, destination stage, phase), as seen from one stage: on fewer lanes blocking
// transfers wait for each other.
enum class TransferLane : std::uint8_t { receive_forward, send_forward, receive_backward, send_backward };
inline constexpr int kNumTransferLanes = 4;

struct StageTransfer {
  TransferLane lane = TransferLane::receive_forward;
  int peer = 0;          // the other stage
  int channel = 0;       // 0 activations, 1 gradients of them; messages between two stages match in order per channel
  std::size_t slot = 0;  // of this stage: who reads what is received, or makes what is sent
  bool operator==(const StageTransfer&) const = default;
};

// One slot of one stage: post the receives, wait for the slot's own, run it, post the send. What is sent must live
// until its transfer is done; it is safe to wait for it right before the next send of that lane, or at the end.
struct StageStep {
  Slot slot;
  std::vector<StageTransfer> receives_to_post;  // before the wait; a receive is posted one slot ahead of its own
  std::optional<StageTransfer> receive;         // what the slot reads; nothing at the ends of the model
  std::optional<StageTransfer> send;            // what the slot makes for another stage
};

// The steps of a stage in schedule order, each worked out when it is asked for. Chunk c of stage s goes on to chunk c
// of stage s + 1, chunk c of the last stage to chunk c + 1 of stage 0; gradients go the other way. pp = 1 has no
// transfers.
class StageSteps {
 public:
  StageSteps(const PipelineShape& shape, int stage);  // throws as Schedule does

  std::size_t size() const { return slots_.size(); }
  StageStep operator[](std::size_t i) const;
  Slot slot(std::size_t i) const { return slots_[i]; }

 private:
  std::optional<StageTransfer> received_by(std::size_t i) const;
  std::optional<StageTransfer> sent_by(std::size_t i) const;

  PipelineShape shape_;
  int stage_;
  Schedule slots_;
};

}  // namespace perfbench
