#include "engine/comm/thread_transfers.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/error.h"

namespace perfbench {

TransferBoard::TransferBoard(int num_ranks, Sends sends, AbortSignal& abort, std::chrono::nanoseconds timeout)
    : sends_(sends), abort_(abort), timeout_(timeout), ranks_(static_cast<std::size_t>(num_ranks)) {
  abort_.subscribe([this] {
    { const std::lock_guard lock(mutex_); }
    for (Rank& rank : ranks_) rank.changed.notify_all();
  });
}

void TransferBoard::open(int rank) {
  const std::lock_guard lock(mutex_);
  check(at(rank).state == State::unopened, "transfers: opened twice by one rank");
  at(rank).state = State::open;
}

void TransferBoard::close(int rank) {
  std::unique_lock lock(mutex_);
  Rank& leaving = at(rank);
  leaving.state = State::closed;
  for (const auto& [id, transfer] : leaving.pending) transfer->other_end.reset();
  leaving.pending.clear();
  leaving.lanes.clear();  // what is in no lane never starts
  const std::string problem = deadlock();
  if (problem.empty()) return;
  abort_.set(problem);
  lock.unlock();
  abort_.wake();
}

std::int64_t TransferBoard::post(PostedTransfer transfer) {
  check(transfer.bytes >= 0 && transfer.peer >= 0 && transfer.peer < static_cast<int>(ranks_.size()),
        "transfers: a negative size or no such rank");
  const bool buffered = transfer.send && sends_ == Sends::buffered;
  if (buffered) transfer.copy.assign(transfer.from, transfer.from + transfer.bytes);
  std::unique_lock lock(mutex_);
  abort_.throw_if_raised();
  Rank& rank = at(transfer.rank);
  transfer.id = rank.next_id++;
  const auto posted = std::make_shared<PostedTransfer>(std::move(transfer));
  if (buffered) {
    posted->from = posted->copy.data();
  } else {
    rank.lanes[posted->lane].push_back(posted);
    rank.pending.emplace(posted->id, posted);
  }
  meet(posted, lock);
  return posted->id;
}

// Looks for the other end, and moves the data when it is there and both have started.
void TransferBoard::meet(const Posted& transfer, std::unique_lock<std::mutex>& lock) {
  const auto key = transfer->send ? std::tuple{transfer->rank, transfer->peer, transfer->channel}
                                  : std::tuple{transfer->peer, transfer->rank, transfer->channel};
  Message& message = messages_[key];
  std::deque<Posted>& others = transfer->send ? message.receives : message.sends;
  if (others.empty()) {
    (transfer->send ? message.sends : message.receives).push_back(transfer);
    return;
  }
  const Posted other = others.front();
  others.pop_front();
  if (other->bytes != transfer->bytes) {
    abort_.fail(lock, fmt::format("transfer: {} meets {}", describe(*transfer), describe(*other)));
  }
  transfer->other_end = other;
  other->other_end = transfer;
  const PostedTransfer& receive = transfer->send ? *other : *transfer;
  run_lanes(receive.rank, receive.lane);
}

bool TransferBoard::has_started(const PostedTransfer& transfer) {
  if (transfer.send && sends_ == Sends::buffered) return true;
  const std::deque<Posted>& lane = at(transfer.rank).lanes[transfer.lane];
  return !lane.empty() && lane.front().get() == &transfer;
}

void TransferBoard::run_lanes(int rank, int lane) {
  std::vector<std::pair<int, int>> moved = {{rank, lane}};
  while (!moved.empty()) {
    const auto [on_rank, on_lane] = moved.back();
    moved.pop_back();
    const std::deque<Posted>& queue = at(on_rank).lanes[on_lane];
    while (!queue.empty() && queue.front()->other_end && has_started(*queue.front()->other_end)) {
      const Posted mine = queue.front(), other = mine->other_end;
      const PostedTransfer &send = mine->send ? *mine : *other, &receive = mine->send ? *other : *mine;
      if (send.bytes > 0) std::memcpy(receive.to, send.from, static_cast<std::size_t>(send.bytes));
      complete(*mine);
      complete(*other);
      moved.emplace_back(other->rank, other->lane);
    }
  }
}

void TransferBoard::complete(PostedTransfer& transfer) {
  transfer.done = true;
  transfer.other_end.reset();
  Rank& rank = at(transfer.rank);
  if (rank.pending.erase(transfer.id) > 0) rank.lanes[transfer.lane].pop_front();
  rank.changed.notify_all();
}

void TransferBoard::wait(int rank, std::int64_t id) {
  std::unique_lock lock(mutex_);
  abort_.throw_if_raised();
  Rank& waiting = at(rank);
  check(id >= 0 && id < waiting.next_id, "transfers: no such ticket");
  const auto found = waiting.pending.find(id);
  if (found == waiting.pending.end()) return;
  const Posted transfer = found->second;
  waiting.awaited = transfer;
  if (const std::string problem = deadlock(); !problem.empty()) abort_.fail(lock, problem);
  const auto deadline = std::chrono::steady_clock::now() + timeout_;
  const bool in_time = waiting.changed.wait_until(lock, deadline, [&] { return transfer->done || abort_.raised(); });
  waiting.awaited.reset();
  if (transfer->done) return;
  if (!in_time) {
    const double seconds = std::chrono::duration<double>(timeout_).count();
    abort_.fail(lock, fmt::format("transfer: {} is not done after {:g} s", describe(*transfer), seconds),
                AbortCause::timeout);
  }
  abort_.throw_if_raised();
}

// What all open ranks wait for when none of it can come; empty while a rank can still post something.
std::string TransferBoard::deadlock() {
  std::vector<std::string> waits;
  for (const Rank& rank : ranks_) {
    if (rank.state == State::closed) continue;
    if (!rank.awaited || rank.awaited->done) return "";
    waits.push_back(describe(*rank.awaited));
  }
  if (waits.empty()) return "";
  return fmt::format("transfers wait for each other, nothing can come any more: {}", fmt::join(waits, "; "));
}

std::string TransferBoard::describe(const PostedTransfer& transfer) {
  const auto plain = [](const PostedTransfer& t) {
    return fmt::format("{} of {} bytes {} rank {} (lane {}, channel {})", t.send ? "send" : "receive", t.bytes,
                       t.send ? "to" : "from", t.peer, t.lane, t.channel);
  };
  std::string text = fmt::format("rank {}'s {}", transfer.rank, plain(transfer));
  if (!has_started(transfer)) {
    const std::deque<Posted>& lane = at(transfer.rank).lanes[transfer.lane];
    if (!lane.empty()) text += fmt::format(" behind the {}", plain(*lane.front()));
  }
  return text;
}

ThreadTransfers::ThreadTransfers(std::shared_ptr<void> world, TransferBoard& board, int rank)
    : world_(std::move(world)), board_(board), rank_(rank) {
  board_.open(rank_);
}

Transfers::Ticket ThreadTransfers::send(int lane, int destination, int channel, const void* data, std::int64_t bytes) {
  const std::int64_t id = board_.post({.send = true,
                                       .rank = rank_,
                                       .peer = destination,
                                       .lane = lane,
                                       .channel = channel,
                                       .bytes = bytes,
                                       .from = static_cast<const std::byte*>(data)});
  ++traffic_.calls;
  traffic_.bytes += bytes;
  return {id};
}

Transfers::Ticket ThreadTransfers::receive(int lane, int source, int channel, void* data, std::int64_t bytes) {
  return {board_.post({.rank = rank_,
                       .peer = source,
                       .lane = lane,
                       .channel = channel,
                       .bytes = bytes,
                       .to = static_cast<std::byte*>(data)})};
}

}  // namespace perfbench
