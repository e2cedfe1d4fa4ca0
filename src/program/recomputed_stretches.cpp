#include "program/recomputed_stretches.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <set>

#include "program/operands.h"

namespace perfbench {
namespace {

// What is computed again as one stretch: a whole layer, or one occurrence of a module, by its index in Program::scopes.
using Region = int;
constexpr Region kNone = -2, kLayer = -1;

using Regions = std::map<Region, std::vector<Node>>;  // of one layer

// What per-op checkpointing keeps of a layer, op by op in its order: attention, every second matrix product, and what
// was reduced and scattered over ranks, as torchtitan's per-op policy has it. That counts q, k, v, o, gate, up and down
// of a layer one by one and computes k, o and up again; of products that are packed, every second layer starts with one
// that is computed again, which redoes as much.
class KeptOps {
 public:
  explicit KeptOps(int layer) : products_(layer) {}
  bool keeps(const Op& op) {
    if (std::holds_alternative<Matmul>(op)) return ++products_ % 2 == 1;
    return std::holds_alternative<Attention>(op) || std::holds_alternative<ReduceScatter>(op);
  }

 private:
  int products_;
};

// Casts of weights and gathers of parameters come once a step and write states.
bool can_replay(const Node& node) {
  if (node.layer < 0 || node.when != When::always) return false;
  const std::vector<Operand> operands = collect(node.op);
  return std::none_of(operands.begin(), operands.end(), [](const Operand& o) { return o.use == Use::inout; });
}

// The regions of a layer's ops, without those that were found not to be worth it.
struct Asked {
  const Program& program;
  const Recompute& what;
  std::set<Region> refused{};

  // The outermost that is asked for.
  Region of(const Node& node) const {
    if (!can_replay(node)) return kNone;
    if ((node.layer < what.layers || what.ops) && !refused.contains(kLayer)) return kLayer;
    Region region = kNone;
    for (int scope = node.scope; scope >= 0; scope = at(scope).outer) {
      if (what.modules.contains(at(scope).module) && !refused.contains(scope)) region = scope;
    }
    return region;
  }

  // The cast to FP8 of a norm's or an activation's result belongs to it: without the cast nothing would be saved.
  Region of_cast(const Node& node, const std::map<ValueId, Region>& made_in) const {
    const auto* cast = std::get_if<Quantize>(&node.op);
    const auto it = cast == nullptr ? made_in.end() : made_in.find(cast->x.id);
    if (it == made_in.end()) return kNone;
    return it->second >= 0 && at(it->second).module == Module::core_attn ? kNone : it->second;
  }

 private:
  const ModuleScope& at(int scope) const { return program.scopes[static_cast<std::size_t>(scope)]; }
};

// A norm that adds a residual to what another region made keeps the sum: it is rebuilt as the norm of that sum.
void keep_sum(Op& op, const std::map<ValueId, Region>& made_in, Region region) {
  const auto rebuild = [&](auto& norm) {
    if constexpr (requires {
                    norm.residual;
                    norm.sum;
                  }) {
      const auto it = made_in.find(norm.x.id);
      if (norm.sum.id == kNoValue || (it != made_in.end() && it->second == region)) return;
      norm.x = {norm.sum.id};
      norm.residual = {};
      norm.sum = {};
    }
  };
  std::visit(rebuild, op);
}

Regions regions_of(const std::vector<Node>& layer, const Asked& asked) {
  Regions regions;
  std::map<ValueId, Region> made_in;
  KeptOps kept(layer.empty() ? 0 : layer.front().layer);
  for (Node node : layer) {
    const bool keeps = kept.keeps(node.op) && asked.what.ops;
    Region region = keeps ? kNone : asked.of(node);
    if (region == kNone) region = asked.of_cast(node, made_in);
    if (region == kNone) continue;
    keep_sum(node.op, made_in, region);
    for (const Operand& operand : collect(node.op)) {
      if (operand.use == Use::out) made_in[operand.id] = region;
    }
    regions[region].push_back(std::move(node));
  }
  return regions;
}

// What runs again against what a microbatch saves for it.
class Choice {
 public:
  Choice(const Program& program, const Policy& policy) : program_(program), policy_(policy) {
    for (const Node& node : program.backward) {
      for (const Operand& operand : collect(node.op)) {
        if (operand.use != Use::in) continue;
        read_.insert(operand.id);
        if (program[operand.id].role == Role::state) weights_read_.insert(weight_of(operand.id));
      }
    }
  }

