// Transfers between ranks that are threads of one process. The board holds what all ranks have posted; whoever posts
// the second end of a transfer moves the data.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <tuple>
#include <vector>

#include "engine/comm/abort_signal.h"
#include "engine/comm/communicator.h"

namespace perfbench {

// How sends behave. buffered: a send copies the data and is done. rendezvous, as NCCL may behave: a transfer starts
// when it is at the head of its lane on its own rank, and both ends are done when both have started.
enum class Sends : std::uint8_t { buffered, rendezvous };

// One end of one transfer.
struct PostedTransfer {
  bool send = false;
  int rank = 0, peer = 0, lane = 0, channel = 0;
  std::int64_t id = 0, bytes = 0;
  const std::byte* from = nullptr;                      // of a send
  std::byte* to = nullptr;                              // of a receive
  std::vector<std::byte> copy = {};                     // what a buffered send holds
  std::shared_ptr<PostedTransfer> other_end = nullptr;  // until both are done
  bool done = false;
};

class TransferBoard {
 public:
  // `abort` outlives the board.
  TransferBoard(int num_ranks, Sends sends, AbortSignal& abort, std::chrono::nanoseconds timeout);

  void open(int rank);
  // The rank takes part no more: what it has posted and is not done never will be.
  void close(int rank);
  // Posts one end and returns its id. Throws RunError when both ends disagree on the size.
  std::int64_t post(PostedTransfer transfer);
  // Throws RunError after the timeout, when the world is aborted, and as soon as all ranks that are still open wait
  // here and nothing can come any more.
  void wait(int rank, std::int64_t id);

 private:
  using Posted = std::shared_ptr<PostedTransfer>;
  enum class State : std::uint8_t { unopened, open, closed };
  struct Rank {
    State state = State::unopened;
    std::map<int, std::deque<Posted>> lanes;  // posted and not done, in order
    std::map<std::int64_t, Posted> pending;   // posted and not done, by id
    std::int64_t next_id = 0;
    Posted awaited;
    std::condition_variable changed;
  };
  struct Message {  // ends in the order of posting that have no other end yet
    std::deque<Posted> sends, receives;
  };

  Rank& at(int rank) { return ranks_[static_cast<std::size_t>(rank)]; }
  bool has_started(const PostedTransfer& transfer);
  void meet(const Posted& transfer, std::unique_lock<std::mutex>& lock);
  void run_lanes(int rank, int lane);
  void complete(PostedTransfer& transfer);
  std::string deadlock();
  std::string describe(const PostedTransfer& transfer);

  const Sends sends_;
  AbortSignal& abort_;
  const std::chrono::nanoseconds timeout_;
  std::mutex mutex_;
  std::vector<Rank> ranks_;
  std::map<std::tuple<int, int, int>, Message> messages_;  // by source, destination, channel
};

class ThreadTransfers final : public Transfers {
 public:
  // `world` keeps the board alive.
  ThreadTransfers(std::shared_ptr<void> world, TransferBoard& board, int rank);
  ~ThreadTransfers() override { board_.close(rank_); }
  ThreadTransfers(const ThreadTransfers&) = delete;
  ThreadTransfers& operator=(const ThreadTransfers&) = delete;

  Ticket send(int lane, int destination, int channel, const void* data, std::int64_t bytes) override;
  Ticket receive(int lane, int source, int channel, void* data, std::int64_t bytes) override;
  void wait(Ticket ticket) override { board_.wait(rank_, ticket.id); }
  Traffic traffic() const override { return traffic_; }

 private:
  std::shared_ptr<void> world_;
  TransferBoard& board_;
  int rank_;
  Traffic traffic_;
};

}  // namespace perfbench
