#include "sim/memory.h"

#include <algorithm>

#include "program/buckets.h"
#include "program/liveness.h"
#include "sim/simulate.h"

namespace perfbench {
namespace {

// What does not change during a step.
void add_states(StageMemoryBytes& memory, const Program& program, const Policy& policy) {
  const auto bytes = [&](StateKind kind) { return static_cast<double>(state_bytes(program, kind)); };
  for (StateKind kind :
       {StateKind::weight, StateKind::gathered, StateKind::cast, StateKind::cast_transposed, StateKind::cast_scale}) {
    memory.parameters += bytes(kind);
  }
  memory.gradients += bytes(StateKind::main_grad);
  std::int64_t shared = 0;  // elements whose optimizer states this rank holds
  for (const Bucket& bucket : buckets(program)) shared += bucket.main_grads.empty() ? 0 : bucket.shard;
  if (program.mesh.copies(View::dense) == 1 || !policy.distributed_optimizer) {
    shared = 0;
    for (ValueId grad : states(program, StateKind::main_grad)) shared += program.type(grad).shape.elements();
  }
  memory.optimizer += static_cast<double>(shared * policy.optimizer_bytes);
}

// Bytes that the slot needs from another stage; 0 where its input is made here.
double received_bytes(const Slot& slot, int stage, const Plan& plan) {
  if (plan.pipeline.pp == 1) return 0.0;
  const Program& program = plan.of(slot.chunk, stage);
  const ValueId id = slot.backward ? program.grad_output : program.input;
  return id == kNoValue ? 0.0 : static_cast<double>(program.type(id).bytes());
}

}  // namespace

std::vector<StageMemoryBytes> replay_memory(const Plan& plan) {
  std::vector<Liveness> lives;
  for (const Program& program : plan.kinds) lives.push_back(liveness(program));

  const PipelineShape shape = shortest_alike(plan.pipeline);
  std::vector<StageMemoryBytes> stages;
  for (int stage = 0; stage < shape.pp; ++stage) {
    StageMemoryBytes memory{.reserved = plan.reserved_bytes};
    for (int chunk = 0; chunk < shape.vp; ++chunk) add_states(memory, plan.of(chunk, stage), plan.policy);
    double held = 0.0, peak = 0.0;
    const Schedule slots(shape, stage);
    for (std::size_t i = 0; i < slots.size(); ++i) {
      const Slot slot = slots[i];
      // Receives are posted one slot ahead.
      const double posted = i + 1 < slots.size() ? received_bytes(slots[i + 1], stage, plan) : 0.0;
      const Liveness& live = lives[static_cast<std::size_t>(plan.kind(slot.chunk, stage))];
      const auto saved = static_cast<double>(live.saved_bytes);
      if (slot.backward) held -= saved;
      const auto inside =
          posted + static_cast<double>(slot.backward ? live.backward_peak_bytes : live.forward_peak_bytes);
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
