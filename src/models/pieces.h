// Which rows of which Hugging Face tensor a rank has of a weight.
#pragma once

#include <string>

#include "job/linears.h"
#include "program/value.h"

namespace perfbench {

// All rows, on every rank.
Piece whole_rows(std::string tensor, std::int64_t rows);

// Those of a linear's output features that one of `tp` ranks makes.
Piece output_rows(std::string tensor, const LinearSpec& linear, int tp);

}  // namespace perfbench
