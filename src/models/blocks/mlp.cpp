#include "models/blocks/block.h"

namespace perfbench {

void mlp_block(Builder& build, Stream& stream, const LocalShape& shape) {
  const ValueId x = norm(build, stream, shape, "post_norm", "sum_mid");                   // (T, H)
  const ValueId pair = build.column_linear(x, "gate_up_proj", 2 * shape.ffn, "gate_up");  // (T, 2 F)
  const SwiGlu swiglu = build.emit(SwiGlu{.x = {pair}}, {"act"});                         // (T, F)
  stream.pending = build.row_linear(swiglu.y.id, "down_proj", shape.hidden, "mlp_out");   // (T, H)
}

}  // namespace perfbench
