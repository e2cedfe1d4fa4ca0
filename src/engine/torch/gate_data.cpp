#include "engine/torch/gate_data.h"

#include <ATen/ops/arange.h>

#include "base/error.h"

namespace perfbench {

std::optional<GateShape> gate_shape(const std::vector<const Program*>& programs) {
  for (const Program* program : programs) {
    const ValueId choices = value_of(*program, Datum::choice);
    if (choices == kNoValue) continue;
    for (const Node& node : program->forward) {
      const auto* op = std::get_if<PlaceRows>(&node.op);
      if (op == nullptr || op->choices.id != choices) continue;
      const Shape& shape = program->type(choices).shape;
      return GateShape{.experts = op->experts, .top_k = shape[1], .rows = shape[0]};
    }
  }
  return std::nullopt;
}

at::Tensor balanced_choices(const GateShape& gate, std::int64_t rows) {
  check(rows % gate.rows == 0, "gate: the ranks of tp have unequal rows");
  const at::Tensor own = at::arange(gate.rows * gate.top_k, at::kLong).remainder_(gate.experts);
  return own.view({1, gate.rows, gate.top_k}).expand({rows / gate.rows, -1, -1}).reshape({rows, gate.top_k});
}

}  // namespace perfbench
