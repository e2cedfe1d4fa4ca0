#include "program/offload.h"

#include <algorithm>

#include "program/liveness.h"
#include "program/operands.h"

namespace perfbench {
namespace {

// Collectives may run ahead of their layer.
bool computes(const Node& node) { return class_of(node.op) != OpClass::collective; }

// Of each layer, the first node that computes; the number of nodes where none does.
std::vector<std::size_t> starts_of(const std::vector<Node>& nodes, int num_layers) {
  std::vector<std::size_t> starts(static_cast<std::size_t>(num_layers), nodes.size());
  for (std::size_t i = nodes.size(); i-- > 0;) {
    if (nodes[i].layer >= 0 && computes(nodes[i])) starts[static_cast<std::size_t>(nodes[i].layer)] = i;
  }
  return starts;
}

void take_values(const Program& program, std::vector<OffloadedLayer>& layers) {
  std::vector<bool> saved(program.values.size(), false);
  for (ValueId id : saved_values(program)) saved[static_cast<std::size_t>(id)] = true;
  for (const Node& node : program.forward) {
    const auto layer = static_cast<std::size_t>(node.layer);
    if (node.layer < 0 || layer >= layers.size() || std::holds_alternative<GatherShards>(node.op)) continue;
    for (const Operand& operand : collect(node.op)) {
      if (operand.use != Use::out || !saved[static_cast<std::size_t>(operand.id)]) continue;
      layers[layer].values.push_back(operand.id);
      layers[layer].bytes += program.type(operand.id).bytes();
    }
  }
}

}  // namespace

std::vector<OffloadedLayer> offloaded_layers(const Program& program) {
  std::vector<OffloadedLayer> layers(static_cast<std::size_t>(program.offloaded_layers));
  if (layers.empty()) return layers;
  take_values(program, layers);
  const std::vector<std::size_t> forward = starts_of(program.forward, program.num_layers);
  const std::vector<std::size_t> backward = starts_of(program.backward, program.num_layers);
  const auto start = [&](std::size_t layer) {
    return layer < forward.size() ? forward[layer] : program.forward.size();
  };
  for (std::size_t l = 0; l < layers.size(); ++l) {
    layers[l].out = {.begin = start(l + 1), .end = start(l + 2)};
    layers[l].in = {.begin = l + 1 < backward.size() ? backward[l + 1] : 0, .end = backward[l]};
  }
  return layers;
}

}  // namespace perfbench
