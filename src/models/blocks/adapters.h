// Low-rank adapters of a job beside the linears of a layer, under the names that peft stores them by.
#pragma once

#include <initializer_list>
#include <string_view>

#include "models/blocks/block.h"

namespace perfbench {

// Columns of a linear's output on one rank, and the module that they are.
struct AdapterPart {
  std::string_view target;  // "q_proj"
  std::int64_t columns = 0;
};

// How a Program names them: literals.
struct AdapterNames {
  const char *a = "", *b = "", *h = "";
};

// The adapters of the job's targets among `parts`; none where no part is a target. `split_over_tp`: the rows of B are
// split over tp as the linear's.
Adapters adapters_of(const LocalShape& shape, const AdapterNames& names, std::initializer_list<AdapterPart> parts,
                     bool split_over_tp);

// Those of the packed q|k|v: one for each of the three that is a target, or one for all together.
Adapters qkv_adapters(const LocalShape& shape);

}  // namespace perfbench
