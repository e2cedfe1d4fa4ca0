#include "engine/comm/thread_group.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <thread>
#include <utility>

#include "base/error.h"

namespace perfbench {
namespace {

constexpr int kYields = 20;  // looks at the gate before a rank sleeps: a sleep costs more than most waits are long

std::size_t at(int rank) { return static_cast<std::size_t>(rank); }

std::string numbers(std::span<const std::int64_t> list) { return fmt::format("({})", fmt::join(list, ", ")); }

bool agree(const CollectiveCall& a, const CollectiveCall& b) {
  if (a.kind != b.kind || a.dtype != b.dtype || a.reduction != b.reduction) return false;
  if (a.kind == Collective::all_to_all) return true;  // sizes are each pair's own
  return a.send.empty() == b.send.empty() &&
         (a.send.empty() ? a.elements == b.elements : std::ranges::equal(a.send, b.send));
}

}  // namespace

std::string text(const CollectiveCall& call) {
  const std::string elements = call.send.empty() ? std::to_string(call.elements) : numbers(call.send);
  const std::string size = fmt::format(" of {} x {}", elements, name(call.dtype));
  switch (call.kind) {
    case Collective::all_gather:
      return "all_gather" + size;
    case Collective::reduce_scatter:
      return "reduce_scatter" + size;
    case Collective::all_reduce:
      return (call.reduction == Reduction::sum ? "all_reduce(sum)" : "all_reduce(max)") + size;
    case Collective::ring_shift:
      return "ring_shift" + size;
    case Collective::all_to_all:
      return "all_to_all" + size;
    case Collective::barrier:
      return "barrier";
  }
  return "?";
}

ThreadGroup::ThreadGroup(std::vector<int> members, AbortSignal& abort, std::chrono::nanoseconds timeout)
    : members_(std::move(members)),
      abort_(abort),
      timeout_(timeout),
      here_(members_.size(), 0),
      calls_(members_.size()) {
  abort_.subscribe([this] {
    { const std::lock_guard lock(mutex_); }
    opened_.notify_all();
  });
}

int ThreadGroup::rank_of(int world_rank) const {
  const auto found = std::find(members_.begin(), members_.end(), world_rank);
  return found == members_.end() ? -1 : static_cast<int>(found - members_.begin());
}

void ThreadGroup::enter(int rank, const CollectiveCall& call) {
  std::unique_lock lock(mutex_);
  abort_.throw_if_raised();
  calls_[at(rank)] = call;
  here_[at(rank)] = 1;
  if (++num_waiting_ == size()) {
    if (const std::string problem = disagreement(); !problem.empty()) abort_.fail(lock, problem);
    return open_gate();
  }
  const std::uint64_t passed = passed_.load();
  lock.unlock();
  if (opens_soon(passed)) return;
  lock.lock();
  const auto deadline = std::chrono::steady_clock::now() + timeout_;
  const bool in_time = opened_.wait_until(lock, deadline, [&] { return passed_.load() != passed || abort_.raised(); });
  if (passed_.load() != passed) return;  // also when aborted: the others are copying from this rank
  if (!in_time) abort_.fail(lock, missing(call), AbortCause::timeout);
  abort_.throw_if_raised();
}

void ThreadGroup::leave() {
  std::unique_lock lock(mutex_);
  if (++num_waiting_ == size()) return open_gate();
  const std::uint64_t passed = passed_.load();
  lock.unlock();
  if (opens_soon(passed)) return;
  lock.lock();
  opened_.wait(lock, [&] { return passed_.load() != passed; });
}

void ThreadGroup::open_gate() {
  num_waiting_ = 0;
  std::fill(here_.begin(), here_.end(), char{0});
  passed_.fetch_add(1);
  opened_.notify_all();
}

bool ThreadGroup::opens_soon(std::uint64_t passed) const {
  for (int i = 0; i < kYields; ++i) {
    if (passed_.load() != passed) return true;
    std::this_thread::yield();
  }
  return false;
}

std::string ThreadGroup::disagreement() const {
  for (int rank = 1; rank < size(); ++rank) {
    const CollectiveCall &first = calls_[0], &other = calls_[at(rank)];
    if (agree(first, other)) continue;
    return fmt::format("rank {} calls {}, but rank {} calls {}, in {}", members_[0], text(first), members_[at(rank)],
                       text(other), name());
  }
  return calls_[0].kind == Collective::all_to_all ? unmet_part() : "";
}

std::string ThreadGroup::unmet_part() const {
  for (int from = 0; from < size(); ++from) {
    for (int to = 0; to < size(); ++to) {
      const std::int64_t sent = calls_[at(from)].send[at(to)], expected = calls_[at(to)].receive[at(from)];
      if (sent == expected) continue;
      return fmt::format("all_to_all: rank {} sends {} x {} to rank {}, which expects {}, in {}", members_[at(from)],
                         sent, perfbench::name(calls_[0].dtype), members_[at(to)], expected, name());
    }
  }
  return "";
}

std::string ThreadGroup::missing(const CollectiveCall& call) const {
  std::vector<int> absent;
  for (int rank = 0; rank < size(); ++rank) {
    if (here_[at(rank)] == 0) absent.push_back(members_[at(rank)]);
  }
  return fmt::format("{}: rank{} {} did not come within {:g} s, in {}", text(call), absent.size() == 1 ? "" : "s",
                     fmt::join(absent, ", "), std::chrono::duration<double>(timeout_).count(), name());
}

std::string ThreadGroup::name() const { return fmt::format("the group of ranks {}", fmt::join(members_, ", ")); }

}  // namespace perfbench
