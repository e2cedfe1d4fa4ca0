// The one walk over an op's operands.
#pragma once

#include <functional>
#include <vector>

#include "program/op.h"

namespace perfbench {

enum class Use : std::uint8_t { in, out, inout };

struct Operand {
  ValueId id;
  Use use;
  bool reads() const { return use != Use::out; }
  bool writes() const { return use != Use::in; }
};

// The operands that are present, in the order of `fields()`.
std::vector<Operand> collect(const Op& op);

// Each operand that is present becomes what `to` says.
void rename(Op& op, const std::function<ValueId(const Operand&)>& to);

}  // namespace perfbench
