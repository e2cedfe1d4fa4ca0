// Whether a job's ranks fit into this machine, before anything is allocated.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "sim/memory.h"

namespace perfbench {

// Bytes of one rank of a stage as the plan has them, without what a system reserves.
std::int64_t planned_bytes(const StageMemoryBytes& stage);

// Why the ranks of these stages, so many of each that needs anything, do not fit into `available` bytes, with the
// plan's figures; empty where they do, or where it is not known what is available.
std::string why_it_does_not_fit(const std::vector<StageMemoryBytes>& stages, int stage_ranks,
                                const std::optional<std::int64_t>& available);

// Why a rank of the fullest stage, with 1 GiB for CUDA's context, does not fit into the smallest of the GPUs; empty
// where it does, or where there are no GPUs to ask.
std::string why_it_does_not_fit(const std::vector<StageMemoryBytes>& stages, std::span<const CudaDevice> devices);

}  // namespace perfbench
