#include "program/signature.h"

#include <fmt/format.h>

#include <map>

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

std::string operand_text(const auto& operand, const Program& program) requires requires { operand.id; }
{ return type_text(operand.id, program); }

// "2*bf16[4096]+64*bf16[4096,4096]"
std::string operand_text(const auto& list, const Program& program) requires requires { list.size(); }
{
  std::map<std::string, int> count_of;
  for (const auto& operand : list) ++count_of[type_text(operand.id, program)];
  std::string text;
  for (const auto& [type, count] : count_of) text += fmt::format("{}{}*{}", text.empty() ? "" : "+", count, type);
  return text.empty() ? "-" : text;
}

std::string operands_text(const Op& op, const Program& program) {
  std::string text;
  const auto add = [&](const auto& operand) {
    text += fmt::format("{}{}", text.empty() ? "" : ",", operand_text(operand, program));
  };
  std::visit([&](const auto& o) { std::apply([&](const auto&... operand) { (add(operand), ...); }, o.fields()); }, op);
  return text;
}

std::string heads_text(const Heads& heads) {
  return fmt::format(" heads={} kv_heads={} head_dim={}", heads.heads, heads.kv_heads, heads.head_dim);
}

// Columns with an adapter are marked: "+4096,1024,+1024".
std::string columns_text(const AdapterColumns& columns) {
  std::string text;
  for (const AdapterBlock& block : columns) {
    if (block.columns == 0) continue;
    text += fmt::format("{}{}{}", text.empty() ? "" : ",", block.adapted ? "+" : "", block.columns);
  }
  return " columns=" + text;
}

// The plain fields that change the kernel.
struct Plain {
  const Program& program;

  std::string operator()(const Embedding& op) const { return split_text(op.axis); }
  std::string operator()(const EmbeddingBackward& op) const { return split_text(op.axis); }
  std::string operator()(const RmsNorm&) const { return ""; }
  std::string operator()(const RmsNormBackward&) const { return ""; }
  std::string operator()(const LayerNorm& op) const { return offset_text(op.weight_offset); }
  std::string operator()(const LayerNormBackward& op) const { return offset_text(op.weight_offset); }
  std::string operator()(const QkNorm& op) const { return heads_text(op.heads); }
  std::string operator()(const QkNormBackward& op) const { return heads_text(op.heads); }
  std::string operator()(const Matmul& op) const { return fmt::format(" transpose_b={:d}", op.transpose_b); }
  std::string operator()(const AddMatmul& op) const { return fmt::format(" transpose_b={:d}", op.transpose_b); }
  std::string operator()(const WeightGrad& op) const { return transposed_text(op.transposed); }
  std::string operator()(const WeightGradAccumulate& op) const { return transposed_text(op.transposed); }
  std::string operator()(const AddBias&) const { return ""; }
  std::string operator()(const BiasGrad&) const { return ""; }
  std::string operator()(const Accumulate&) const { return ""; }
  std::string operator()(const Add&) const { return ""; }
  std::string operator()(const Transpose&) const { return ""; }
  std::string operator()(const Rope& op) const {
    return fmt::format("{} rotary_dim={} inverse={:d}", heads_text(op.heads), op.rotary_dim, op.inverse);
  }
  std::string operator()(const Attention& op) const { return attention_text(op); }
  std::string operator()(const AttentionBackward& op) const { return attention_text(op); }
  std::string operator()(const SwiGlu&) const { return ""; }
  std::string operator()(const SwiGluBackward&) const { return ""; }
  std::string operator()(const Activate& op) const { return activation_text(op.activation); }
  std::string operator()(const ActivateBackward& op) const { return activation_text(op.activation); }
  std::string operator()(const AdapterUp& op) const { return columns_text(op.columns); }
  std::string operator()(const AdapterUpBackward& op) const { return columns_text(op.columns); }
  std::string operator()(const AdapterWeightGrad& op) const { return columns_text(op.columns); }
  std::string operator()(const AdapterBackward& op) const { return columns_text(op.columns); }
  std::string operator()(const Quantize& op) const {
    return op.amax_over_tp && program.mesh.size[Axis::tp] > 1 ? " amax_over_tp=1" : "";
  }
  std::string operator()(const CastWeight&) const { return ""; }
  std::string operator()(const AllGather& op) const { return ranks_text(group_of(op.axis)); }
  std::string operator()(const ReduceScatter& op) const { return ranks_text(group_of(op.axis)); }
  std::string operator()(const AllReduce& op) const { return ranks_text(group_of(op.axis)); }
  std::string operator()(const CrossEntropy& op) const { return vocab_text(op.axis, op.vocab); }
  std::string operator()(const CrossEntropyBackward& op) const { return vocab_text(op.axis, op.vocab); }
  std::string operator()(const GatherParams& op) const { return ranks_text(op.group); }
  std::string operator()(const GatherShards& op) const { return ranks_text(op.group); }
  std::string operator()(const ScatterGrads& op) const { return ranks_text(op.group); }
  std::string operator()(const ReduceGrads& op) const {
    return fmt::format("{} scatter={:d}", ranks_text(op.group), op.scatter);
  }
  std::string operator()(const ReducePartialGrads& op) const { return ranks_text(group_of(op.axis)); }
  std::string operator()(const ReduceSharedGrads& op) const { return fmt::format(" shards={}", op.shards); }
  std::string operator()(const GradNorm& op) const { return fmt::format(" shards={}", op.shards); }
  std::string operator()(const AdamW& op) const {
    return fmt::format(" shards={} state_bytes={}", op.shards, op.state_bytes);
  }

 private:
  // Rows that other ranks have are masked; how many ranks there are changes no kernel.
  std::string split_text(Axis axis) const { return program.mesh.size[axis] > 1 ? " split=1" : ""; }
  std::string vocab_text(Axis axis, std::int64_t vocab) const {
    return fmt::format(" vocab={}{}", vocab, split_text(axis));
  }
  std::string ranks_text(Group group) const { return fmt::format(" {}={}", name(group), program.mesh.ranks(group)); }
  static std::string transposed_text(bool transposed) { return fmt::format(" transposed={:d}", transposed); }
  static std::string offset_text(double offset) { return offset == 0.0 ? "" : " weight_offset=1"; }
  static std::string activation_text(Activation activation) {
    switch (activation) {
      case Activation::silu:
        return " f=silu";
      case Activation::gelu:
        return " f=gelu";
      case Activation::gelu_tanh:
        return " f=gelu_tanh";
      case Activation::relu2:
        return " f=relu2";
    }
    return "";
  }
  // A ring runs one block for each of its ranks.
  std::string attention_text(const auto& op) const {
    return fmt::format("{} batch={} seq={} causal={:d} attended={} cp={}", heads_text(op.heads), op.batch, op.seq,
                       op.causal, format_double(op.attended), program.mesh.size[Axis::cp]);
  }
};

}  // namespace

std::string signature(const Op& op, const Program& program) {
  return fmt::format("{}({}){}", name(op), operands_text(op, program), std::visit(Plain{program}, op));
}

}  // namespace perfbench
