#include <fmt/format.h>

#include "program/infer/rules.h"

namespace perfbench {

Types infer(const Rope& op, const InferContext& c) {
  const ValueType& qkv = c.type(op.qkv);
  c.packed(qkv, op.heads);
  c.per_token(qkv, c.type(op.positions));
  if (op.rotary_dim <= 0 || op.rotary_dim % 2 != 0 || op.rotary_dim > op.heads.head_dim) {
    c.fail(fmt::format("rotates {} dims of a head of {}", op.rotary_dim, op.heads.head_dim));
  }
  return {qkv};
}

Types infer(const Attention& op, const InferContext& c) {
  const ValueType& qkv = c.type(op.qkv);
  c.packed(qkv, op.heads);
  if (op.batch * op.seq != qkv.shape[0]) c.fail("batch x seq is not the number of tokens");
  if (op.starts.id != kNoValue) {
    c.per_token(qkv, c.type(op.starts));
    if (!op.causal) c.fail("packed sub-sequences need a causal mask");
  }
  return {{{qkv.shape[0], op.heads.out_width()}, qkv.dtype, qkv.placement},
          {{qkv.shape[0], op.heads.heads}, DType::f32, qkv.placement}};
}

Types infer(const AttentionBackward& op, const InferContext& c) {
  c.packed(c.type(op.qkv), op.heads);
  c.same(c.type(op.dout), c.type(op.out));
  return {c.type(op.qkv)};
}

}  // namespace perfbench
