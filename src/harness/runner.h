// How a row is made: the harness knows no simulator and no engine, it is given one of these.
#pragma once

#include <functional>

#include "rows/row.h"
#include "spec/job.h"

namespace perfbench {

// The row of one job. What does not fit or cannot be carried out is a row with its status and its reason, never an
// exception; an exception ends the whole sweep (a data file that cannot be read, say). Called for one job at a time.
using Runner = std::function<Row(const Job&)>;

}  // namespace perfbench
