// The one walk over an op's operands.
#pragma once

#include <functional>
#include <string_view>
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

// The operands that are present, in the order of the op's operands().
std::vector<Operand> collect(const Op& op);

// What the op calls the first operand that is this value: "residual"; "" where none is.
std::string_view operand_name(const Op& op, ValueId id);

// Ids of its results in the order of infer(), kNoValue for those that are absent.
std::vector<ValueId> results(const Op& op);

// Whether an operand of it is a list: of states, or of the weights of a unit.
bool takes_list(const Op& op);

// Each operand that is present becomes what `to` says.
void rename(Op& op, const std::function<ValueId(const Operand&)>& to);

}  // namespace perfbench
