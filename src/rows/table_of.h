// Rows as a table for people.
#pragma once

#include <span>

#include "base/table.h"
#include "rows/metrics.h"

namespace perfbench {

// A column for each metric whose use is `least` or wider.
TextTable table_of(std::span<const Row> rows, TableUse least);

}  // namespace perfbench
