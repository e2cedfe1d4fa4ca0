#include <fmt/format.h>

#include "base/error.h"
#include "job/packed_lengths.h"
#include "models/blocks.h"
#include "models/missing.h"
#include "models/pieces.h"
#include "models/stream.h"
#include "program/mesh.h"

namespace perfbench {
namespace {

constexpr LinearNames kQkv{
    .weight = "qkv_proj", .bias = "qkv_bias", .adapters = {.a = "qkv_lora_a", .b = "qkv_lora_b", .h = "qkv_lora"}};
constexpr LinearNames kOut{
    .weight = "o_proj", .bias = "o_bias", .adapters = {.a = "o_lora_a", .b = "o_lora_b", .h = "o_lora"}};

// Dims of a head that are rotated. transformers cuts the product off, too.
std::int64_t rotary_dim(const Gqa& gqa) {
  return static_cast<std::int64_t>(gqa.rotary->share * static_cast<double>(gqa.head_dim));
}

Heads local_heads(const Gqa& gqa, int tp) {
  const std::optional<KvShare> kv = kv_share(gqa.kv_heads, tp);
  check(kv.has_value(), "gqa: key/value heads and tp that do not divide each other");
  return {.heads = gqa.heads / tp, .kv_heads = kv->heads, .head_dim = gqa.head_dim};
}

std::optional<Missing> missing_rotary(const Gqa& gqa, const Job& job) {
  const std::string& model = job.model.name;
  if (!gqa.rotary && job.model.learned_positions) return std::nullopt;
  if (!gqa.rotary) return Missing{"positions", "attention without positions (" + model + ")"};
  const std::int64_t rotated = rotary_dim(gqa);
  if (rotated == 0 || rotated % 2 != 0) {
    return Missing{"partial rotary",
                   fmt::format("rotating {} of the {} dims of a head ({})", rotated, gqa.head_dim, model)};
  }
  const std::string& type = gqa.rotary->type;
  if (type == "default" || type == "llama3") return std::nullopt;
  return Missing{"rope " + type, "rotary positions of the type " + type};
}

// Each head of q and k, normed. (T, (n + 2k) D)
ValueId qk_norm(ValueId qkv, const Gqa& gqa, const Heads& heads, const BlockContext& context) {
  const auto weight = [&](const char* name, std::string_view module) {
    Piece piece = whole_rows(layer_module(context.names, module) + ".weight", gqa.head_dim);
    return context.build.weight(name, {gqa.head_dim}, kReplicated, {std::move(piece)});
  };
  QkNorm op{.qkv = {qkv}, .heads = heads, .eps = context.job.model.norm_eps};
  op.q_weight = {weight("q_norm", "self_attn.q_norm")};
  op.k_weight = {weight("k_norm", "self_attn.k_norm")};
  return context.build.emit(op, {"qkv_normed", "qk_rstd"}).out.id;
}

ValueId rope(ValueId qkv, const Gqa& gqa, const Heads& heads, const BlockContext& context) {
  const ValueId positions = context.build.data(Datum::position, {local_tokens(context.job)});
  Rope op{.qkv = {qkv}, .positions = {positions}, .heads = heads, .theta = gqa.rotary->theta};
  op.scaling = gqa.rotary->scaling;
  op.rotary_dim = rotary_dim(gqa);
  return context.build.emit(op, {"qkv_rot"}).out.id;
}

// (T, n D)
ValueId core_attention(ValueId qkv, const Heads& heads, const BlockContext& context) {
  const Job& job = context.job;
  const OpenModule module = context.build.module(Module::core_attn);
  Attention op{.qkv = {qkv}, .heads = heads};
  if (job.packed) op.starts = {context.build.data(Datum::start, {local_tokens(job)})};
  op.batch = job.mbs;
  op.seq = job.seq_len / job.layout.cp;
  op.attended = job.packed ? mock_attended(job.seq_len) : 0.0;
  return context.build.emit(op, {"attn", "lse"}).out.id;
}

}  // namespace

std::optional<Missing> missing(const Gqa& gqa, const Job& job) {
  const std::string& model = job.model.name;
  if (gqa.mask.kind == Mask::Kind::window)
    return Missing{"sliding window", "attention within a window (" + model + ")"};
  if (gqa.mask.kind == Mask::Kind::chunk)
    return Missing{"chunked attention", "attention within chunks (" + model + ")"};
  if (gqa.sinks) return Missing{"attention sinks", "attention with sinks (" + model + ")"};
  if (gqa.qk_norm == HeadNorm::all_heads || gqa.qk_norm == HeadNorm::bare) {
    return Missing{"query and key norm", "a norm of q and k that is not one weight for each head (" + model + ")"};
  }
  if (auto rotary = missing_rotary(gqa, job)) return rotary;
  const std::optional<KvShare> kv = kv_share(gqa.kv_heads, job.layout.tp);
  if (kv && kv->copies > 1 && kv->copies != kv_copies(job.model, job.layout.tp)) {
    return Missing{"kv head copies", "layers with different numbers of copies of a key/value head (" + model + ")"};
  }
  return std::nullopt;
}

ValueId build(const Gqa& gqa, ValueId x, const BlockContext& context) {
  const Job& job = context.job;
  Builder& build = context.build;
  const std::vector<LinearSpec> list = linears(job.model.hidden, gqa);
  const std::span<const LinearSpec> parts(list), qkv_parts = parts.first(3), out_part = parts.last(1);
  const Heads heads = local_heads(gqa, job.layout.tp);
  const Linear qkv_proj = linear_of(context, kQkv, qkv_parts, gqa.packed_qkv);
  ValueId qkv = build.column_linear(x, qkv_proj, local_features(qkv_proj), "qkv");  // (T, (n + 2k) D)
  if (gqa.qk_norm != HeadNorm::none) qkv = qk_norm(qkv, gqa, heads, context);
  if (gqa.rotary) qkv = rope(qkv, gqa, heads, context);
  const ValueId attention = core_attention(qkv, heads, context);  // (T, n D)
  return build.row_linear(attention, linear_of(context, kOut, out_part), job.model.hidden, "attn_out");
}

}  // namespace perfbench
