#include "sim/memory.h"

#include <algorithm>

#include "program/liveness.h"
#include "program/policy.h"
#include "sim/simulate.h"

namespace perfbench {
namespace {

// What does not change during a step.
void add_states(StageMemoryBytes& memory, const Program& program, const Policy& policy) {
  const auto bytes = [&](StateKind kind) { return static_cast<double>(state_bytes(program, kind)); };
  memory.parameters += bytes(StateKind::weight) + bytes(StateKind::cast) + bytes(StateKind::cast_transposed);
  memory.gradients += bytes(StateKind::main_grad);
  const int shards = policy.distributed_optimizer ? program.axis_size[Axis::dp] : 1;
  for (ValueId grad : states(program, StateKind::main_grad)) {
    const auto elements = static_cast<double>(program.type(grad).shape.elements());
    memory.optimizer += elements * static_cast<double>(policy.optimizer_bytes) / shards;
  }
}

}  // namespace

std::vector<StageMemoryBytes> replay_memory(const Job& job, const JobPrograms& programs) {
  const Policy policy = policy_of(job);
  const int pp = job.layout.pp;
  std::vector<Liveness> lives;
  for (const Program& program : programs.kinds) lives.push_back(liveness(program));

  std::vector<StageMemoryBytes> stages;
  for (int stage = 0; stage < pp; ++stage) {
    StageMemoryBytes memory{.reserved = job.stack.constants.reserved_bytes};
    for (int chunk = 0; chunk < job.layout.vp; ++chunk) add_states(memory, programs.of(chunk, stage, pp), policy);
    double held = 0.0, peak = 0.0;
    for (const Slot& slot : schedule(pipeline_shape(job), stage)) {
      const Liveness& live = lives[static_cast<std::size_t>(programs.kind(slot.chunk, stage, pp))];
      const auto saved = static_cast<double>(live.saved_bytes);
      if (slot.backward) held -= saved;
      const auto inside = static_cast<double>(slot.backward ? live.backward_peak_bytes : live.forward_peak_bytes);
      if (held + inside > peak) {
        peak = held + inside;
        memory.activations = held + (slot.backward ? saved : 0.0);
        memory.workspace = peak - memory.activations;
      }
      if (!slot.backward) held += saved;
    }
    stages.push_back(memory);
  }
  return stages;
}

}  // namespace perfbench
