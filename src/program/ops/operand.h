// What an op is made of: operands, each a value or a list of values, and plain fields. An op lists both as named
// pointers to members, operands() and fields(); every walk over an op reads these lists.
#pragma once

#include <cstdint>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <vector>

#include "program/value.h"

namespace perfbench {

struct In {
  ValueId id = kNoValue;  // kNoValue: an optional operand that is absent
};
struct Out {
  ValueId id = kNoValue;
};
struct InOut {  // a state that the op updates
  ValueId id = kNoValue;
};
using InList = std::vector<In>;
using OutList = std::vector<Out>;
using InOutList = std::vector<InOut>;

// What the meaning of an op follows from where no reader names the op itself.
enum class OpClass : std::uint8_t {
  product,     // matrix products: every reader of FLOPs and times names the op
  attention,   // the same, and rings over cp
  bytes,       // no products: as long as its operands' bytes take
  collective,  // moves data between ranks; every reader names the op
  state        // updates states, once per global step; every reader names the op
};

template <class OpType, OpClass... Classes>
concept OfClass = ((OpType::kClass == Classes) || ...);

// Whether a plain field stands in the kernel's signature: where_set is where it is not zero, never for numbers that a
// kernel only multiplies by and for what follows from the layout.
enum class Signs : std::uint8_t { always, where_set, never };

template <class OpType, class Member>
struct Field {
  std::string_view name;
  Member OpType::*member;
  Signs signs = Signs::always;
};
template <class OpType, class Member>
Field(std::string_view, Member OpType::*) -> Field<OpType, Member>;
template <class OpType, class Member>
Field(std::string_view, Member OpType::*, Signs) -> Field<OpType, Member>;

// visit(name, operand) for each operand of an op, In, Out, InOut or a list of them, absent ones included, in order.
template <class OpType, class Visit>
void each_operand(OpType& op, const Visit& visit) {
  std::apply([&](const auto&... field) { (visit(field.name, op.*field.member), ...); },
             std::remove_const_t<OpType>::operands());
}

}  // namespace perfbench
