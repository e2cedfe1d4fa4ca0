#include "program/pipeline_transfers.h"

namespace perfbench {
namespace {

// The stage of the chunk `step` places further in model order; nothing beyond the ends of the model.
std::optional<int> neighbour(const PipelineShape& shape, int stage, int chunk, int step) {
  const int model_chunk = chunk * shape.pp + stage + step;
  if (shape.pp == 1 || model_chunk < 0 || model_chunk >= shape.pp * shape.vp) return std::nullopt;
  return model_chunk % shape.pp;
}

std::optional<StageTransfer> received_by(const PipelineShape& shape, int stage, const Slot& slot, std::size_t index) {
  const std::optional<int> peer = neighbour(shape, stage, slot.chunk, slot.backward ? 1 : -1);
  if (!peer) return std::nullopt;
  return StageTransfer{.lane = slot.backward ? TransferLane::receive_backward : TransferLane::receive_forward,
                       .peer = *peer,
                       .channel = slot.backward ? 1 : 0,
                       .slot = index};
}

std::optional<StageTransfer> sent_by(const PipelineShape& shape, int stage, const Slot& slot, std::size_t index) {
  const std::optional<int> peer = neighbour(shape, stage, slot.chunk, slot.backward ? -1 : 1);
  if (!peer) return std::nullopt;
  return StageTransfer{.lane = slot.backward ? TransferLane::send_backward : TransferLane::send_forward,
                       .peer = *peer,
                       .channel = slot.backward ? 1 : 0,
                       .slot = index};
}

}  // namespace

std::vector<StageStep> stage_steps(const PipelineShape& shape, int stage) {
  const std::vector<Slot> slots = schedule(shape, stage);
  std::vector<StageStep> steps;
  for (std::size_t i = 0; i < slots.size(); ++i) {
    steps.push_back({.slot = slots[i],
                     .receives_to_post = {},
                     .receive = received_by(shape, stage, slots[i], i),
                     .send = sent_by(shape, stage, slots[i], i)});
  }
  for (std::size_t i = 0; i < steps.size(); ++i) {
    StageStep& poster = steps[i == 0 ? 0 : i - 1];
    if (steps[i].receive) poster.receives_to_post.push_back(*steps[i].receive);
  }
  return steps;
}

}  // namespace perfbench
