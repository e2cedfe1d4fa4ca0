#include "program/recompute.h"

#include <map>
#include <set>
#include <utility>
#include <vector>

#include "program/operands.h"
#include "program/recomputed_stretches.h"

namespace perfbench {
namespace {

class Replay {
 public:
  Replay(Program& program, const Policy& policy)
      : program_(program), stretches_(recomputed_stretches(program, policy)), done_(stretches_.size(), false) {
    for (std::size_t i = 0; i < stretches_.size(); ++i) {
      if (stretches_[i].whole_layer) layer_at_[stretches_[i].layer] = i;
      for (const Node& node : stretches_[i].nodes) {
        for (const Operand& operand : collect(node.op)) {
          if (operand.use == Use::out) making_[operand.id] = i;
        }
      }
    }
  }

  void run() {
    for (Node& node : std::exchange(program_.backward, {})) {
      if (const auto it = layer_at_.find(node.layer); it != layer_at_.end()) replay(it->second);
      for (const Operand& operand : collect(node.op)) {
        if (const auto it = making_.find(operand.id); it != making_.end()) replay(it->second);
      }
      rename(node.op, [&](const Operand& o) { return now(o.id); });
      if (!gathered_already(node.op)) program_.backward.push_back(std::move(node));
    }
    drop_unread_transposes();
  }

 private:
  void replay(std::size_t index) {
    if (done_[index]) return;
    done_[index] = true;
    for (Node& node : stretches_[index].nodes) {
      node.recomputed = true;
      rename(node.op, [&](const Operand& o) { return o.use == Use::out ? made_again(o.id) : now(o.id); });
      if (const auto* gather = std::get_if<AllGather>(&node.op)) {
        gathered_[{gather->x.id, gather->axis}] = gather->out.id;
      }
      program_.backward.push_back(std::move(node));
    }
  }

  ValueId made_again(ValueId id) {
    Value value = program_[id];
    value.role = Role::gradient;  // made by the backward
    program_.values.push_back(value);
    return again_[id] = static_cast<ValueId>(program_.values.size() - 1);
  }

  // The value as the backward reads it from here on.
  ValueId now(ValueId id) const {
    const auto it = again_.find(id);
    return it == again_.end() ? id : it->second;
  }

  // A gather of the backward whose result a replayed gather has made.
  bool gathered_already(const Op& op) {
    const auto* gather = std::get_if<AllGather>(&op);
    if (gather == nullptr) return false;
    const auto it = gathered_.find({gather->x.id, gather->axis});
    if (it == gathered_.end()) return false;
    again_[gather->out.id] = it->second;
    return true;
  }

  // A transposed copy that was saved for the backward is made by the replay alone.
  void drop_unread_transposes() {
    std::set<ValueId> read;
    for (const Node& node : program_.backward) {
      for (const Operand& operand : collect(node.op)) read.insert(operand.id);
    }
    for (Node& node : program_.forward) {
      auto* cast = std::get_if<Quantize>(&node.op);
      if (cast != nullptr && cast->q_t.id != kNoValue && !read.contains(cast->q_t.id)) cast->q_t = {};
    }
  }

  Program& program_;
  std::vector<Stretch> stretches_;
  std::vector<bool> done_;                                // by stretch
  std::map<int, std::size_t> layer_at_;                   // whole layers: index in `stretches_`
  std::map<ValueId, std::size_t> making_;                 // of a forward value: the same
  std::map<ValueId, ValueId> again_;                      // value of the forward -> of its replay
  std::map<std::pair<ValueId, Axis>, ValueId> gathered_;  // input of a replayed gather -> its result
};

}  // namespace

void recompute(Program& program, const Policy& policy) {
  if (policy.recompute.any()) Replay(program, policy).run();
}

}  // namespace perfbench
