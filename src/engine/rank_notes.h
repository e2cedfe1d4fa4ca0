// What each rank of a session is doing: noted by the rank itself, read by whoever waits for it.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "program/plan.h"

namespace perfbench {

enum class RankTask : std::uint8_t {
  idle,       // nothing: what it was asked for is done, or has failed
  called,     // it has been asked for something and has not begun
  connect,    // its groups and transfers are made
  load,       // it takes its parts of the weights
  data,       // its tokens go to the device
  start,      // it waits for the other ranks
  receive,    // of its neighbour
  forward,    // an op
  backward,   // an op
  send,       // what it sent last must be gone
  optimizer,  // an op
  device      // all is issued: it waits for the device
};

// 8 bytes, so that it is read and written whole.
struct RankNote {
  RankTask task = RankTask::idle;
  std::uint8_t chunk = 0;
  std::uint16_t microbatch = 0;
  std::uint32_t node = 0;  // of an op its index in the phase; else what counts up
  bool operator==(const RankNote&) const = default;
};

// Numbers that are too large for their place are cut: they are for people.
RankNote rank_note(RankTask task, int chunk = 0, int microbatch = 0, std::size_t node = 0);

class RankNotes {
 public:
  explicit RankNotes(int num_ranks) : lines_(static_cast<std::size_t>(num_ranks)) {}

  // A rank writes often and in no order with anything else: std::memory_order_relaxed.
  std::atomic<RankNote>& of(int rank) { return lines_[static_cast<std::size_t>(rank)].note; }
  std::vector<RankNote> read() const;  // of all ranks

 private:
  struct alignas(64) Line {  // ranks do not share a cache line
    std::atomic<RankNote> note{};
  };
  static_assert(std::atomic<RankNote>::is_always_lock_free);
  std::vector<Line> lines_;
};

// "rank 3 (stage 1): all_reduce, backward of chunk 0, microbatch 5"
std::string describe(int rank, const RankNote& note, const Plan& plan);

}  // namespace perfbench
