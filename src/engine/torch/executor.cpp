#include "engine/torch/executor.h"

#include <ATen/ops/zeros.h>

#include <algorithm>

#include "base/error.h"
#include "engine/torch/ops.h"
#include "program/zigzag.h"

namespace perfbench {

Executor::Executor(const Plan& plan, Rank& rank, std::vector<Chunk>& chunks, Runtime& runtime,
                   std::atomic<RankNote>& note, bool time_ops)
    : plan_(plan),
      rank_(rank),
      chunks_(chunks),
      runtime_(runtime),
      note_(note),
      lanes_(runtime.make_lanes()),
      stopwatch_(time_ops ? runtime.make_stopwatch() : nullptr),
      positions_(zigzag_positions(plan.seq_len, plan.mesh.size[Axis::cp], rank.at.cp)),
      steps_(plan.pipeline, rank.at.stage) {}

void Executor::note(RankTask task, const Slot& slot, std::size_t node) {
  note_.store(rank_note(task, slot.chunk, slot.microbatch, node), std::memory_order_relaxed);
}

std::int64_t Executor::num_microbatches() const { return plan_.pipeline.step_microbatches(); }

Executor::Microbatch& Executor::microbatch(const Slot& slot) {
  Microbatch& microbatch = microbatches_[{slot.chunk, slot.microbatch}];
  microbatch.values.resize(chunks_[static_cast<std::size_t>(slot.chunk)].program.values.size());
  return microbatch;
}

void Executor::prepare(const Batch& batch) {
  std::vector<const Program*> programs;
  for (const Chunk& chunk : chunks_) programs.push_back(&chunk.program);
  const TokenPlaces places{.num_microbatches = num_microbatches(),
                           .mbs = plan_.mbs,
                           .seq_len = plan_.seq_len,
                           .dp = plan_.mesh.size[Axis::dp],
                           .dp_rank = rank_.at.dp,
                           .positions = positions_};
  data_.emplace(batch, places, data_of(programs), runtime_, gate_shape(programs));
}

void Executor::begin() {
  const auto options = at::TensorOptions().dtype(at::kFloat).device(rank_.device);
  loss_ = at::zeros({1}, options);
  rank_.grad_norm_squared = at::zeros({1}, options.dtype(at::kDouble));
  timed_.clear();
  rank_.ledger.peak = rank_.ledger.live;
  for (Chunk& chunk : chunks_) {
    for (ValueId grad : states(chunk.program, StateKind::main_grad)) {
      at::Tensor& whole = chunk.states[static_cast<std::size_t>(grad)];
      if (whole.defined()) whole.zero_();
    }
    for (BucketBuffers& buffers : chunk.buckets) {
      if (buffers.bucket.sharded_main_grads) buffers.main_grads.zero_();
    }
  }
  sending_.assign(kNumTransferLanes, {});
}

int Executor::peer(const StageTransfer& transfer) const {
  return plan_.mesh.rank({.stage = transfer.peer, .dp = rank_.at.dp, .cp = rank_.at.cp, .tp = rank_.at.tp});
}

void Executor::post(const StageTransfer& transfer) {
  const Slot slot = steps_.slot(transfer.slot);
  const Program& program = chunks_[static_cast<std::size_t>(slot.chunk)].program;
  const at::Tensor tensor = empty(program.type(slot.backward ? program.grad_output : program.input), rank_.device);
  rank_.ledger.hold(held_bytes(tensor));
  arriving_[transfer.slot] = {
      .ticket = rank_.transfers->receive(static_cast<int>(transfer.lane), peer(transfer), transfer.channel,
                                         tensor.data_ptr(), held_bytes(tensor)),
      .tensor = tensor};
}

void Executor::send(const StageTransfer& transfer, const at::Tensor& tensor) {
  Sending& last = sending_[static_cast<std::size_t>(transfer.lane)];
  if (last.tensor.defined()) rank_.transfers->wait(last.ticket);
  last = {.ticket = rank_.transfers->send(static_cast<int>(transfer.lane), peer(transfer), transfer.channel,
                                          tensor.data_ptr(), held_bytes(tensor)),
          .tensor = tensor};
}

void Executor::give_data(const Slot& slot, Frame& frame) {
  const Program& program = frame.chunk.program;
  for (const auto& [datum, id] : program.data) {
    at::Tensor rows = data_->on_device(datum, slot.microbatch);
    const ValueType& type = program.type(id);
    if (type.placement[Axis::tp].is_split(0)) rows = rows.narrow(0, type.shape[0] * rank_.at.tp, type.shape[0]);
    frame.hold(id, rows);
    if (const PackedSequences* packed = data_->packed(datum, slot.microbatch)) frame.know(id, *packed);
  }
}

// As it is made: nobody may read it afterwards.
void Executor::sum_loss(const std::vector<Operand>& operands, const Frame& frame) {
  for (const Operand& operand : operands) {
    if (operand.use == Use::out && operand.id == frame.chunk.program.loss) loss_.add_(frame[operand.id]);
  }
}

void Executor::run_node(const Node& node, const Place& place, Frame& frame) {
  const std::vector<Operand> operands = collect(node.op);
  std::vector<Operand> awaited = operands;
  if (node.after != kNoValue) awaited.push_back({node.after, Use::in});
  lanes_->enter(lane_of(node.op), awaited);
  if (stopwatch_) stopwatch_->start();
  std::visit([&frame](const auto& op) { run(op, frame); }, node.op);
  if (stopwatch_) {
    stopwatch_->stop();
    timed_.push_back(place);
  }
  sum_loss(operands, frame);
  std::vector<at::Tensor> touched;
  if (!rank_.device.is_cpu()) {
    for (const Operand& operand : operands) {
      if (frame[operand.id].defined()) touched.push_back(frame[operand.id]);  // a sharded state is in its bucket
    }
  }
  lanes_->leave(operands, touched);
}

void Executor::run_nodes(const Slot& slot, Frame& frame) {
  const Chunk& chunk = frame.chunk;
  const std::vector<Node>& nodes = slot.backward ? chunk.program.backward : chunk.program.forward;
  const auto& deaths = slot.backward ? chunk.lifetimes.backward : chunk.lifetimes.forward;
  const bool first = slot.microbatch == 0, last = slot.microbatch == num_microbatches() - 1;
  Place place{.chunk = slot.chunk, .phase = slot.backward ? ProgramPhase::backward : ProgramPhase::forward};
  for (place.node = 0; place.node < nodes.size(); ++place.node) {
    const Node& node = nodes[place.node];
    if ((node.when == When::first_microbatch && !first) || (node.when == When::last_microbatch && !last)) continue;
    frame.dying = deaths[place.node];
    note(slot.backward ? RankTask::backward : RankTask::forward, slot, place.node);
    run_node(node, place, frame);
    for (ValueId id : deaths[place.node]) frame.release(id);
  }
  frame.dying = {};
}

void Executor::run_slot(const StageStep& step) {
  const Slot& slot = step.slot;
  Chunk& chunk = chunks_[static_cast<std::size_t>(slot.chunk)];
  const Program& program = chunk.program;
  Microbatch& kept = microbatch(slot);
  Frame frame(rank_, chunk, kept.values);
  frame.expert_rows = std::move(kept.expert_rows);
  for (const StageTransfer& transfer : step.receives_to_post) post(transfer);
  if (step.receive) {
    note(RankTask::receive, slot);
    const auto arrived = arriving_.extract(step.receive->slot);
    rank_.transfers->wait(arrived.mapped().ticket);
    frame.adopt(slot.backward ? program.grad_output : program.input, arrived.mapped().tensor);
  }
  give_data(slot, frame);
  run_nodes(slot, frame);
  lanes_->join();  // what is sent is made
  const ValueId made = slot.backward ? program.grad_input : program.output;
  if (step.send) {
    note(RankTask::send, slot);
    send(*step.send, frame[made]);
  }
  if (slot.backward) {
    for (ValueId id : {made, program.grad_output}) {  // nobody reads the latter where nothing is trained
      if (id != kNoValue) frame.release(id);
    }
    microbatches_.erase({slot.chunk, slot.microbatch});
    return;
  }
  if (made != kNoValue && !chunk.saves_output) frame.release(made);
  kept.expert_rows = std::move(frame.expert_rows);
}

void Executor::step(bool optimize) {
  check(data_.has_value(), "executor: a step that was not prepared");
  begin();
  for (std::size_t i = 0; i < steps_.size(); ++i) run_slot(steps_[i]);
  note(RankTask::send, {});
  for (Sending& sending : sending_) {
    if (sending.tensor.defined()) rank_.transfers->wait(sending.ticket);
  }
  for (std::size_t c = 0; c < chunks_.size(); ++c) {
    ValueTable nothing(chunks_[c].program.values.size());
    Frame frame(rank_, chunks_[c], nothing);
    const std::vector<Node>& nodes = chunks_[c].program.optimizer;
    Place place{.chunk = static_cast<int>(c), .phase = ProgramPhase::optimizer};
    for (place.node = 0; place.node < nodes.size(); ++place.node) {
      if (!optimize && std::holds_alternative<AdamW>(nodes[place.node].op)) continue;
      note(RankTask::optimizer, {.chunk = place.chunk}, place.node);
      run_node(nodes[place.node], place, frame);
    }
  }
  lanes_->join();
  if (optimize) ++rank_.train_steps;
  check(rank_.ledger.live == 0, "executor: values are still alive at the end of a step");
}

void Executor::collect_op_seconds() {
  op_seconds_.clear();
  if (!stopwatch_) return;
  const std::vector<double> seconds = stopwatch_->take_seconds();
  check(seconds.size() == timed_.size(), "executor: the stopwatch counts other ops than were run");
  std::map<Place, std::vector<double>> by_place;
  for (std::size_t i = 0; i < seconds.size(); ++i) by_place[timed_[i]].push_back(seconds[i]);
  for (auto& [place, samples] : by_place) {
    op_seconds_.push_back({.stage = rank_.at.stage,
                           .chunk = place.chunk,
                           .phase = place.phase,
                           .node = place.node,
                           .seconds = std::move(samples)});
  }
}

}  // namespace perfbench
