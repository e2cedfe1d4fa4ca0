// Experts that a file chooses in place of the model's router.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "job/layer.h"

namespace perfbench {

struct GivenGate {
  std::vector<std::int64_t> choices;  // (tokens, k): experts of each token, sample by sample
  std::vector<float> weights;         // (tokens, k): what each of them counts
};

// Reads the tensors `choices` (I64) and `gate_weights` (F32), both (tokens, k), of a safetensors file. Throws
// InputError with every fault: a tensor that is missing, of another dtype or shape, an expert that the model has not, a
// weight that is no finite number.
GivenGate read_gate(const std::filesystem::path& file, std::int64_t tokens, const Moe& moe);

}  // namespace perfbench
