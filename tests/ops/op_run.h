// Runs the Program of an op case on one rank through the engine's ops, as its executor does.
#pragma once

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/full.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/randint.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <functional>
#include <utility>
#include <variant>
#include <vector>

#include "engine/comm/thread_world.h"
#include "engine/torch/ops.h"
#include "engine/torch/packed.h"
#include "ops/op_cases.h"

namespace perfbench {

inline constexpr std::int64_t kOpPositions = 64;

// Sub-sequences of random lengths, other ones in each sample: where in its sample each token's own starts. (S B),
// sample by sample at each position.
inline at::Tensor random_starts(std::int64_t batch, std::int64_t seq, const at::Generator& random) {
  const at::Tensor first = at::rand({seq, batch}, random, at::TensorOptions()).lt(0.15);
  const at::Tensor own = at::arange(seq).unsqueeze(1).expand({seq, batch});
  return std::get<0>(at::where(first, own, 0).cummax(0)).reshape({-1});
}

// What a case is given, by value id, on the CPU: data, what comes from neighbouring chunks, weights. The same for the
// same seed. Every fourth target is ignored.
inline ValueTable random_inputs(const OpCase& c, std::uint64_t seed) {
  const Program& program = c.program;
  const at::Generator random = at::detail::createCPUGenerator(seed);
  std::int64_t ids = kOpPositions;  // token ids and positions lie below
  for (const Node& node : program.forward) {
    if (const auto* op = std::get_if<Embedding>(&node.op)) ids = program.type(op->weight.id).shape[0];
    if (const auto* op = std::get_if<CrossEntropy>(&node.op)) ids = op->vocab;
  }
  ValueTable inputs(program.values.size());
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const Value& value = program.values[i];
    const auto& shape = value.type.shape;
    const at::IntArrayRef sizes(shape.dims.data(), static_cast<std::size_t>(shape.rank));
    if (value.role == Role::boundary || value.state == StateKind::weight) {
      inputs[i] = at::randn(sizes, random, at::TensorOptions()).to(scalar_type(value.type.dtype));
    } else if (value.role == Role::data && value.type.dtype == DType::i64) {
      inputs[i] = at::randint(0, ids, sizes, random, at::TensorOptions().dtype(at::kLong));
    } else if (value.role == Role::data) {
      inputs[i] = at::full(sizes, 1.0 / 9.0, at::TensorOptions().dtype(at::kFloat));
    }
  }
  for (const Node& node : program.forward) {
    const auto* op = std::get_if<Attention>(&node.op);
    if (op == nullptr || op->starts.id == kNoValue) continue;
    inputs[static_cast<std::size_t>(op->starts.id)] = random_starts(op->batch, op->seq, random);
  }
  if (const ValueId targets = value_of(program, Datum::target); targets != kNoValue) {
    inputs[static_cast<std::size_t>(targets)].slice(0, 0, {}, 4).fill_(-100);
  }
  return inputs;
}

inline Rank lone_rank(at::Device device) {
  Rank rank;
  rank.device = device;
  rank.num_positions = kOpPositions;
  ThreadWorld world(1);
  for (Axis axis : kAxes) rank.axis[axis] = world.group(0, {0});
  rank.grad_norm_squared = at::zeros({1}, at::TensorOptions().dtype(at::kDouble).device(device));
  return rank;
}

class OpRun {
 public:
  OpRun(const OpCase& c, at::Device device)
      : program_(c.program),
        runtime_(make_runtime(device.is_cpu() ? Device::cpu : Device::cuda, 0)),
        rank_(lone_rank(device)),
        chunk_(make_chunk(c.program, c.policy, 0, 0, device)),
        table_(c.program.values.size()),
        frame_(rank_, chunk_, table_),
        loss_(at::zeros({1}, at::TensorOptions().dtype(at::kFloat).device(device))) {}
  OpRun(const OpRun&) = delete;  // the frame points into it
  OpRun& operator=(const OpRun&) = delete;

  Rank& rank() { return rank_; }
  Chunk& chunk() { return chunk_; }
  const at::Tensor& state(ValueId id) const { return chunk_.states[static_cast<std::size_t>(id)]; }
  // Called after each op from now on.
  void observe(std::function<void(const Node&)> observer) { observer_ = std::move(observer); }
  // What left the chunk in the last pass.
  const at::Tensor& output() const { return output_; }
  const at::Tensor& grad_input() const { return grad_input_; }
  // Of all passes.
  const at::Tensor& loss() const { return loss_; }

  void load_weights(const ValueTable& inputs) {
    for (ValueId id : states(program_, StateKind::weight)) at::Tensor(state(id)).copy_(inputs[index(id)]);
    for (Share& share : chunk_.shares) share.master.copy_(share.weight);
  }

  // One microbatch; main gradients and the loss are added to what is there.
  void pass(const ValueTable& inputs) {
    give_data(inputs);
    give(inputs, program_.input);
    run_all(program_.forward, chunk_.lifetimes.forward);
    output_ = take(program_.output);
    if (program_.backward.empty()) return release(program_.input);
    give(inputs, program_.grad_output);
    run_all(program_.backward, chunk_.lifetimes.backward);
    grad_input_ = take(program_.grad_input);
  }

  void optimize() {
    for (const Node& node : program_.optimizer) run_one(node);
    ++rank_.train_steps;
  }

 private:
  static std::size_t index(ValueId id) { return static_cast<std::size_t>(id); }

  void run_one(const Node& node) {
    std::visit([this](const auto& op) { run(op, frame_); }, node.op);
    if (observer_) observer_(node);
  }
  void run_all(const std::vector<Node>& nodes, const std::vector<std::vector<ValueId>>& deaths) {
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      frame_.dying = deaths[i];
      run_one(nodes[i]);
      for (ValueId id : deaths[i]) {
        if (id == program_.loss) loss_.add_(frame_[id]);
        release(id);
      }
    }
  }
  void give_data(const ValueTable& inputs) {
    for (std::size_t i = 0; i < program_.values.size(); ++i) {
      if (program_.values[i].role == Role::data) give(inputs, static_cast<ValueId>(i));
    }
    for (const Node& node : program_.forward) {
      const auto* op = std::get_if<Attention>(&node.op);
      if (op == nullptr || !Frame::has(op->starts)) continue;
      frame_.know(op->starts.id, packed_sequences(inputs[index(op->starts.id)], op->batch, *runtime_));
    }
  }
  void give(const ValueTable& inputs, ValueId id) {
    if (id != kNoValue) frame_.hold(id, inputs[index(id)].to(rank_.device));
  }
  at::Tensor take(ValueId id) {
    if (id == kNoValue) return {};
    at::Tensor taken = frame_[id];
    const std::vector<ValueId> saved = saved_values(program_);
    if (id != program_.output || std::find(saved.begin(), saved.end(), id) == saved.end()) release(id);
    return taken;
  }
  void release(ValueId id) {
    if (id != kNoValue) frame_.release(id);
  }

  const Program& program_;
  std::unique_ptr<Runtime> runtime_;
  Rank rank_;
  Chunk chunk_;
  ValueTable table_;
  Frame frame_;
  at::Tensor loss_, output_, grad_input_;
  std::function<void(const Node&)> observer_;
};

}  // namespace perfbench
