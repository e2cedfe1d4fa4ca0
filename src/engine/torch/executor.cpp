#include "engine/torch/executor.h"

#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>

#include <algorithm>

#include "base/error.h"
#include "engine/torch/ops.h"
#include "program/operands.h"
#include "program/zigzag.h"

namespace perfbench {
namespace {

PipelineShape pipeline_of(const Job& job) {
  return {.pp = job.layout.pp, .vp = job.layout.vp, .microbatches = job.num_microbatches, .flushes = job.num_flushes};
}

at::Tensor on(at::Device device, const at::Tensor& host) { return device.is_cpu() ? host : host.to(device); }

}  // namespace

Executor::Executor(const Job& job, Rank& rank, std::vector<Chunk>& chunks, std::unique_ptr<Lanes> lanes)
    : job_(job),
      rank_(rank),
      chunks_(chunks),
      lanes_(std::move(lanes)),
      positions_(zigzag_positions(job.seq_len, job.layout.cp, rank.at.cp)),
      steps_(stage_steps(pipeline_of(job), rank.at.stage)) {}

std::int64_t Executor::num_microbatches() const { return std::int64_t{job_.num_microbatches} * job_.num_flushes; }

ValueTable& Executor::table(const Slot& slot) {
  ValueTable& table = tables_[{slot.chunk, slot.microbatch}];
  table.resize(chunks_[static_cast<std::size_t>(slot.chunk)].program.values.size());
  return table;
}

void Executor::begin(const Batch& batch) {
  const auto options = at::TensorOptions().dtype(at::kFloat).device(rank_.device);
  const auto targets = std::count_if(batch.targets.begin(), batch.targets.end(), [](std::int64_t t) { return t >= 0; });
  loss_weight_ = at::full({1}, 1.0 / static_cast<double>(std::max<std::int64_t>(targets, 1)), options);
  rank_.loss = at::zeros({1}, options);
  rank_.grad_norm_squared = 0.0;
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
  return Mesh(job_.layout).rank({.stage = transfer.peer, .dp = rank_.at.dp, .cp = rank_.at.cp, .tp = rank_.at.tp});
}

void Executor::post(const StageTransfer& transfer) {
  const Slot& slot = steps_[transfer.slot].slot;
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

// dp rank r takes samples r, r + 1, ... of each microbatch's mbs x dp samples, and of each its cp rank's positions.
// Position by position, samples together. (T)
at::Tensor Executor::rows_of(const Slot& slot,
                             const std::function<std::int64_t(std::size_t, std::int64_t)>& number) const {
  const std::int64_t first = (std::int64_t{slot.microbatch} * job_.layout.dp + rank_.at.dp) * job_.mbs;
  at::Tensor rows = empty(job_.mbs * std::ssize(positions_), DType::i64, at::kCPU);
  auto* out = rows.data_ptr<std::int64_t>();
  for (const std::int64_t position : positions_) {
    for (std::int64_t sample = first; sample < first + job_.mbs; ++sample) {
      *out++ = number(static_cast<std::size_t>(sample * job_.seq_len + position), position);
    }
  }
  return rows;
}

void Executor::give_data(const Batch& batch, const Slot& slot, Frame& frame) {
  const Program& program = frame.chunk.program;
  const auto start = [&](std::size_t i) { return batch.starts.empty() ? 0 : batch.starts[i]; };
  const auto give = [&](ValueId id, const auto& number) {
    if (id == kNoValue) return;
    at::Tensor rows = rows_of(slot, number);
    const std::int64_t held = program.type(id).shape[0];  // the stream's rows are split over tp
    if (held < rows.size(0)) rows = rows.narrow(0, held * rank_.at.tp, held).contiguous();
    frame.hold(id, on(rank_.device, rows));
  };
  const auto position = [&](std::size_t i, std::int64_t p) { return p - start(i); };
  give(program.tokens, [&](std::size_t i, std::int64_t) { return batch.tokens[i]; });
  give(program.targets, [&](std::size_t i, std::int64_t) { return batch.targets[i]; });
  give(program.positions, position);
  give(program.stream_positions, position);
  give(program.starts, [&](std::size_t i, std::int64_t) { return start(i); });
  if (program.loss_weight != kNoValue) frame.hold(program.loss_weight, loss_weight_);
}

void Executor::run_node(const Node& node, Frame& frame) {
  const std::vector<Operand> operands = collect(node.op);
  std::vector<Operand> awaited = operands;
  if (node.after != kNoValue) awaited.push_back({node.after, Use::in});
  lanes_->enter(lane_of(node.op), awaited);
  std::visit([&frame](const auto& op) { run(op, frame); }, node.op);
  std::vector<at::Tensor> touched;
  if (!rank_.device.is_cpu()) {
    for (const Operand& operand : operands) {
      if (frame[operand.id].defined()) touched.push_back(frame[operand.id]);  // a sharded state is in its bucket
    }
  }
  lanes_->leave(operands, touched);
}

void Executor::run_nodes(const std::vector<Node>& nodes, const std::vector<std::vector<ValueId>>& deaths,
                         const Slot& slot, Frame& frame) {
  const bool first = slot.microbatch == 0, last = slot.microbatch == num_microbatches() - 1;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    const Node& node = nodes[i];
    if ((node.when == When::first_microbatch && !first) || (node.when == When::last_microbatch && !last)) continue;
    run_node(node, frame);
    for (ValueId id : deaths[i]) frame.release(id);
  }
}

void Executor::run_slot(const StageStep& step, const Batch& batch) {
  const Slot& slot = step.slot;
  Chunk& chunk = chunks_[static_cast<std::size_t>(slot.chunk)];
  const Program& program = chunk.program;
  Frame frame(rank_, chunk, table(slot));
  for (const StageTransfer& transfer : step.receives_to_post) post(transfer);
  if (step.receive) {
    const auto arrived = arriving_.extract(step.receive->slot);
    rank_.transfers->wait(arrived.mapped().ticket);
    frame.adopt(slot.backward ? program.grad_output : program.input, arrived.mapped().tensor);
  }
  if (!slot.backward) give_data(batch, slot, frame);
  const auto& deaths = slot.backward ? chunk.lifetimes.backward : chunk.lifetimes.forward;
  run_nodes(slot.backward ? program.backward : program.forward, deaths, slot, frame);
  lanes_->join();  // what is sent is made
  const ValueId made = slot.backward ? program.grad_input : program.output;
  if (step.send) send(*step.send, frame[made]);
  if (slot.backward) {
    for (ValueId id : {made, program.grad_output}) {  // nobody reads the latter where nothing is trained
      if (id != kNoValue) frame.release(id);
    }
    tables_.erase({slot.chunk, slot.microbatch});
  } else if (made != kNoValue && !chunk.saves_output) {
    frame.release(made);
  }
}

void Executor::step(const Batch& batch, bool optimize) {
  begin(batch);
  for (const StageStep& step : steps_) run_slot(step, batch);
  for (Sending& sending : sending_) {
    if (sending.tensor.defined()) rank_.transfers->wait(sending.ticket);
  }
  for (std::size_t c = 0; c < chunks_.size(); ++c) {
    ValueTable nothing(chunks_[c].program.values.size());
    Frame frame(rank_, chunks_[c], nothing);
    for (const Node& node : chunks_[c].program.optimizer) {
      if (!optimize && std::holds_alternative<AdamW>(node.op)) continue;
      run_node(node, frame);
    }
  }
  lanes_->join();
  if (optimize) ++rank_.train_steps;
  check(rank_.ledger.live == 0, "executor: values are still alive at the end of a step");
}

}  // namespace perfbench
