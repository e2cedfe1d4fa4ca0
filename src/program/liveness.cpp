#include "program/liveness.h"

#include <algorithm>

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

  // Runs `nodes`; a value outlives its last touch where `kept` says so.
  void run(const std::vector<Node>& nodes, const std::vector<bool>& kept) {
    const std::vector<int> last = last_touch(program_, nodes);
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      const std::vector<Operand> operands = collect(nodes[i].op);
      for (const Operand& operand : operands) hold(operand.id);
      for (const Operand& operand : operands) {
        if (last[at(operand.id)] == static_cast<int>(i) && !kept[at(operand.id)]) release(operand.id);
      }
    }
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

Liveness liveness(const Program& program) {
  Liveness result;
  std::vector<bool> kept(program.values.size(), false);
  for (ValueId id : saved_values(program)) {
    kept[static_cast<std::size_t>(id)] = true;
    result.saved_bytes += program.type(id).bytes();
  }
  Replay replay(program);
  replay.hold(program.input);
  replay.run(program.forward, kept);
  result.forward_peak_bytes = replay.take_peak();
  if (program.output != kNoValue && !kept[static_cast<std::size_t>(program.output)]) replay.release(program.output);
  replay.take_peak();

  replay.hold(program.grad_output);
  replay.run(program.backward, std::vector<bool>(program.values.size(), false));
  result.backward_peak_bytes = replay.take_peak();
  return result;
}

std::int64_t state_bytes(const Program& program, StateKind kind) {
  std::int64_t bytes = 0;
  for (const Value& value : program.values) {
    if (value.state == kind) bytes += value.type.bytes();
  }
  return bytes;
}

}  // namespace perfbench
