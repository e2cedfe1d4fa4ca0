#include "program/recompute.h"

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include "program/operands.h"

namespace perfbench {
namespace {

// The part of a layer that is computed again as one stretch.
enum class Region : std::uint8_t { none, layer, attention_norm, core_attention, mlp_norm, activation, mlp };

bool is_norm(const Op& op) { return std::holds_alternative<RmsNorm>(op) || std::holds_alternative<LayerNorm>(op); }

bool is_activation(const Op& op) { return std::holds_alternative<SwiGlu>(op) || std::holds_alternative<Activate>(op); }

// Casts of weights and gathers of parameters come once a step and write states.
bool can_replay(const Node& node) {
  if (node.layer < 0 || node.when != When::always) return false;
  const std::vector<Operand> operands = collect(node.op);
  return std::none_of(operands.begin(), operands.end(), [](const Operand& o) { return o.use == Use::inout; });
}

Region region_of(const Node& node, const Recompute& what) {
  if (!can_replay(node)) return Region::none;
  if (node.layer < what.layers) return Region::layer;
  if (what.mlp && node.block == Block::mlp) return Region::mlp;
  if (what.layernorm && is_norm(node.op)) return node.block == Block::mlp ? Region::mlp_norm : Region::attention_norm;
  if (what.act && is_activation(node.op)) return Region::activation;
  if (what.core_attn && std::holds_alternative<Attention>(node.op)) return Region::core_attention;
  return Region::none;
}

// A norm that adds a residual to what another region made keeps the sum: it is rebuilt as the norm of that sum.
template <class Norm>
void keep_sum(Norm& norm, const std::map<ValueId, ValueId>& again) {
  if (norm.sum.id == kNoValue || again.contains(norm.x.id)) return;
  norm.x = {norm.sum.id};
  norm.residual = {};
  norm.sum = {};
}

class Replay {
 public:
  Replay(Program& program, const Recompute& what) : program_(program), what_(what) {}

  void run() {
    find_regions();
    find_readers();
    for (Node& node : std::exchange(program_.backward, {})) {
      if (const auto it = region_at_.find({node.layer, Region::layer}); it != region_at_.end()) replay(it->second);
      for (const Operand& operand : collect(node.op)) {
        if (const auto it = region_making_.find(operand.id); it != region_making_.end()) replay(it->second);
      }
      rename(node.op, [&](const Operand& o) { return now(o.id); });
      if (!gathered_already(node.op)) program_.backward.push_back(std::move(node));
    }
    drop_unread_transposes();
  }

 private:
  using Key = std::pair<int, Region>;  // layer, part of it
  struct Stretch {
    std::vector<std::size_t> nodes;  // of the forward, in order
    bool done = false;
  };

  void find_regions() {
    for (std::size_t i = 0; i < program_.forward.size(); ++i) {
      const Node& node = program_.forward[i];
      Region region = region_of(node, what_);
      if (region == Region::none) region = region_of_cast(node);
      if (region == Region::none) continue;
      const auto [it, added] = region_at_.try_emplace({node.layer, region}, stretches_.size());
      if (added) stretches_.emplace_back();
      stretches_[it->second].nodes.push_back(i);
      for (const Operand& operand : collect(node.op)) {
        if (operand.use == Use::out) region_making_[operand.id] = it->second;
      }
    }
  }

  // The cast to FP8 of a norm's or an activation's result belongs to it: without the cast nothing would be saved.
  Region region_of_cast(const Node& node) const {
    const auto* cast = std::get_if<Quantize>(&node.op);
    if (cast == nullptr || !region_making_.contains(cast->x.id)) return Region::none;
    for (const Region region : {Region::attention_norm, Region::mlp_norm, Region::activation}) {
      const auto it = region_at_.find({node.layer, region});
      if (it != region_at_.end() && it->second == region_making_.at(cast->x.id)) return region;
    }
    return Region::none;
  }

  void find_readers() {
    read_.assign(program_.values.size(), false);
    for (const Node& node : program_.backward) {
      for (const Operand& operand : collect(node.op)) {
        if (operand.reads()) read_[at(operand.id)] = true;
      }
    }
  }

  // The ops of a stretch once more; those that nobody reads are left out where the stack is that clever.
  void replay(std::size_t index) {
    Stretch& stretch = stretches_[index];
    if (std::exchange(stretch.done, true)) return;
    std::vector<Node> clones;
    for (std::size_t i : stretch.nodes) clones.push_back(clone(program_.forward[i]));
    if (!what_.whole) leave_out_unread(clones);
    for (Node& node : clones) {
      if (const auto* gather = std::get_if<AllGather>(&node.op))
        gathered_[{gather->x.id, gather->axis}] = gather->out.id;
      program_.backward.push_back(std::move(node));
    }
  }

  Node clone(const Node& node) {
    Node copy = node;
    copy.recomputed = true;
    if (auto* norm = std::get_if<RmsNorm>(&copy.op)) keep_sum(*norm, again_);
    if (auto* norm = std::get_if<LayerNorm>(&copy.op)) keep_sum(*norm, again_);
    rename(copy.op, [&](const Operand& o) { return o.use == Use::out ? made_again(o.id) : now(o.id); });
    return copy;
  }

  ValueId made_again(ValueId id) {
    Value value = program_[id];
    value.role = Role::gradient;  // made by the backward
    program_.values.push_back(value);
    const auto copy = static_cast<ValueId>(program_.values.size() - 1);
    read_.push_back(read_[at(id)]);
    again_[id] = copy;
    return copy;
  }

  void leave_out_unread(std::vector<Node>& clones) {
    std::vector<Node> kept;
    for (std::size_t i = clones.size(); i-- > 0;) {
      const std::vector<Operand> operands = collect(clones[i].op);
      const bool read = std::any_of(operands.begin(), operands.end(),
                                    [&](const Operand& o) { return o.use == Use::out && read_[at(o.id)]; });
      if (!read) continue;
      for (const Operand& o : operands) {
        if (o.reads()) read_[at(o.id)] = true;
      }
      kept.push_back(std::move(clones[i]));
    }
    clones.assign(std::make_move_iterator(kept.rbegin()), std::make_move_iterator(kept.rend()));
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
    find_readers();
    for (const Stretch& stretch : stretches_) {
      if (!stretch.done) continue;
      for (std::size_t i : stretch.nodes) {
        auto* cast = std::get_if<Quantize>(&program_.forward[i].op);
        if (cast != nullptr && cast->q_t.id != kNoValue && !read_[at(cast->q_t.id)]) cast->q_t = {};
      }
    }
  }

  static std::size_t at(ValueId id) { return static_cast<std::size_t>(id); }

  Program& program_;
  const Recompute& what_;
  std::vector<Stretch> stretches_;
  std::map<Key, std::size_t> region_at_;                  // index in `stretches_`
  std::map<ValueId, std::size_t> region_making_;          // of a forward value: the same
  std::vector<bool> read_;                                // by value: the backward reads it
  std::map<ValueId, ValueId> again_;                      // value of the forward -> of its replay
  std::map<std::pair<ValueId, Axis>, ValueId> gathered_;  // input of a replayed gather -> its result
};

}  // namespace

void recompute(Program& program, const Recompute& recompute) {
  if (!recompute.any()) return;
  Replay(program, recompute).run();
}

}  // namespace perfbench
