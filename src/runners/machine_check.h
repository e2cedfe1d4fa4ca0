// Whether this machine's GPUs can run a job's ranks, told before any work. What is wrong is one line: what was found,
// and what to do.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/error.h"
#include "engine/engine.h"
#include "job/catalog.h"
#include "job/request.h"
#include "job/system_spec.h"

namespace perfbench {

// Whether code built for `architecture`, as CMake writes it ("90", "90a", "100f", "80-real", "80-virtual"), runs on a
// GPU of this compute capability. With "a" it runs on that one alone, with "f" on its family, with neither the driver
// compiles it for later ones. Source: CUDA C++ Programming Guide, compute capabilities and feature sets.
bool runs_on(std::string_view architecture, const CudaDevice& device);

// What keeps the engine from running `num_ranks` ranks on this machine's GPUs, the first thing of: the engine or
// LibTorch is missing; CUDA is not there, or its driver is too old; no GPU is visible; fewer GPUs than ranks; GPUs of
// different kinds; kernels not built for them; NCCL is missing.
std::optional<Problem> machine_problem(const EngineReport& report, std::int64_t num_ranks);

// Throws that as an EnvironmentError.
void require_machine(const EngineReport& report, std::int64_t num_ranks);

// Why what these GPUs do is no measurement of a system; nothing where they are that system's.
std::optional<Problem> system_problem(const EngineReport& report, const SystemSpec& system);

// The system of a request that is to be measured on these GPUs: theirs, where it names none. Throws InputError where it
// names another, and where no file describes theirs. There must be a GPU.
void apply_devices(const EngineReport& report, const Catalog& catalog, Request& request);

}  // namespace perfbench
