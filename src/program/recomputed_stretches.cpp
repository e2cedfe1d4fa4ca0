#include "program/recomputed_stretches.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <set>
#include <utility>

#include "program/operands.h"

namespace perfbench {
namespace {

// The part of a layer that is computed again as one stretch.
enum class Region : std::uint8_t { none, layer, attention_norm, core_attention, mlp_norm, activation, mlp };

using Regions = std::map<Region, std::vector<Node>>;  // of one layer

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

// The cast to FP8 of a norm's or an activation's result belongs to it: without the cast nothing would be saved.
Region region_of_cast(const Node& node, const std::map<ValueId, Region>& made_in) {
  const auto* cast = std::get_if<Quantize>(&node.op);
  const auto it = cast == nullptr ? made_in.end() : made_in.find(cast->x.id);
  return it == made_in.end() || it->second == Region::core_attention ? Region::none : it->second;
}

// A norm that adds a residual to what another region made keeps the sum: it is rebuilt as the norm of that sum.
template <class Norm>
void keep_sum(Norm& norm, const std::map<ValueId, Region>& made_in, Region region) {
  const auto it = made_in.find(norm.x.id);
  if (norm.sum.id == kNoValue || (it != made_in.end() && it->second == region)) return;
  norm.x = {norm.sum.id};
  norm.residual = {};
  norm.sum = {};
}

Regions regions_of(const std::vector<Node>& layer, const Recompute& what) {
  Regions regions;
  std::map<ValueId, Region> made_in;
  for (Node node : layer) {
    Region region = region_of(node, what);
    if (region == Region::none) region = region_of_cast(node, made_in);
    if (region == Region::none) continue;
    if (auto* norm = std::get_if<RmsNorm>(&node.op)) keep_sum(*norm, made_in, region);
    if (auto* norm = std::get_if<LayerNorm>(&node.op)) keep_sum(*norm, made_in, region);
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

  // Where the MLP as a whole is not worth it, its norm or its activation may be.
  Regions of(const std::vector<Node>& layer) const {
    Recompute what = policy_.recompute;
    Regions regions = worthwhile(regions_of(layer, what));
    if (!std::exchange(what.mlp, false) || regions.contains(Region::mlp)) return regions;
    return worthwhile(regions_of(layer, what));
  }

 private:
  Regions worthwhile(Regions regions) const {
    if (!policy_.recompute.whole) {
      for (auto& [region, nodes] : regions) leave_out_unread(nodes);
    }
    std::erase_if(regions, [this](const auto& part) { return kept_bytes(part.second) >= freed_bytes(part.second); });
    return regions;
  }

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
      stretches.push_back({.layer = layer, .whole_layer = region == Region::layer, .nodes = std::move(stretch)});
    }
  }
  return stretches;
}

}  // namespace perfbench
