#include "program/backward/rules.h"

namespace perfbench {

void backward(const Embedding& op, BackwardContext& c) {
  const ValueId dout = c.gradient(op.out);
  if (dout == kNoValue || !c.needed(op.weight)) return;
  EmbeddingBackward back{.dout = {dout}, .tokens = op.tokens, .weight = op.weight, .axis = op.axis};
  c.accumulate(op.weight.id, c.emit(back, {"dw"}).dw.id);
}

void backward(const CrossEntropy& op, BackwardContext& c) {
  CrossEntropyBackward back{.logits = op.logits,
                            .targets = op.targets,
                            .weight = op.weight,
                            .lse = {op.lse.id},
                            .axis = op.axis,
                            .vocab = op.vocab,
                            .eager = op.eager};
  c.give(op.logits, c.emit(back, {"dlogits"}).dlogits.id);
}

}  // namespace perfbench
