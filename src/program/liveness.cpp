#include "program/liveness.h"

#include <algorithm>

#include "program/buckets.h"
#include "program/lane_steps.h"
#include "program/offload.h"
#include "program/operands.h"

namespace perfbench {
namespace {

bool counted(const Value& value) { return value.role != Role::state && value.role != Role::data; }

// Index of the last node of `nodes` that touches each value; -1 where none does.
std::vector<int> last_touch(const Program& program, const std::vector<Node>& nodes) {
  std::vector<int> last(program.values.size(), -1);
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    for (const Operand& operand : collect(nodes[i].op))
      last[static_cast<std::size_t>(operand.id)] = static_cast<int>(i);
  }
  return last;
}

// Values that die after each node, unless `kept` says that they outlive the phase.
std::vector<std::vector<ValueId>> deaths(const Program& program, const std::vector<Node>& nodes,
                                         const std::vector<bool>& kept) {
  const std::vector<int> last = last_touch(program, nodes);
  std::vector<std::vector<ValueId>> dead(nodes.size());
  for (std::size_t id = 0; id < last.size(); ++id) {
    if (last[id] < 0 || kept[id] || !counted(program.values[id])) continue;
    dead[static_cast<std::size_t>(last[id])].push_back(static_cast<ValueId>(id));
  }
  return dead;
}

class Replay {
 public:
  explicit Replay(const Program& program) : program_(program), live_(program.values.size(), false) {}

  void hold(ValueId id) {
    if (id == kNoValue || live_[at(id)] || !counted(program_[id])) return;
    live_[at(id)] = true;
    bytes_ += program_.type(id).bytes();
    peak_ = std::max(peak_, bytes_);
  }

  void release(ValueId id) {
    if (id == kNoValue || !live_[at(id)]) return;
    live_[at(id)] = false;
    bytes_ -= program_.type(id).bytes();
  }

  // Calls before(i) ahead of each node, and once more, with the number of nodes, at the end.
  template <class Before>
  void run(const std::vector<Node>& nodes, const std::vector<std::vector<ValueId>>& dead, const Before& before) {
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      before(i);
      for (const Operand& operand : collect(nodes[i].op)) hold(operand.id);
      peak_ = std::max(peak_, bytes_ + scratch_bytes(nodes[i].op, program_));
      for (ValueId id : dead[i]) release(id);
    }
    before(nodes.size());
  }

  std::int64_t take_peak() {
    const std::int64_t peak = peak_;
    peak_ = bytes_;
    return peak;
  }

 private:
  static std::size_t at(ValueId id) { return static_cast<std::size_t>(id); }

  const Program& program_;
  std::vector<bool> live_;
  std::int64_t bytes_ = 0, peak_ = 0;
};

}  // namespace

std::vector<ValueId> saved_values(const Program& program) {
  std::vector<bool> made(program.values.size(), false), saved(program.values.size(), false);
  for (const Node& node : program.forward) {
    for (const Operand& operand : collect(node.op)) made[static_cast<std::size_t>(operand.id)] = true;
  }
  std::vector<ValueId> ids;
  for (const Node& node : program.backward) {
    for (const Operand& operand : collect(node.op)) {
      const auto i = static_cast<std::size_t>(operand.id);
      if (!made[i] || saved[i] || !counted(program[operand.id])) continue;
      saved[i] = true;
      ids.push_back(operand.id);
    }
  }
  return ids;
}

Lifetimes lifetimes(const Program& program) {
  std::vector<bool> kept(program.values.size(), false);
  for (ValueId id : saved_values(program)) kept[static_cast<std::size_t>(id)] = true;
  if (program.output != kNoValue) kept[static_cast<std::size_t>(program.output)] = true;
  Lifetimes result{.forward = deaths(program, program.forward, kept), .backward = {}};
  kept.assign(program.values.size(), false);
  if (program.grad_input != kNoValue) kept[static_cast<std::size_t>(program.grad_input)] = true;
  result.backward = deaths(program, program.backward, kept);
  return result;
}

Liveness liveness(const Program& program) {
  const Lifetimes lives = lifetimes(program);
  const std::vector<ValueId> saved = saved_values(program);
  const std::vector<OffloadedLayer> offloaded = offloaded_layers(program);
  Liveness result;
  for (ValueId id : saved) result.saved_bytes += program.type(id).bytes();
  for (const OffloadedLayer& layer : offloaded) result.saved_bytes -= layer.bytes;

  Replay replay(program);
  replay.hold(program.input);
  replay.run(program.forward, lives.forward, [&](std::size_t node) {
    for (const OffloadedLayer& layer : offloaded) {
      if (layer.out.end != node) continue;
      for (ValueId id : layer.values) replay.release(id);
    }
  });
  result.forward_peak_bytes = replay.take_peak();
  if (std::find(saved.begin(), saved.end(), program.output) == saved.end()) replay.release(program.output);
  replay.take_peak();

  replay.hold(program.grad_output);
  replay.run(program.backward, lives.backward, [&](std::size_t node) {
    for (const OffloadedLayer& layer : offloaded) {
      if (layer.in.begin != node) continue;
      for (ValueId id : layer.values) replay.hold(id);
    }
  });
  result.backward_peak_bytes = replay.take_peak();
  return result;
}

std::int64_t state_bytes(const Program& program, StateKind kind) {
  std::int64_t bytes = 0;
  std::vector<bool> in_bucket(program.values.size(), false);
  for (const Bucket& bucket : buckets(program)) {
    const bool of_weights = kind == StateKind::weight;
    if (!of_weights && kind != StateKind::main_grad) break;
    const InOutList& held = of_weights ? bucket.weights : bucket.main_grads;
    for (InOut state : held) in_bucket[static_cast<std::size_t>(state.id)] = true;
    if (held.empty()) continue;
    const bool sharded = of_weights ? bucket.sharded_weights : bucket.sharded_main_grads;
    bytes += bucket.shard * (sharded ? 1 : bucket.ranks) * size_bytes(program.type(held.front().id).dtype);
  }
  for (std::size_t i = 0; i < program.values.size(); ++i) {
    const Value& value = program.values[i];
    if (value.state == kind && !in_bucket[i]) bytes += value.type.bytes();
  }
  return bytes;
}

}  // namespace perfbench
