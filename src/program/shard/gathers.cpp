#include "program/shard/gathers.h"

#include <algorithm>
#include <utility>

#include "program/operands.h"

namespace perfbench {
namespace {

// The gradient of an embedding takes nothing but the shape of the table.
bool reads_weights(const Op& op) { return !std::holds_alternative<EmbeddingBackward>(op); }

ValueId add(Program& program, Value value) {
  program.values.push_back(value);
  return static_cast<ValueId>(program.values.size() - 1);
}

// The nodes that gather a unit, each part for itself.
std::vector<Node> gathers_of(Program& program, const Policy& policy, const Unit& unit, Phase phase,
                             WholeWeights& whole) {
  std::vector<Node> nodes;
  for (const UnitPart& part : unit.parts) {
    GatherShards op{.dtype = program.type(part.front()).dtype,
                    .group = program.mesh.sharing(program[part.front()].view)};
    for (ValueId weight : part) {
      Value value{.name = program[weight].name, .layer = program[weight].layer, .type = program[weight].type};
      op.shards.push_back({weight});
      if (policy.fsdp_keep) {
        value.role = Role::state;
        value.state = StateKind::gathered;
        value.weight = weight;
        op.kept.push_back({whole[weight] = add(program, value)});
      } else {
        value.role = phase == Phase::forward ? Role::activation : Role::gradient;
        op.weights.push_back({whole[weight] = add(program, value)});
      }
    }
    nodes.push_back({.op = std::move(op), .when = policy.fsdp_keep ? When::first_microbatch : When::always});
  }
  return nodes;
}

// The unit's first reader among `nodes`; their number where there is none.
std::size_t first_reader(const std::vector<Node>& nodes, const std::map<ValueId, std::size_t>& unit_of,
                         std::size_t unit) {
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    if (!reads_weights(nodes[i].op)) continue;
    for (const Operand& operand : collect(nodes[i].op)) {
      const auto it = unit_of.find(operand.id);
      if (it != unit_of.end() && it->second == unit) return i;
    }
  }
  return nodes.size();
}

// What is there when a phase begins.
ValueId start_of(const Program& program, Phase phase) {
  if (phase == Phase::forward && program.input != kNoValue) return program.input;
  if (phase == Phase::forward) return program.data.empty() ? kNoValue : program.data.front().value;
  return program.grad_output != kNoValue ? program.grad_output : program.loss;
}

}  // namespace

WholeWeights gather_units(Program& program, const Policy& policy, Phase phase, const Units& units,
                          const std::vector<std::size_t>& which) {
  std::vector<Node>& nodes = phase == Phase::forward ? program.forward : program.backward;
  std::vector<std::pair<std::size_t, std::size_t>> order;  // by first reader
  for (std::size_t unit : which) {
    const std::size_t reader = first_reader(nodes, units.unit_of, unit);
    if (reader < nodes.size()) order.emplace_back(reader, unit);
  }
  std::sort(order.begin(), order.end());
  WholeWeights whole;
  std::vector<Node> with_gathers;
  ValueId there = start_of(program, phase);  // the last value made so far
  const auto issue = [&](std::size_t k, int layer) {
    if (k >= order.size()) return;
    for (Node& node : gathers_of(program, policy, units.list[order[k].second], phase, whole)) {
      node.layer = layer;
      node.after = there;
      with_gathers.push_back(std::move(node));
    }
  };
  if (!nodes.empty()) issue(0, nodes.front().layer);
  std::size_t next = 0;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    for (; next < order.size() && order[next].first == i; ++next) issue(next + 1, nodes[i].layer);
    for (const Operand& operand : collect(nodes[i].op)) {
      if (operand.use == Use::out) there = operand.id;
    }
    with_gathers.push_back(std::move(nodes[i]));
  }
  nodes = std::move(with_gathers);
  return whole;
}

void read_whole(std::vector<Node>& nodes, const WholeWeights& own, const WholeWeights& before) {
  for (Node& node : nodes) {
    if (!reads_weights(node.op) || std::holds_alternative<GatherShards>(node.op)) continue;
    rename(node.op, [&](const Operand& o) {
      if (o.use != Use::in) return o.id;
      if (const auto it = own.find(o.id); it != own.end()) return it->second;
      const auto it = before.find(o.id);
      return it == before.end() ? o.id : it->second;
    });
  }
}

}  // namespace perfbench
