#include "program/program.h"

namespace perfbench {

std::vector<ValueId> states(const Program& program, StateKind kind) {
  std::vector<ValueId> ids;
  for (std::size_t i = 0; i < program.values.size(); ++i) {
    if (program.values[i].state == kind) ids.push_back(static_cast<ValueId>(i));
  }
  return ids;
}

}  // namespace perfbench
