// A group of ranks that are threads of one process: the gate that all members pass together, and collectives over each
// other's memory.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "engine/comm/abort_signal.h"
#include "engine/comm/communicator.h"

namespace perfbench {

enum class Collective : std::uint8_t { all_gather, reduce_scatter, all_reduce, ring_shift, all_to_all, barrier };

// What one member asks for.
struct CollectiveCall {
  Collective kind = Collective::all_gather;
  DType dtype = DType::f32;
  Reduction reduction = Reduction::sum;
  std::int64_t elements = 0;  // of this rank's part; of an all_to_all all that it sends
  const std::byte* in = nullptr;
  std::byte* out = nullptr;
  // By rank of the group; empty where all parts are equal. What an all_to_all sends to each and receives of each; of a
  // gather or scatter `send` alone, the parts of all.
  std::span<const std::int64_t> send{}, receive{};
};

// "all_reduce(sum) of 1024 x bf16", "all_gather of (3, 5) x bf16"; of a barrier, which moves nothing, "barrier"
std::string text(const CollectiveCall& call);

class ThreadGroup {
 public:
  // `members` are ranks of the world. `abort` outlives the group.
  ThreadGroup(std::vector<int> members, AbortSignal& abort, std::chrono::nanoseconds timeout);

  int size() const { return static_cast<int>(members_.size()); }
  int rank_of(int world_rank) const;  // within the group; -1 when it is no member

  // Publishes the call and returns when all members have published the same one. Throws RunError as Communicator says;
  // the world is aborted then.
  void enter(int rank, const CollectiveCall& call);
  // The call of a member, between enter() and leave().
  const CollectiveCall& call_of(int rank) const { return calls_[static_cast<std::size_t>(rank)]; }
  // Returns when all members are here, so that nobody reads this rank's buffers any more. It waits for those who are
  // still copying even when the world is aborted: that is bounded, and they read memory of this rank.
  void leave();
  // A barrier: returns when all members have come. Throws as enter() does.
  void meet(int rank) { enter(rank, {.kind = Collective::barrier}); }

 private:
  void open_gate();
  bool opens_soon(std::uint64_t passed) const;
  std::string disagreement() const;
  std::string unmet_part() const;
  std::string missing(const CollectiveCall& call) const;
  std::string name() const;

  const std::vector<int> members_;
  AbortSignal& abort_;
  const std::chrono::nanoseconds timeout_;
  std::mutex mutex_;
  std::condition_variable opened_;
  std::atomic<std::uint64_t> passed_{0};  // how often the gate has opened
  int num_waiting_ = 0;
  std::vector<char> here_;  // who has entered, for messages
  std::vector<CollectiveCall> calls_;
};

class ThreadCommunicator final : public Communicator {
 public:
  // `world` keeps what the group stands on alive.
  ThreadCommunicator(std::shared_ptr<void> world, ThreadGroup& group, AbortSignal& abort, int rank)
      : world_(std::move(world)), group_(group), abort_(abort), rank_(rank) {}

  int rank() const override { return rank_; }
  int size() const override { return group_.size(); }
  void all_gather(const void* in, void* out, std::int64_t elements, DType dtype) override;
  void reduce_scatter(const void* in, void* out, std::int64_t elements, DType dtype) override;
  void all_reduce(void* data, std::int64_t elements, DType dtype, Reduction reduction) override;
  void all_gather_parts(const void* in, void* out, std::span<const std::int64_t> elements, DType dtype) override;
  void reduce_scatter_parts(const void* in, void* out, std::span<const std::int64_t> elements, DType dtype) override;
  void ring_shift(const void* in, void* out, std::int64_t elements, DType dtype) override;
  void all_to_all(const void* in, std::span<const std::int64_t> send, void* out, std::span<const std::int64_t> receive,
                  DType dtype) override;
  Traffic traffic() const override { return traffic_; }

 private:
  bool alone(const CollectiveCall& call);
  void check_parts(std::span<const std::int64_t> elements) const;
  void count(std::int64_t bytes);

  std::shared_ptr<void> world_;
  ThreadGroup& group_;
  AbortSignal& abort_;
  int rank_;
  Traffic traffic_;
};

}  // namespace perfbench
