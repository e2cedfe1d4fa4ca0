// How a row is made: the harness knows no simulator and no engine, it is given one of these.
#pragma once

#include <functional>

#include "job/job.h"
#include "rows/row.h"

namespace perfbench {

// The row of one job. What does not fit or cannot be carried out is a row with its status and its reason, never an
// exception; a sweep makes a failed row of an exception and goes on, but for an EnvironmentError. Called for one job at
// a time.
using Runner = std::function<Row(const Job&)>;

}  // namespace perfbench
