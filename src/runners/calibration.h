// A table of measured kernels that a prediction takes its times from.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "cost/kernel_table.h"
#include "job/job.h"
#include "program/plan.h"
#include "rows/row.h"
#include "sim/simulate.h"

namespace perfbench {

// The table in the file of --calibration; nullptr without one. Throws InputError.
std::shared_ptr<const KernelTable> calibration_of(const std::optional<std::string>& file);

// Times of one system say nothing of another. Throws InputError that names both; `where` is what the message starts
// with.
void require_system(const KernelTable& table, const Job& job, const std::string& where);

// The measured and the modelled part of a simulated step, and a note of how much was measured and where. The likely
// range goes: it is that of modelled kernels.
void set_measured(Row& row, const Job& job, const Plan& plan, const Simulation& simulation, const KernelTable& table);

}  // namespace perfbench
