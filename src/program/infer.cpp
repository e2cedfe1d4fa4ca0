#include "program/infer.h"

#include <fmt/format.h>

#include "program/infer/rules.h"

namespace perfbench {

std::vector<ValueType> infer(const Op& op, const Program& program) {
  return std::visit([&program](const auto& o) { return infer(o, InferContext(program, o.kName)); }, op);
}

std::string label(const Program& program, ValueId id) {
  const Value& value = program[id];
  const std::string where = value.layer < 0 ? "" : fmt::format("layer {} ", value.layer);
  return fmt::format("{}{} {}", where, value.name, to_string(value.type));
}

}  // namespace perfbench
