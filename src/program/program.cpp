#include "program/program.h"

#include <algorithm>

namespace perfbench {

int replicas(const Program& program) { return program.axis_size[Axis::dp] * program.axis_size[Axis::cp]; }

ValueId value_of(const Program& program, Datum datum) {
  const auto it = std::ranges::find(program.data, datum, &StepDatum::datum);
  return it == program.data.end() ? kNoValue : it->value;
}

std::vector<ValueId> states(const Program& program, StateKind kind) {
  std::vector<ValueId> ids;
  for (std::size_t i = 0; i < program.values.size(); ++i) {
    if (program.values[i].state == kind) ids.push_back(static_cast<ValueId>(i));
  }
  return ids;
}

}  // namespace perfbench
