#include "program/signature.h"

#include <fmt/format.h>

#include <map>
#include <string_view>
#include <utility>
#include <vector>

#include "base/text.h"

namespace perfbench {
namespace {

std::string type_text(ValueId id, const Program& program) {
  if (id == kNoValue) return "-";
  const ValueType& type = program.type(id);
  std::string text = fmt::format("{}[", name(type.dtype));
  for (int dim = 0; dim < type.shape.rank; ++dim) text += fmt::format("{}{}", dim == 0 ? "" : ",", type.shape[dim]);
  return text + "]";
}

struct OperandTexts {
  const Program& program;
  std::vector<std::string>& texts;

  template <class One>
  void operator()(std::string_view, const One& operand) const {
    texts.push_back(type_text(operand.id, program));
  }
  // "2*bf16[4096]+64*bf16[4096,4096]"
  template <class One>
  void operator()(std::string_view, const std::vector<One>& operands) const {
    std::map<std::string, int> count_of;
    for (const One& operand : operands) ++count_of[type_text(operand.id, program)];
    std::string text;
    for (const auto& [type, count] : count_of) text += fmt::format("{}{}*{}", text.empty() ? "" : "+", count, type);
    texts.push_back(text.empty() ? "-" : text);
  }
};

std::string field_text(std::string_view name, bool value) { return fmt::format(" {}={:d}", name, value); }
std::string field_text(std::string_view name, std::int64_t value) { return fmt::format(" {}={}", name, value); }
std::string field_text(std::string_view name, double value) {
  return fmt::format(" {}={}", name, format_double(value));
}

std::string field_text(std::string_view, const Heads& of) {
  const auto& [heads, kv_heads, head_dim] = of;
  return fmt::format(" heads={} kv_heads={} head_dim={}", heads, kv_heads, head_dim);
}

std::string field_text(std::string_view name, Activation activation) {
  switch (activation) {
    case Activation::silu:
      return fmt::format(" {}=silu", name);
    case Activation::gelu:
      return fmt::format(" {}=gelu", name);
    case Activation::gelu_tanh:
      return fmt::format(" {}=gelu_tanh", name);
    case Activation::relu2:
      return fmt::format(" {}=relu2", name);
  }
  return "";
}

// Columns with an adapter are marked: "+4096,1024,+1024".
std::string field_text(std::string_view name, const AdapterColumns& columns) {
  std::string text;
  for (const AdapterBlock& block : columns) {
    if (block.columns == 0) continue;
    text += fmt::format("{}{}{}", text.empty() ? "" : ",", block.adapted ? "+" : "", block.columns);
  }
  return fmt::format(" {}={}", name, text);
}

// What a plain field says of the kernel; one that is never signed needs no text.
template <Signs signs, class Value>
std::string signed_text(std::string_view name, const Value& value) {
  if constexpr (signs == Signs::never) {
    return "";
  } else if constexpr (signs == Signs::where_set) {
    return value == Value{} ? "" : field_text(name, value);
  } else {
    return field_text(name, value);
  }
}

// What the layout makes of a kernel.
struct LayoutText {
  const Program& program;

  std::string operator()(const OfClass<OpClass::product, OpClass::state> auto&) const { return ""; }
  // A ring runs one block for each of its ranks.
  std::string operator()(const OfClass<OpClass::attention> auto&) const { return ranks(Group::cp); }
  // Rows that other ranks have are masked; how many ranks there are changes no kernel.
  std::string operator()(const OfClass<OpClass::bytes> auto& op) const {
    if constexpr (requires { op.axis; }) return program.mesh.size[op.axis] > 1 ? " split=1" : "";
    return "";
  }
  std::string operator()(const Quantize& op) const {
    return op.amax_over_tp && program.mesh.size[Axis::tp] > 1 ? " amax_over_tp=1" : "";
  }
  std::string operator()(const AllGather& op) const { return ranks(group_of(op.axis)); }
  std::string operator()(const ReduceScatter& op) const { return ranks(group_of(op.axis)); }
  std::string operator()(const AllReduce& op) const { return ranks(group_of(op.axis)); }
  std::string operator()(const ShareCounts&) const { return ranks(Group::etp) + ranks(Group::ep); }
  std::string operator()(const AllToAll&) const { return ranks(Group::ep); }
  std::string operator()(const GatherParams& op) const { return ranks(op.group); }
  std::string operator()(const GatherShards& op) const { return ranks(op.group); }
  std::string operator()(const ScatterGrads& op) const { return ranks(op.group); }
  std::string operator()(const ReduceGrads& op) const { return ranks(op.group); }
  std::string operator()(const ReducePartialGrads& op) const { return ranks(group_of(op.axis)); }
  std::string operator()(const ReduceCopiedRows&) const { return ranks(Group::kv_copies); }
  std::string operator()(const ReduceShares& op) const { return ranks(op.group); }
  std::string operator()(const ReduceSharedGrads&) const { return ""; }

 private:
  std::string ranks(Group group) const { return fmt::format(" {}={}", name(group), program.mesh.ranks(group)); }
};

// Of one op: operands, fields, layout.
struct Sign {
  const Program& program;

  template <class OpType>
  std::string operator()(const OpType& op) const {
    std::vector<std::string> operands;
    each_operand(op, OperandTexts{program, operands});
    return fmt::format("{}({}){}{}", op.kName, fmt::join(operands, ","), fields(op), LayoutText{program}(op));
  }

 private:
  template <class OpType>
  static std::string fields(const OpType& op) {
    static constexpr auto kFields = OpType::fields();
    return [&]<std::size_t... I>(std::index_sequence<I...>) {
      return (std::string() + ... +
              signed_text<std::get<I>(kFields).signs>(std::get<I>(kFields).name, op.*std::get<I>(kFields).member));
    }
    (std::make_index_sequence<std::tuple_size_v<decltype(kFields)>>());
  }
};

}  // namespace

std::string signature(const Op& op, const Program& program) { return std::visit(Sign{program}, op); }

}  // namespace perfbench
