// A world whose ranks are threads of this process. Sums are the same bit for bit from run to run.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "engine/comm/communicator.h"
#include "engine/comm/thread_transfers.h"

namespace perfbench {

struct ThreadWorldOptions {
  std::chrono::milliseconds timeout{60'000};  // how long a member of a group, or a transfer, is waited for
  Sends sends = Sends::buffered;
};

// Each rank is one thread: what group() and transfers() return belongs to the thread that asked, and may outlive the
// world. A rank says that it is done with its transfers by destroying them; it opens them once. Traffic of a group of
// one is not counted: nothing moves. In-place calls are allowed as in NCCL: all_gather from its own part of `out`,
// reduce_scatter into its own part of `in`.
class ThreadWorld final : public World {
 public:
  explicit ThreadWorld(int num_ranks, const ThreadWorldOptions& options = {});

  int num_ranks() const override;
  std::unique_ptr<Communicator> group_on(int rank, const std::vector<int>& members, void* stream) override;
  std::unique_ptr<Transfers> transfers_on(int rank, void* stream) override;
  void synchronize(int, void*) override {}  // every call has returned when it is done
  void abort(const std::string& reason) noexcept override;

 private:
  struct Shared;
  std::shared_ptr<Shared> shared_;
};

}  // namespace perfbench
