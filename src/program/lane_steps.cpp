#include "program/lane_steps.h"

namespace perfbench {
namespace {

using Steps = std::vector<LaneStep>;

LaneStep kernel(double share) { return {.kind = LaneStep::Kind::kernel, .share = share}; }

LaneStep all_reduce(Group group, std::int64_t bytes) {
  return {.kind = LaneStep::Kind::all_reduce, .share = 0.0, .group = group, .bytes = bytes};
}

Steps cross_entropy_steps(const CrossEntropy& op, const Program& program) {
  if (program.mesh.size[op.axis] == 1) return {kernel(1.0)};
  const std::int64_t tokens = program.type(op.logits.id).shape[0];
  const Group group = group_of(op.axis);
  return {kernel(0.5), all_reduce(group, 4 * tokens), kernel(0.5), all_reduce(group, 8 * tokens)};
}

// Reading for the amax, then reading and writing for the cast: a third and two thirds of the traffic, near enough.
Steps quantize_steps(const Quantize& op, const Program& program) {
  if (!op.amax_over_tp || program.mesh.size[Axis::tp] == 1) return {kernel(1.0)};
  return {kernel(1.0 / 3.0), all_reduce(Group::tp, 4), kernel(2.0 / 3.0)};
}

LaneStep ring(std::int64_t bytes, int count) {
  return {.kind = LaneStep::Kind::ring, .share = 0.0, .group = Group::cp, .bytes = bytes, .count = count};
}

// Of this rank's K and V; their gradients are as large.
std::int64_t keys_values_bytes(In qkv, const Heads& heads, const Program& program) {
  const ValueType& type = program.type(qkv.id);
  return type.shape[0] * 2 * heads.kv_heads * heads.head_dim * size_bytes(type.dtype);
}

Steps attention_steps(const Attention& op, const Program& program) {
  const int cp = program.mesh.size[Axis::cp];
  if (cp == 1) return {kernel(1.0)};
  return {kernel(1.0), ring(keys_values_bytes(op.qkv, op.heads, program), cp - 1)};
}

Steps attention_backward_steps(const AttentionBackward& op, const Program& program) {
  const int cp = program.mesh.size[Axis::cp];
  if (cp == 1) return {kernel(1.0)};
  const std::int64_t bytes = keys_values_bytes(op.qkv, op.heads, program);
  return {kernel(1.0), ring(bytes, cp - 1), ring(bytes, cp)};
}

// One number over the ranks that hold other parts of the gradients; between stages the schedule's end carries it.
Steps grad_norm_steps(const GradNorm& op, const Program& program) {
  Steps steps = {kernel(1.0)};
  const View view = op.main_grads.empty() ? View::dense : program[op.main_grads.front().id].view;
  const auto over = [&](Group group) {  // ranks that hold different parts
    if (program.mesh.ranks(group) > 1) steps.push_back(all_reduce(group, 4));
  };
  for (Axis axis : kUncopiedAxes) {
    if (view_of(axis) == view) over(group_of(axis));
  }
  over(program.mesh.sharing(view));
  return steps;
}

std::int64_t float32_bytes(const ValueType& type) { return type.shape.elements() * size_bytes(DType::f32); }

// An op of bytes that names an axis says here what it talks about over it.
struct StepsOf {
  const Program& program;

  Steps operator()(const OfClass<OpClass::product> auto&) const { return {kernel(1.0)}; }
  Steps operator()(const OfClass<OpClass::bytes> auto& op) const requires(!requires { op.axis; }) {
    return {kernel(1.0)};
  }
  Steps operator()(const Embedding&) const { return {kernel(1.0)}; }  // partial sums are completed by an op
  Steps operator()(const EmbeddingBackward&) const { return {kernel(1.0)}; }
  Steps operator()(const CrossEntropy& op) const { return cross_entropy_steps(op, program); }
  Steps operator()(const CrossEntropyBackward&) const { return {kernel(1.0)}; }
  Steps operator()(const Quantize& op) const { return quantize_steps(op, program); }
  Steps operator()(const Attention& op) const { return attention_steps(op, program); }
  Steps operator()(const AttentionBackward& op) const { return attention_backward_steps(op, program); }
  Steps operator()(const GradNorm& op) const { return grad_norm_steps(op, program); }
  Steps operator()(const AdamW&) const { return {kernel(1.0)}; }
  // Nothing of them is hidden.
  Steps operator()(const OfClass<OpClass::collective> auto&) const { return {}; }
};

}  // namespace

Steps lane_steps(const Op& op, const Program& program) { return std::visit(StepsOf{program}, op); }

std::int64_t scratch_bytes(const Op& op, const Program& program) {
  if (const auto* loss = std::get_if<CrossEntropy>(&op)) {
    return loss->eager ? float32_bytes(program.type(loss->logits.id)) : 0;
  }
  if (const auto* loss = std::get_if<CrossEntropyBackward>(&op)) {
    const ValueType& dlogits = program.type(loss->dlogits.id);
    return loss->eager ? 2 * float32_bytes(dlogits) - dlogits.bytes() : 0;
  }
  if (const auto* sent = std::get_if<AllToAll>(&op); sent && sent->dispatcher == Dispatcher::all_gather) {
    return program.type(sent->x.id).bytes() / sent->top_k * program.mesh.ranks(Group::ep);
  }
  if (program.mesh.size[Axis::cp] == 1) return 0;
  std::int64_t bytes = 0;
  for (const LaneStep& step : lane_steps(op, program)) {
    if (step.kind == LaneStep::Kind::ring) bytes += 2 * step.bytes;
  }
  return bytes;
}

}  // namespace perfbench
