#include "program/infer.h"

#include <fmt/format.h>

#include <array>

#include "program/infer/rules.h"

namespace perfbench {
namespace {

// Of each view, the first operand that names an axis of it.
struct FirstOfViews {
  const Program& program;
  std::array<ValueId, kViews.size()>& first;

  template <class One>
  void operator()(std::string_view, const One& operand) const {
    if (operand.id == kNoValue) return;
    for (const View view : kViews) {
      ValueId& own = first[static_cast<std::size_t>(view)];
      if (own == kNoValue && names_axis_of(view, program.type(operand.id).placement)) own = operand.id;
    }
  }
  template <class One>
  void operator()(std::string_view name, const std::vector<One>& operands) const {
    for (const One& operand : operands) (*this)(name, operand);
  }
};

template <class OpType>
void require_one_view(const OpType& op, const Program& program) {
  if constexpr (OpType::kClass == OpClass::state) return;  // it takes every state for itself
  if constexpr (requires { OpType::kTurnsView; }) return;  // rows on their way to their experts, or back
  std::array<ValueId, kViews.size()> first{kNoValue, kNoValue};
  each_operand(op, FirstOfViews{program, first});
  if (first[0] == kNoValue || first[1] == kNoValue) return;
  throw ProgramError(fmt::format("{}: {} and {} lie on axes of two views of the ranks", op.kName,
                                 label(program, first[0]), label(program, first[1])));
}

}  // namespace

std::vector<ValueType> infer(const Op& op, const Program& program) {
  return std::visit(
      [&program](const auto& o) {
        require_one_view(o, program);
        return infer(o, InferContext(program, o.kName));
      },
      op);
}

std::string label(const Program& program, ValueId id) {
  const Value& value = program[id];
  const std::string where = value.layer < 0 ? "" : fmt::format("layer {} ", value.layer);
  return fmt::format("{}{} {}", where, value.name, to_string(value.type));
}

}  // namespace perfbench
