// Runs one rank's share of a global step: its slots in schedule order, then the optimizer.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "engine/rank_notes.h"
#include "engine/session.h"
#include "engine/torch/frame.h"
#include "engine/torch/lanes.h"
#include "engine/torch/runtime.h"
#include "engine/torch/step_data.h"
#include "program/operands.h"
#include "program/pipeline_transfers.h"

namespace perfbench {

class Executor {
 public:
  // `chunks` are those of the rank's stage, by chunk number. `note` says where a step is, at any time. `time_ops`:
  // op_seconds() is wanted.
  Executor(const Plan& plan, Rank& rank, std::vector<Chunk>& chunks, Runtime& runtime, std::atomic<RankNote>& note,
           bool time_ops);

  // Before each step: what it reads goes to the device.
  void prepare(const Batch& batch);
  // One global step. `optimize`: the weights are updated at its end. On CUDA it returns when all is enqueued; nothing
  // in it waits for the device. Throws RunError when a peer does not come.
  void step(bool optimize);
  // Of the last step, by chunk, phase and node.
  std::vector<OpSeconds> op_seconds() const { return op_seconds_; }
  // Fills op_seconds(); waits for the device.
  void collect_op_seconds();
  // (1) float32: the sum over microbatches of what the last stage's Program names as its loss; 0 on other stages.
  const at::Tensor& loss() const { return loss_; }

 private:
  struct Place {  // of a node
    int chunk = 0;
    ProgramPhase phase = ProgramPhase::forward;
    std::size_t node = 0;
    // NOLINTNEXTLINE(modernize-use-nullptr): clang-tidy 14 sees a pointer in it
    auto operator<=>(const Place&) const = default;
  };

  // What is kept from the forward of a microbatch to its backward.
  struct Microbatch {
    ValueTable values{};
    std::map<ValueId, ExpertRows> expert_rows{};
  };

  struct Sending {
    Transfers::Ticket ticket;
    at::Tensor tensor;  // lives until it is sent
  };
  struct Arriving {
    Transfers::Ticket ticket;
    at::Tensor tensor;
  };

  void begin();
  int peer(const StageTransfer& transfer) const;  // its rank of the world
  void post(const StageTransfer& transfer);
  void run_slot(const StageStep& step);
  void run_nodes(const Slot& slot, Frame& frame);
  void give_data(const Slot& slot, Frame& frame);
  void sum_loss(const std::vector<Operand>& operands, const Frame& frame);
  void run_node(const Node& node, const Place& place, Frame& frame);
  void send(const StageTransfer& transfer, const at::Tensor& tensor);
  Microbatch& microbatch(const Slot& slot);
  std::int64_t num_microbatches() const;
  void note(RankTask task, const Slot& slot, std::size_t node = 0);

  const Plan& plan_;
  Rank& rank_;
  std::vector<Chunk>& chunks_;
  Runtime& runtime_;
  std::atomic<RankNote>& note_;
  std::unique_ptr<Lanes> lanes_;
  std::unique_ptr<Stopwatch> stopwatch_;  // null unless ops are timed
  std::vector<Place> timed_;              // in the order of the stopwatch
  std::vector<OpSeconds> op_seconds_;
  std::optional<StepData> data_;
  std::vector<std::int64_t> positions_;  // in the sequence, of the tokens that this rank holds of each sample
  StageSteps steps_;
  std::map<std::pair<int, int>, Microbatch> microbatches_;  // by chunk and microbatch
  std::map<std::size_t, Arriving> arriving_;                // by the slot that reads it
  std::vector<Sending> sending_;                            // by lane
  at::Tensor loss_;                                         // of the last step
};

}  // namespace perfbench
