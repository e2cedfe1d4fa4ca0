#include "engine/comm/thread_world.h"

#include <map>
#include <mutex>
#include <set>
#include <utility>

#include "base/error.h"
#include "engine/comm/abort_signal.h"
#include "engine/comm/thread_group.h"

namespace perfbench {

struct ThreadWorld::Shared {
  Shared(int ranks, const ThreadWorldOptions& chosen)
      : num_ranks(ranks), options(chosen), board(ranks, chosen.sends, abort, chosen.timeout) {}

  // A rank that asks for the same members again gets the next group of them.
  ThreadGroup& group(int rank, const std::vector<int>& members) {
    const std::lock_guard lock(mutex);
    auto& same = groups[members];
    const std::size_t nth = asked[{rank, members}]++;
    if (nth == same.size()) same.push_back(std::make_unique<ThreadGroup>(members, abort, options.timeout));
    return *same[nth];
  }

  const int num_ranks;
  const ThreadWorldOptions options;
  AbortSignal abort;  // outlives groups and board
  TransferBoard board;
  std::mutex mutex;
  std::map<std::vector<int>, std::vector<std::unique_ptr<ThreadGroup>>> groups;
  std::map<std::pair<int, std::vector<int>>, std::size_t> asked;
};

ThreadWorld::ThreadWorld(int num_ranks, const ThreadWorldOptions& options) {
  check(num_ranks > 0, "world: needs a rank");
  shared_ = std::make_shared<Shared>(num_ranks, options);
}

int ThreadWorld::num_ranks() const { return shared_->num_ranks; }

std::unique_ptr<Communicator> ThreadWorld::group_on(int rank, const std::vector<int>& members, void*) {
  const std::set<int> distinct(members.begin(), members.end());
  check(distinct.size() == members.size() && distinct.contains(rank) && *distinct.begin() >= 0 &&
            *distinct.rbegin() < num_ranks(),
        "world: the members of a group are distinct ranks of the world, the caller among them");
  ThreadGroup& group = shared_->group(rank, members);
  return std::make_unique<ThreadCommunicator>(shared_, group, shared_->abort, group.rank_of(rank));
}

std::unique_ptr<Transfers> ThreadWorld::transfers_on(int rank, void*) {
  check(rank >= 0 && rank < num_ranks(), "world: no such rank");
  return std::make_unique<ThreadTransfers>(shared_, shared_->board, rank);
}

void ThreadWorld::abort(const std::string& reason) noexcept {
  shared_->abort.set(reason);
  shared_->abort.wake();
}

}  // namespace perfbench
