#include <cstddef>
#include <vector>

#include "program/passes.h"
#include "program/shard/casts.h"
#include "program/shard/gathers.h"
#include "program/shard/gradients.h"
#include "program/shard/units.h"

namespace perfbench {

void shard_parameters(Program& program, const Policy& policy) {
  std::vector<ShardCast> casts;
  if (!policy.fsdp_keep) casts = casts_become_values(program);
  const Units units = find_units(program, policy);
  std::vector<std::size_t> all, again;
  for (std::size_t u = 0; u < units.list.size(); ++u) {
    for (const UnitPart& part : units.list[u].parts) {
      for (ValueId weight : part) program[weight].sharded = true;
    }
    all.push_back(u);
    if (gathered_again(units.list[u], policy)) again.push_back(u);
  }
  cast_in_backward(program, policy, units, casts);
  const WholeWeights forward = gather_units(program, policy, Phase::forward, units, all);
  const WholeWeights backward = gather_units(program, policy, Phase::backward, units, again);
  read_whole(program.forward, forward, {});
  read_whole(program.backward, backward, forward);
  if (policy.fsdp_f32) {
    for (ValueId weight : states(program, StateKind::weight)) program[weight].type.dtype = DType::f32;
  }
  if (policy.fsdp_defer_reduce) {
    reduce_main_grads(program, units);
  } else {
    scatter_grads(program, policy, units);
  }
}

}  // namespace perfbench
