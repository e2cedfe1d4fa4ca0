// What makes two kernels the same kernel: the name under which measured times are kept.
#pragma once

#include <string>

#include "program/program.h"

namespace perfbench {

// The op's name, dtype[shape] of each operand in order ("-" where an optional one is absent), and every plain field
// that changes the kernel: "matmul(bf16[8192,4096],bf16[6144,4096],-,-,-,bf16[8192,6144]) transpose_b=1". Numbers that
// a kernel only multiplies by (eps, theta, scales) are left out. Equal on every layout and in every model; a list of
// states is counted by type, in whatever order they come.
std::string signature(const Op& op, const Program& program);

}  // namespace perfbench