  // Where a module is not worth it, one inside it may be: the norm or the activation of an MLP.
  Regions of(const std::vector<Node>& layer) const {
    Asked asked{.program = program_, .what = policy_.recompute};
    while (true) {
      Regions regions = regions_of(layer, asked);
      if (!policy_.recompute.whole) {
        for (auto& [region, nodes] : regions) leave_out_unread(nodes);
      }
      const std::size_t before = asked.refused.size();
      for (const auto& [region, nodes] : regions) {
        if (kept_bytes(nodes) >= freed_bytes(nodes)) asked.refused.insert(region);
      }
      if (asked.refused.size() == before) return regions;
    }
  }

 private:
  void leave_out_unread(std::vector<Node>& nodes) const {
    std::set<ValueId> read = read_;
    std::vector<Node> kept;
    for (std::size_t i = nodes.size(); i-- > 0;) {
      const std::vector<Operand> operands = collect(nodes[i].op);
      const bool any = std::any_of(operands.begin(), operands.end(),
                                   [&](const Operand& o) { return o.use == Use::out && read.contains(o.id); });
      if (!any) continue;
      for (const Operand& o : operands) {
        if (o.reads()) read.insert(o.id);
      }
      kept.push_back(std::move(nodes[i]));
    }
    nodes.assign(std::make_move_iterator(kept.rbegin()), std::make_move_iterator(kept.rend()));
  }

  // Results that are not saved when these ops run again.
  std::int64_t freed_bytes(const std::vector<Node>& nodes) const {
    std::int64_t bytes = 0;
    for (const Node& node : nodes) {
      for (const Operand& operand : collect(node.op)) {
        if (operand.use == Use::out && read_.contains(operand.id)) bytes += program_.type(operand.id).bytes();
      }
    }
    return bytes;
  }

  // What is saved for them alone.
  std::int64_t kept_bytes(const std::vector<Node>& nodes) const {
    std::int64_t bytes = 0;
    std::set<ValueId> seen;
    for (const Node& node : nodes) {
      for (const Operand& operand : collect(node.op)) {
        const bool is_new = seen.insert(operand.id).second;
        if (is_new && operand.use == Use::in && !kept_anyway(operand.id)) bytes += program_.type(operand.id).bytes();
      }
    }
    return bytes;
  }

  // Of a weight's copies in FP8 one is saved, whichever are read.
  bool kept_anyway(ValueId id) const {
    const Role role = program_[id].role;
    if (role == Role::state) return !policy_.weights_saved() || weights_read_.contains(weight_of(id));
    return role == Role::data || read_.contains(id);
  }

  ValueId weight_of(ValueId state) const {
    return program_[state].state == StateKind::weight ? state : program_[state].weight;
  }

  const Program& program_;
  const Policy& policy_;
  std::set<ValueId> read_, weights_read_;  // by the backward; weights of which it reads any copy
};

}  // namespace

std::vector<Stretch> recomputed_stretches(const Program& program, const Policy& policy) {
  std::map<int, std::vector<Node>> layers;
  for (const Node& node : program.forward) layers[node.layer].push_back(node);
  const Choice choice(program, policy);
  std::vector<Stretch> stretches;
  for (const auto& [layer, nodes] : layers) {
    for (auto& [region, stretch] : choice.of(nodes)) {
      stretches.push_back({.layer = layer, .whole_layer = region == kLayer, .nodes = std::move(stretch)});
    }
  }
  return stretches;
}

}  // namespace perfbench
