#include "program/pipeline_transfers.h"

namespace perfbench {
namespace {

// The stage of the chunk `step` places further in model order; nothing beyond the ends of the model.
std::optional<int> neighbour(const PipelineShape& shape, int stage, int chunk, int step) {
  const int model_chunk = chunk * shape.pp + stage + step;
  if (shape.pp == 1 || model_chunk < 0 || model_chunk >= shape.pp * shape.vp) return std::nullopt;
  return model_chunk % shape.pp;
}

}  // namespace

StageSteps::StageSteps(const PipelineShape& shape, int stage) : shape_(shape), stage_(stage), slots_(shape, stage) {}

std::optional<StageTransfer> StageSteps::received_by(std::size_t i) const {
  const Slot slot = slots_[i];
  const std::optional<int> peer = neighbour(shape_, stage_, slot.chunk, slot.backward ? 1 : -1);
  if (!peer) return std::nullopt;
  return StageTransfer{.lane = slot.backward ? TransferLane::receive_backward : TransferLane::receive_forward,
                       .peer = *peer,
                       .channel = slot.backward ? 1 : 0,
                       .slot = i};
}

std::optional<StageTransfer> StageSteps::sent_by(std::size_t i) const {
  const Slot slot = slots_[i];
  const std::optional<int> peer = neighbour(shape_, stage_, slot.chunk, slot.backward ? -1 : 1);
  if (!peer) return std::nullopt;
  return StageTransfer{.lane = slot.backward ? TransferLane::send_backward : TransferLane::send_forward,
                       .peer = *peer,
                       .channel = slot.backward ? 1 : 0,
                       .slot = i};
}

StageStep StageSteps::operator[](std::size_t i) const {
  StageStep step{.slot = slots_[i], .receives_to_post = {}, .receive = received_by(i), .send = sent_by(i)};
  if (i == 0 && step.receive) step.receives_to_post.push_back(*step.receive);
  if (i + 1 == size()) return step;
  if (const auto next = received_by(i + 1)) step.receives_to_post.push_back(*next);
  return step;
}

}  // namespace perfbench
