#include <condition_variable>
#include <mutex>

#include "base/error.h"
#include "engine/torch/nccl_world.h"

namespace perfbench {

ShareNcclId share_nccl_ids_in_memory(std::chrono::milliseconds timeout) {
  struct Ids {
    std::mutex mutex;
    std::condition_variable added;
    std::map<std::string, NcclId> by_group;
  };
  return [ids = std::make_shared<Ids>(), timeout](const std::string& group, bool first) {
    if (first) {
      const NcclId id = make_nccl_id();
      const std::lock_guard lock(ids->mutex);
      ids->by_group[group] = id;
      ids->added.notify_all();
      return id;
    }
    std::unique_lock lock(ids->mutex);
    if (!ids->added.wait_for(lock, timeout, [&] { return ids->by_group.contains(group); })) {
      throw TimeoutError("NCCL",
                         group + ": its first rank did not come within " + std::to_string(timeout.count()) + " ms");
    }
    return ids->by_group[group];
  };
}

}  // namespace perfbench
