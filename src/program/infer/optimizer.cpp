#include "program/infer/rules.h"

namespace perfbench {

Types infer(const GradNorm& op, const InferContext& c) { return c.bucket(op.main_grads, StateKind::main_grad); }

Types infer(const AdamW& op, const InferContext& c) { return c.bucket(op.weights, StateKind::weight); }

}  // namespace perfbench
