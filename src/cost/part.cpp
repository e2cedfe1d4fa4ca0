#include "cost/part.h"

#include "base/error.h"

namespace perfbench {

Part part_of(Group group) {
  switch (group) {
    case Group::tp:
    case Group::kv_copies:
      return Part::tp_exposed;
    case Group::cp:
      return Part::cp_exposed;
    case Group::copies:
    case Group::expert_copies:
    case Group::shard:
    case Group::replicas:
    case Group::ends:
      return Part::dp_exposed;
    case Group::ep:
    case Group::etp:
      return Part::ep_exposed;
    case Group::world:
      break;
  }
  check(false, "part_of: no part of the step's time stands for waits for this group");
  return {};
}

}  // namespace perfbench
