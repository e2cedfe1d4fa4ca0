// What the rules of infer/ share: the types of an op's inputs, and the checks that more than one group of ops makes.
#pragma once

#include <string_view>
#include <vector>

#include "program/op.h"
#include "program/program.h"

namespace perfbench {

using Types = std::vector<ValueType>;
using Placements = PerAxis<Placement>;

// Of one op. Every check throws ProgramError with the op's name where it does not hold.
class InferContext {
 public:
  InferContext(const Program& program, std::string_view op) : program_(program), op_(op) {}

  const Program& program() const { return program_; }
  const ValueType& type(In operand) const { return program_.type(operand.id); }
  const ValueType& type(InOut operand) const { return program_.type(operand.id); }

  [[noreturn]] void fail(std::string_view rule) const;
  [[noreturn]] void fail(Axis axis, std::string_view rule) const;

  // An axis of one rank holds everything: whatever the rule says, the value is whole.
  template <class Rule>
  Placements per_axis(const Rule& rule) const {
    Placements placements;
    for (Axis axis : kAxes) placements[axis] = program_.mesh.size[axis] == 1 ? kReplicated : rule(axis);
    return placements;
  }

  void no_partial(const ValueType& x) const;
  void rowwise(const ValueType& x) const;  // whole rows, no partial sums
  void same(const ValueType& a, const ValueType& b) const;
  void packed(const ValueType& qkv, const Heads& heads) const;  // as wide as the heads
  // One number for each row of `rows`, known to every rank that holds a part of that row.
  void per_token(const ValueType& rows, const ValueType& numbers) const;
  // One number per column, lying as the columns do, added to whole sums.
  void bias(const ValueType& x, const ValueType& b) const;
  // Of rows that differ in number between ranks, counts must say how many there are.
  void counted(const ValueType& rows, In counts) const;
  // `dw` may be added to the state, and that is a main gradient.
  void grad_fits(const ValueType& dw, InOut main_grad) const;
  // A list of states of one kind, and not empty. Nothing is made of them.
  Types bucket(const InOutList& list, StateKind kind) const;

  // out(i, j) = sum over k of a(i, k) b(j, k): where the result lies, given which dims of a and b are the outer ones.
  Placement product(Axis axis, const ValueType& a, int a_outer, const ValueType& b, int b_outer) const;

 private:
  const Program& program_;
  std::string_view op_;
};

// (M, N) as (N, M); of several matrices each.
ValueType transposed(ValueType type);

}  // namespace perfbench
