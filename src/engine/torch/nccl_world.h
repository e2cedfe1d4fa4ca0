// A world over NCCL: one rank per GPU. This header needs neither NCCL nor CUDA: a stream is a cudaStream_t as void*,
// null the default stream. nccl_world.cpp or no_nccl_world.cpp implements it.
#pragma once

#include <array>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "engine/comm/communicator.h"

namespace perfbench {

using NcclId = std::array<char, 128>;  // the bytes of an ncclUniqueId

// Called once by each member of each group; `group` is the same text on all members and on no other group. The first
// member makes an id with make_nccl_id(), and all return it.
using ShareNcclId = std::function<NcclId(const std::string& group, bool first)>;

// For ranks that are threads of one process. Throws TimeoutError when the first member does not come in time.
ShareNcclId share_nccl_ids_in_memory(std::chrono::milliseconds timeout);

// A pair of ranks that transfer in this direction on this channel.
struct NcclLink {
  int source = 0, destination = 0, channel = 0;
  // NOLINTNEXTLINE(modernize-use-nullptr): clang-tidy 14 sees a pointer in it
  auto operator<=>(const NcclLink&) const = default;
};

struct NcclWorldOptions {
  int num_ranks = 1;
  std::map<int, int> devices;   // CUDA device of each rank of this process
  std::vector<NcclLink> links;  // all that transfers() will use, the same on all ranks
  ShareNcclId share_id;
  std::chrono::milliseconds timeout{600'000};
  std::chrono::milliseconds open_timeout{600'000};  // while a communicator is made and connected
};

// Collectives are enqueued on the stream that their group was asked for, behind what the caller's current stream holds;
// what the caller issues next there comes behind them. They throw for what is known then, and synchronize() for what
// fails later. An end of a group or of transfers is used by one thread at a time, and the world outlives it.
// Throws EnvironmentError without NCCL, and where two ranks share a GPU.
std::unique_ptr<World> make_nccl_world(const NcclWorldOptions& options);
NcclId make_nccl_id();

}  // namespace perfbench
