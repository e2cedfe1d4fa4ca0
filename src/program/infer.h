// Shapes, dtypes and placements: one rule per op. The builder makes values by it, verify checks values against it, so a
// missing or doubled reduction is found when a Program is built and not in a loss that looks right.
#pragma once

#include <stdexcept>
#include <string>
#include <vector>

#include "program/program.h"

namespace perfbench {

// A Program that cannot be right; the sentence names the op, the values and their types. A programmer's mistake.
class ProgramError : public std::logic_error {
 public:
  using std::logic_error::logic_error;
};

// "layer 3 qkv bf16[32,64]{tp:1}", for messages.
std::string label(const Program& program, ValueId id);

// The types of the op's Out operands in the order of its operands(), absent ones included. Reads only the types of its
// inputs. Throws ProgramError when the inputs do not fit.
std::vector<ValueType> infer(const Op& op, const Program& program);

}  // namespace perfbench
