#include "program/operands.h"

namespace perfbench {
namespace {

void push(std::vector<Operand>& list, In operand) {
  if (operand.id != kNoValue) list.push_back({operand.id, Use::in});
}

void push(std::vector<Operand>& list, Out operand) {
  if (operand.id != kNoValue) list.push_back({operand.id, Use::out});
}

void push(std::vector<Operand>& list, InOut operand) {
  if (operand.id != kNoValue) list.push_back({operand.id, Use::inout});
}

template <class Field>
void push(std::vector<Operand>& list, const std::vector<Field>& operands) {
  for (Field operand : operands) push(list, operand);
}

constexpr Use use_of(const In&) { return Use::in; }
constexpr Use use_of(const Out&) { return Use::out; }
constexpr Use use_of(const InOut&) { return Use::inout; }

struct Rename {
  const std::function<ValueId(const Operand&)>& to;

  template <class Field>
  void operator()(Field& operand) const {
    if (operand.id != kNoValue) operand.id = to({operand.id, use_of(operand)});
  }
  template <class Field>
  void operator()(std::vector<Field>& operands) const {
    for (Field& operand : operands) (*this)(operand);
  }
};

}  // namespace

std::vector<Operand> collect(const Op& op) {
  std::vector<Operand> list;
  list.reserve(8);
  std::visit(
      [&list](const auto& o) { std::apply([&list](const auto&... field) { (push(list, field), ...); }, o.fields()); },
      op);
  return list;
}

void rename(Op& op, const std::function<ValueId(const Operand&)>& to) {
  const Rename each{to};
  std::visit(
      [&each](auto& o) {
        // `o` is no const object; fields() shows it as const.
        using Fields = decltype(o.fields());
        std::apply([&each](auto&... field) { (each(const_cast<std::remove_cvref_t<decltype(field)>&>(field)), ...); },
                   Fields(o.fields()));
      },
      op);
}

std::string_view name(const Op& op) {
  return std::visit([](const auto& o) { return o.kName; }, op);
}

namespace {

struct LaneOf {
  template <class Compute>
  Lane operator()(const Compute&) const requires(!requires(Compute op) { op.axis; }) {
    return Lane::compute;
  }
  // Vocabulary-parallel ops compute; their collectives are hidden steps (lane_steps.h).
  Lane operator()(const Embedding&) const { return Lane::compute; }
  Lane operator()(const EmbeddingBackward&) const { return Lane::compute; }
  Lane operator()(const CrossEntropy&) const { return Lane::compute; }
  Lane operator()(const CrossEntropyBackward&) const { return Lane::compute; }
  Lane operator()(const AllGather& op) const { return perfbench::lane_of(group_of(op.axis)); }
  Lane operator()(const ReduceScatter& op) const { return perfbench::lane_of(group_of(op.axis)); }
  Lane operator()(const AllReduce& op) const { return perfbench::lane_of(group_of(op.axis)); }
  Lane operator()(const ReducePartialGrads& op) const { return perfbench::lane_of(group_of(op.axis)); }
  Lane operator()(const GatherParams& op) const { return perfbench::lane_of(op.group); }
  Lane operator()(const GatherShards& op) const { return perfbench::lane_of(op.group); }
  Lane operator()(const ScatterGrads& op) const { return perfbench::lane_of(op.group); }
  Lane operator()(const ReduceGrads& op) const { return perfbench::lane_of(op.group); }
  Lane operator()(const ReduceSharedGrads&) const { return perfbench::lane_of(Group::ends); }
};

}  // namespace

Lane lane_of(const Op& op) { return std::visit(LaneOf{}, op); }

}  // namespace perfbench
