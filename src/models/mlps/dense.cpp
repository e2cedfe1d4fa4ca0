#include "models/blocks.h"
#include "models/missing.h"

namespace perfbench {
namespace {

constexpr LinearNames kGateUp{.weight = "gate_up_proj",
                              .bias = "gate_up_bias",
                              .adapters = {.a = "gate_up_lora_a", .b = "gate_up_lora_b", .h = "gate_up_lora"}};
constexpr LinearNames kUp{
    .weight = "up_proj", .bias = "up_bias", .adapters = {.a = "up_lora_a", .b = "up_lora_b", .h = "up_lora"}};
constexpr LinearNames kDown{
    .weight = "down_proj", .bias = "down_bias", .adapters = {.a = "down_lora_a", .b = "down_lora_b", .h = "down_lora"}};

// (T, F)
ValueId activated(const Dense& mlp, ValueId x, Builder& build) {
  const OpenModule module = build.module(Module::mlp_act);
  if (mlp.gated) return build.emit(SwiGlu{.x = {x}}, {"act"}).y.id;
  return build.emit(Activate{.x = {x}, .activation = mlp.activation}, {"act"}).y.id;
}

}  // namespace

std::optional<Missing> missing(const Dense& mlp, const Job& job) {
  if (!mlp.gated || mlp.activation == Activation::silu) return std::nullopt;
  return Missing{"gated activation", "a gate with another activation than silu (" + job.model.name + ")"};
}

ValueId build(const Dense& mlp, ValueId x, const BlockContext& context) {
  Builder& build = context.build;
  const std::vector<LinearSpec> list = linears(context.job.model.hidden, mlp);
  const std::span<const LinearSpec> parts(list), first = parts.first(parts.size() - 1), last = parts.last(1);
  const Linear up_proj = linear_of(context, mlp.gated ? kGateUp : kUp, first);
  // (T, 2 F) of gate and up, or (T, F)
  const ValueId up = build.column_linear(x, up_proj, local_features(up_proj), mlp.gated ? "gate_up" : "up");
  return build.row_linear(activated(mlp, up, build), linear_of(context, kDown, last), context.job.model.hidden,
                          "mlp_out");
}

}  // namespace perfbench
