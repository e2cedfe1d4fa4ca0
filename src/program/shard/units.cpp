#include "program/shard/units.h"

#include <tuple>

#include "program/infer.h"
#include "program/operands.h"

namespace perfbench {

Units find_units(const Program& program, const Policy& policy) {
  Units units;
  for (const Node& node : program.forward) {
    for (const Operand& operand : collect(node.op)) {
      if (program[operand.id].state != StateKind::weight || units.unit_of.contains(operand.id)) continue;
      const int layer = program[operand.id].layer;
      if (units.list.empty() || units.list.back().layer != layer) units.list.push_back({.layer = layer, .parts = {}});
      units.unit_of[operand.id] = units.list.size() - 1;
    }
  }
  using Key = std::tuple<View, DType, bool, ValueId>;
  std::vector<std::map<Key, std::size_t>> part_of(units.list.size());
  for (ValueId weight : states(program, StateKind::weight)) {  // in the order in which they were made
    const Value& value = program[weight];
    if (!units.unit_of.contains(weight)) throw ProgramError("shard_parameters: nobody reads " + label(program, weight));
    // Experts that no other rank has are whole where they are, unless they are rounded before they are read.
    if (program.mesh.ranks(program.mesh.sharing(value.view)) == 1 && !policy.fsdp_f32) continue;
    const std::size_t u = units.unit_of[weight];
    std::vector<UnitPart>& parts = units.list[u].parts;
    const Key key{value.view, value.type.dtype, value.trainable, value.shared ? weight : kNoValue};
    const auto [it, is_new] = part_of[u].try_emplace(key, parts.size());
    if (is_new) parts.emplace_back();
    parts[it->second].push_back(weight);
  }
  return units;
}

bool gathered_again(const Unit& unit, const Policy& policy) {
  return policy.fsdp_reshard && !policy.fsdp_keep && unit.layer >= 0;
}

}  // namespace perfbench
