// What the rules of backward/ share: the gradients given so far, and what the backward reads of the forward.
#pragma once

#include <initializer_list>
#include <map>
#include <utility>
#include <vector>

#include "program/builder.h"

namespace perfbench {

class BackwardContext {
 public:
  BackwardContext(Program& program, const Policy& policy);

  const Policy& policy() const { return policy_; }
  const Value& operator[](ValueId id) const { return program_[id]; }
  const ValueType& type(ValueId id) const { return program_.type(id); }
  Builder& build() { return build_; }
  template <class OpType>
  OpType emit(OpType op, std::initializer_list<const char*> outs) {
    return build_.emit(std::move(op), outs);
  }

  // Whether a trainable weight or the chunk's input is above the value.
  bool needed(In operand) const;

  // The gradient of what leaves the chunk.
  void start(ValueId output, ValueId gradient) { pending_[output].push_back(gradient); }
  // One reader's share of the operand's gradient; nothing where nobody needs it.
  void give(In operand, ValueId gradient);
  // The sum of what the readers of `id` gave; kNoValue when nobody did. Partial sums over tp of a replicated value are
  // completed, unless the caller completes them itself.
  ValueId gradient(ValueId id, bool keep_partial = false);
  ValueId gradient(Out operand, bool keep_partial = false) { return gradient(operand.id, keep_partial); }
  // `dw` is added to the weight's main gradient, a state that is made here when it is first written.
  void accumulate(ValueId weight, ValueId dw);
  void bias_grad(In bias, ValueId dy);

  // A forward value as the backward reads it: what was gathered along tokens is gathered again where the policy says
  // so.
  ValueId saved(ValueId id);
  // x^T for an FP8 weight gradient: saved by the quantisation of `original`, or made now of `again`.
  ValueId saved_transposed(ValueId original, ValueId again);
  // The weight's transposed copy in FP8; kNoValue where it has none.
  ValueId transposed_cast(ValueId weight) const;

  struct Gradient8 {
    ValueId q = kNoValue, q_t = kNoValue, scale = kNoValue;
  };
  // dy in FP8. A gradient that was just gathered is cast first and gathered in FP8: half the bytes.
  Gradient8 quantize_gradient(ValueId dy, bool with_transpose);

 private:
  void mark_needed();

  Program& program_;
  const Policy& policy_;
  Builder build_;
  std::vector<bool> needed_;                         // by value id
  std::map<ValueId, const Op*> definition_;          // of forward values
  std::map<ValueId, ValueId> main_grad_;             // weight -> its main gradient
  std::map<ValueId, ValueId> transposed_cast_;       // weight -> its transposed copy
  std::map<ValueId, std::vector<ValueId>> pending_;  // gradients given so far
};

}  // namespace perfbench
