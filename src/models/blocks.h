// The blocks of a layer: each makes of the normed stream what it adds to it.
#pragma once

#include <span>

#include "job/job.h"
#include "job/linears.h"
#include "models/adapters.h"
#include "models/names.h"
#include "program/builder.h"

namespace perfbench {

// What a block is built with, and for.
struct BlockContext {
  Builder& build;
  const Job& job;
  const FamilyNames& names;
};

// A stream value (T, H) of another, x. Of a part that is not missing().
ValueId build(const Gqa& gqa, ValueId x, const BlockContext& context);
ValueId build(const Dense& mlp, ValueId x, const BlockContext& context);
ValueId build(const Moe& moe, ValueId x, const BlockContext& context);

// How a Program names a linear: literals.
struct LinearNames {
  const char *weight = "", *bias = "";
  AdapterNames adapters{};
};

// One linear of a Program, made of linears of the model that read the same input: their outputs lie side by side.
// `one_tensor`: the family's file has them as parts of one tensor, in this order.
Linear linear_of(const BlockContext& context, const LinearNames& names, std::span<const LinearSpec> parts,
                 bool one_tensor = false);

// Columns of its output on one rank.
std::int64_t local_features(const Linear& linear);

}  // namespace perfbench
