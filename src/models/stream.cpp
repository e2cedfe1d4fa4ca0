#include "models/stream.h"

#include "models/missing.h"
#include "models/pieces.h"

namespace perfbench {
namespace {

// Of either norm: `stream` moves on to the sum.
ValueId advance(Stream& stream, ValueId sum, ValueId y) {
  stream.residual = sum != kNoValue ? sum : stream.pending;
  stream.pending = kNoValue;
  return y;
}

ValueId vector(Builder& build, const char* name, const std::string& tensor, std::int64_t size) {
  return build.weight(name, {size}, kReplicated, {whole_rows(tensor, size)});
}

}  // namespace

std::optional<Missing> missing(const LayerSpec& layer, const Job& job) {
  const Norms& norms = layer.norms;
  const std::string of_model = " (" + job.model.name + ")";
  if (!norms.before_mixer || !norms.before_mlp) return Missing{"norms", "a block without a norm before it" + of_model};
  if (norms.after_mixer || norms.after_mlp) return Missing{"norms", "a norm after a block" + of_model};
  if (layer.residual.parallel) return Missing{"parallel residual", "attention beside the MLP" + of_model};
  if (layer.residual.scale != 1.0) return Missing{"residual scale", "a scaled residual" + of_model};
  return std::nullopt;
}

ValueId norm(Builder& build, Stream& stream, const ModelSpec& model, const NormNames& names,
             const std::string& tensors) {
  const OpenModule module = build.module(Module::layernorm);
  const In x{stream.pending}, residual{stream.residual};
  const In weight{vector(build, names.weight, tensors + ".weight", model.hidden)};
  const char* sum = stream.residual != kNoValue ? names.sum : nullptr;
  if (model.norm == Norm::rms) {
    RmsNorm op{.x = x, .residual = residual, .weight = weight, .eps = model.norm_eps};
    op = build.emit(op, {sum, "x", "rstd"});
    return advance(stream, op.sum.id, op.y.id);
  }
  LayerNorm op{.x = x, .residual = residual, .weight = weight, .eps = model.norm_eps};
  op.bias = {vector(build, names.bias, tensors + ".bias", model.hidden)};
  op.weight_offset = model.norm == Norm::layer1p ? 1.0 : 0.0;
  op = build.emit(op, {sum, "x", "mean", "rstd"});
  return advance(stream, op.sum.id, op.y.id);
}

ValueId close(Builder& build, const Stream& stream) {
  if (stream.residual == kNoValue) return stream.pending;
  const Add sum{.a = {stream.residual}, .b = {stream.pending}};
  return build.emit(sum, {"output"}).out.id;
}

std::int64_t local_tokens(const Job& job) { return job.mbs * (job.seq_len / job.layout.cp); }

std::int64_t stream_tokens(const Job& job, const Policy& policy) {
  return policy.sequence_parallel ? local_tokens(job) / job.layout.tp : local_tokens(job);
}

}  // namespace perfbench
