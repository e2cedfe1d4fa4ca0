// Choices of experts that no router makes.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "program/program.h"

namespace perfbench {

// What the Programs of a rank ask of them.
struct GateShape {
  std::int64_t experts = 1, top_k = 1;
  std::int64_t rows = 1;  // of one microbatch that the rank sends to experts: under sequence parallelism its own ones
};

// Of the first Program that reads choices; nothing where none does.
std::optional<GateShape> gate_shape(const std::vector<const Program*>& programs);

// (rows of the microbatch, k) int64 on the host: choice j of the rank's row i is expert (i k + j) mod E. Rows of
// several tp ranks lie one after the other, and each counts its own.
at::Tensor balanced_choices(const GateShape& gate, std::int64_t rows);

}  // namespace perfbench
