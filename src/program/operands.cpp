#include "program/operands.h"

namespace perfbench {
namespace {

constexpr Use use_of(const In&) { return Use::in; }
constexpr Use use_of(const Out&) { return Use::out; }
constexpr Use use_of(const InOut&) { return Use::inout; }

struct Collect {
  std::vector<Operand>& list;

  template <class One>
  void operator()(std::string_view, const One& operand) const {
    if (operand.id != kNoValue) list.push_back({operand.id, use_of(operand)});
  }
  template <class One>
  void operator()(std::string_view name, const std::vector<One>& operands) const {
    for (const One& operand : operands) (*this)(name, operand);
  }
};

struct Rename {
  const std::function<ValueId(const Operand&)>& to;

  template <class One>
  void operator()(std::string_view, One& operand) const {
    if (operand.id != kNoValue) operand.id = to({operand.id, use_of(operand)});
  }
  template <class One>
  void operator()(std::string_view name, std::vector<One>& operands) const {
    for (One& operand : operands) (*this)(name, operand);
  }
};

struct NameOf {
  ValueId id;
  std::string_view& found;

  template <class One>
  void operator()(std::string_view name, const One& operand) const {
    if (found.empty() && operand.id == id) found = name;
  }
  template <class One>
  void operator()(std::string_view name, const std::vector<One>& operands) const {
    for (const One& operand : operands) (*this)(name, operand);
  }
};

// Results, absent ones included.
struct CollectOuts {
  std::vector<ValueId>& list;

  void operator()(std::string_view, Out out) const { list.push_back(out.id); }
  void operator()(std::string_view, const OutList& outs) const {
    for (Out out : outs) list.push_back(out.id);
  }
  // What an op reads or updates is no result.
  void operator()(std::string_view, In) const {}
  void operator()(std::string_view, InOut) const {}
  void operator()(std::string_view, const InList&) const {}
  void operator()(std::string_view, const InOutList&) const {}
};

struct IsList {
  bool& any;

  template <class One>
  void operator()(std::string_view, const One&) const {}
  template <class One>
  void operator()(std::string_view, const std::vector<One>&) const {
    any = true;
  }
};

struct LaneOf {
  Lane operator()(const OfClass<OpClass::product, OpClass::attention, OpClass::bytes, OpClass::state> auto&) const {
    return Lane::compute;  // collectives of theirs are hidden steps (lane_steps.h)
  }
  Lane operator()(const AllGather& op) const { return perfbench::lane_of(group_of(op.axis)); }
  Lane operator()(const ReduceScatter& op) const { return perfbench::lane_of(group_of(op.axis)); }
  Lane operator()(const AllReduce& op) const { return perfbench::lane_of(group_of(op.axis)); }
  Lane operator()(const ShareCounts&) const { return perfbench::lane_of(Group::ep); }
  Lane operator()(const AllToAll&) const { return perfbench::lane_of(Group::ep); }
  Lane operator()(const ReducePartialGrads& op) const { return perfbench::lane_of(group_of(op.axis)); }
  Lane operator()(const ReduceCopiedRows&) const { return perfbench::lane_of(Group::kv_copies); }
  Lane operator()(const GatherParams& op) const { return perfbench::lane_of(op.group); }
  Lane operator()(const GatherShards& op) const { return perfbench::lane_of(op.group); }
  Lane operator()(const ScatterGrads& op) const { return perfbench::lane_of(op.group); }
  Lane operator()(const ReduceGrads& op) const { return perfbench::lane_of(op.group); }
  Lane operator()(const ReduceShares& op) const { return perfbench::lane_of(op.group); }
  Lane operator()(const ReduceSharedGrads&) const { return perfbench::lane_of(Group::ends); }
};

}  // namespace

std::vector<Operand> collect(const Op& op) {
  std::vector<Operand> list;
  list.reserve(8);
  std::visit([&list](const auto& o) { each_operand(o, Collect{list}); }, op);
  return list;
}

void rename(Op& op, const std::function<ValueId(const Operand&)>& to) {
  std::visit([&to](auto& o) { each_operand(o, Rename{to}); }, op);
}

std::string_view operand_name(const Op& op, ValueId id) {
  std::string_view found;
  std::visit([&](const auto& o) { each_operand(o, NameOf{id, found}); }, op);
  return found;
}

std::vector<ValueId> results(const Op& op) {
  std::vector<ValueId> list;
  std::visit([&list](const auto& o) { each_operand(o, CollectOuts{list}); }, op);
  return list;
}

bool takes_list(const Op& op) {
  bool any = false;
  std::visit([&any](const auto& o) { each_operand(o, IsList{any}); }, op);
  return any;
}

std::string_view name(const Op& op) {
  return std::visit([](const auto& o) { return o.kName; }, op);
}

OpClass class_of(const Op& op) {
  return std::visit([](const auto& o) { return o.kClass; }, op);
}

Lane lane_of(const Op& op) { return std::visit(LaneOf{}, op); }

}  // namespace perfbench
