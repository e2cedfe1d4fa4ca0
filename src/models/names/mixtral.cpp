// Mixtral: Llama's names but for its experts, whose gate, up and down projections are w1, w3 and w2.
#include <array>

#include "models/names.h"

namespace perfbench {

extern const FamilyNames kMixtralNames;

namespace {

constexpr std::array kRenamed{ModuleName{"mlp.gate", "block_sparse_moe.gate"},
                              ModuleName{"mlp.experts.{e}.gate_proj", "block_sparse_moe.experts.{e}.w1"},
                              ModuleName{"mlp.experts.{e}.up_proj", "block_sparse_moe.experts.{e}.w3"},
                              ModuleName{"mlp.experts.{e}.down_proj", "block_sparse_moe.experts.{e}.w2"}};

}  // namespace

const FamilyNames kMixtralNames{.renamed = kRenamed};

}  // namespace perfbench
