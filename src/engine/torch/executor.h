// Runs one rank's share of a global step: its slots in schedule order, then the optimizer.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "engine/session.h"
#include "engine/torch/frame.h"
#include "engine/torch/lanes.h"
#include "program/pipeline_transfers.h"

namespace perfbench {

class Executor {
 public:
  // `chunks` are those of the rank's stage, by chunk number.
  Executor(const Job& job, Rank& rank, std::vector<Chunk>& chunks, std::unique_ptr<Lanes> lanes);

  // One global step. `optimize`: the weights are updated at its end. Throws RunError when a peer does not come.
  void step(const Batch& batch, bool optimize);

 private:
  struct Sending {
    Transfers::Ticket ticket;
    at::Tensor tensor;  // lives until it is sent
  };
  struct Arriving {
    Transfers::Ticket ticket;
    at::Tensor tensor;
  };

  void begin(const Batch& batch);
  int peer(const StageTransfer& transfer) const;  // its rank of the world
  void post(const StageTransfer& transfer);
  void run_slot(const StageStep& step, const Batch& batch);
  void run_nodes(const std::vector<Node>& nodes, const std::vector<std::vector<ValueId>>& deaths, const Slot& slot,
                 Frame& frame);
  // A number for each token of the slot's microbatch on this rank, by its place in the batch and its position. (T)
  at::Tensor rows_of(const Slot& slot, const std::function<std::int64_t(std::size_t, std::int64_t)>& number) const;
  void give_data(const Batch& batch, const Slot& slot, Frame& frame);
  void run_node(const Node& node, Frame& frame);
  void send(const StageTransfer& transfer, const at::Tensor& tensor);
  ValueTable& table(const Slot& slot);
  std::int64_t num_microbatches() const;

  const Job& job_;
  Rank& rank_;
  std::vector<Chunk>& chunks_;
  std::unique_ptr<Lanes> lanes_;
  std::vector<std::int64_t> positions_;  // in the sequence, of the tokens that this rank holds of each sample
  std::vector<StageStep> steps_;
  std::map<std::pair<int, int>, ValueTable> tables_;  // by chunk and microbatch, from its forward to its backward
  std::map<std::size_t, Arriving> arriving_;          // by the slot that reads it
  std::vector<Sending> sending_;                      // by lane
  at::Tensor loss_weight_;                            // (1) float32
};

}  // namespace perfbench
