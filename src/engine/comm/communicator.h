// How ranks talk: collectives inside a group, transfers between pipeline stages. One interface, three implementations:
// ranks as threads over shared memory (thread_world.h), NCCL, and a rank alone whose peers are stand-ins. Buffers are
// raw memory, so that neither LibTorch nor CUDA is seen here.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/dtype.h"
#include "program/traffic.h"

namespace perfbench {

enum class Reduction : std::uint8_t { sum, max };

// One rank's end of one group. All members make the same calls in the same order. Every call throws RunError when the
// world is aborted, TimeoutError when a member does not come within the timeout, and RunError when members disagree on
// a call or its size.
class Communicator {
 public:
  virtual ~Communicator() = default;
  virtual int rank() const = 0;  // within the group
  virtual int size() const = 0;

  // `out` holds size() * elements, rank 0's part first.
  virtual void all_gather(const void* in, void* out, std::int64_t elements, DType dtype) = 0;
  // `in` holds size() * elements; `out` is this rank's part of the sum.
  virtual void reduce_scatter(const void* in, void* out, std::int64_t elements, DType dtype) = 0;
  // The same with parts of the ranks' own sizes: `elements` has size() of them, the same on every rank. What is
  // gathered, or scattered, holds all parts, rank 0's first.
  virtual void all_gather_parts(const void* in, void* out, std::span<const std::int64_t> elements, DType dtype) = 0;
  virtual void reduce_scatter_parts(const void* in, void* out, std::span<const std::int64_t> elements, DType dtype) = 0;
  // In place. Sums of floats run in rank order in float32 and are rounded once (threads), or as NCCL does.
  virtual void all_reduce(void* data, std::int64_t elements, DType dtype, Reduction reduction) = 0;

  // `in` goes to the next rank of the group, the last one's to the first; `out` is what the rank before has sent. `in`
  // and `out` do not overlap.
  virtual void ring_shift(const void* in, void* out, std::int64_t elements, DType dtype) = 0;

  // `in` holds send[r] elements for each rank r of the group, `out` gets receive[r] of each, rank 0's first. What a
  // rank sends to another is what that one receives of it. `in` and `out` do not overlap.
  virtual void all_to_all(const void* in, std::span<const std::int64_t> send, void* out,
                          std::span<const std::int64_t> receive, DType dtype) = 0;

  virtual Traffic traffic() const = 0;  // since the start
};

// Transfers of one rank to and from its neighbours in the pipeline. Posted transfers of one lane run in the order in
// which they were posted; lanes run side by side. Messages of one (source, destination, channel) match in order.
class Transfers {
 public:
  struct Ticket {
    std::int64_t id = -1;
  };
  virtual ~Transfers() = default;
  // Both return at once. What is sent may change after the send is done: at once where sends are buffered, else after
  // wait(). What is received is there after wait(). Ranks are those of the whole world.
  virtual Ticket send(int lane, int destination, int channel, const void* data, std::int64_t bytes) = 0;
  virtual Ticket receive(int lane, int source, int channel, void* data, std::int64_t bytes) = 0;
  virtual void wait(Ticket ticket) = 0;
  virtual Traffic traffic() const = 0;  // of sends, since the start
};

// What a world gives to one rank. `stream` is where a device's collectives run (a cudaStream_t; null the default one);
// transfers come behind what it holds when they are posted, and what is issued on it after a wait() comes behind the
// transfer. Ranks on a CPU have none.
class World {
 public:
  virtual ~World() = default;
  virtual int num_ranks() const = 0;
  // Rank `rank`'s end of the group of `members` (ranks of the world, in the order of the group); every member asks with
  // the same members, in the same order of groups.
  virtual std::unique_ptr<Communicator> group_on(int rank, const std::vector<int>& members, void* stream) = 0;
  virtual std::unique_ptr<Transfers> transfers_on(int rank, void* stream) = 0;
  // Returns when `stream` is done. Throws RunError when the device fails and when the world is aborted, TimeoutError
  // after the timeout.
  virtual void synchronize(int rank, void* stream) = 0;
  // Every blocked and every later call of every rank throws RunError with this reason. The first reason stays.
  virtual void abort(const std::string& reason) noexcept = 0;

  std::unique_ptr<Communicator> group(int rank, const std::vector<int>& members) {
    return group_on(rank, members, nullptr);
  }
  std::unique_ptr<Transfers> transfers(int rank) { return transfers_on(rank, nullptr); }
};

}  // namespace perfbench
