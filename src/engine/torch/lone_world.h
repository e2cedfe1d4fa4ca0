// The world of a rank that runs alone: its peers, where the job has any, are stand-ins. What would be gathered holds
// the rank's own part in every place, what would be summed stays the rank's own, and what would be received are small
// random numbers: buffers of the right shape, with numbers that kernels take as long for as for real ones.
#pragma once

#include <ATen/core/Tensor.h>

#include <memory>

#include "engine/comm/communicator.h"

namespace perfbench {

// Collectives are copies on `device`, on the calling thread's current stream. Nothing is counted as moved.
std::unique_ptr<World> make_lone_world(int num_ranks, at::Device device);

// The end of one group. A group of one rank is exact: it needs neither peers nor a library to reach them.
std::unique_ptr<Communicator> make_lone_communicator(int rank, int size, at::Device device);

}  // namespace perfbench
