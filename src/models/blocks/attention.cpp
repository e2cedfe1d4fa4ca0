#include "models/blocks/block.h"

namespace perfbench {

void attention_block(Builder& build, Stream& stream, const LocalShape& shape) {
  const ValueId x = norm(build, stream, shape, "input_norm", "sum_in");                       // (T, H)
  const ValueId qkv = build.column_linear(x, "qkv_proj", shape.heads.packed_width(), "qkv");  // (T, (n + 2k) D)
  const Rope rope = build.emit(Rope{.qkv = {qkv}, .heads = shape.heads, .theta = shape.rope_theta}, {"qkv_rot"});
  Attention attention{.qkv = {rope.out.id}, .heads = shape.heads, .batch = shape.batch, .seq = shape.seq};
  attention = build.emit(attention, {"attn", "lse"});                                       // (T, n D), (T, n)
  stream.pending = build.row_linear(attention.out.id, "o_proj", shape.hidden, "attn_out");  // (T, H)
}

}  // namespace perfbench
