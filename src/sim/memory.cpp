#include "sim/memory.h"

#include <algorithm>
#include <set>
#include <utility>

#include "program/buckets.h"
#include "program/liveness.h"
#include "program/step_traffic.h"
#include "sim/simulate.h"

namespace perfbench {
namespace {

// Elements whose optimizer states this rank holds: shares of what is in a bucket, all of what no other rank has.
std::int64_t optimizer_elements(const Program& program, const Policy& policy) {
  std::int64_t held = 0;
  std::set<ValueId> shared;
  if (policy.distributed_optimizer) {
    for (const Bucket& bucket : buckets(program)) {
      held += bucket.main_grads.empty() ? 0 : bucket.shard;
      for (InOut grad : bucket.main_grads) shared.insert(grad.id);
    }
  }
  for (ValueId grad : states(program, StateKind::main_grad)) {
    if (!shared.contains(grad)) held += program.type(grad).shape.elements();
  }
  return held;
}

// What does not change during a step.
void add_states(StageMemoryBytes& memory, const Program& program, const Policy& policy) {
  const auto bytes = [&](StateKind kind) { return static_cast<double>(state_bytes(program, kind)); };
  for (StateKind kind :
       {StateKind::weight, StateKind::gathered, StateKind::cast, StateKind::cast_transposed, StateKind::cast_scale}) {
    memory.parameters += bytes(kind);
  }
  memory.gradients += bytes(StateKind::main_grad);
  memory.optimizer += static_cast<double>(optimizer_elements(program, policy) * policy.optimizer_bytes);
}

// One buffer of each shape of weights whose gradients are added in place, in the dtype of the weights. Transformer
// Engine hands it to autograd where a gradient is looked for, and never frees it (get_dummy_wgrad).
double dummy_weight_grad_bytes(const Plan& plan, int stage) {
  if (!plan.policy.dummy_weight_grads) return 0.0;
  std::set<std::pair<std::int64_t, std::int64_t>> shapes;
  for (int chunk = 0; chunk < plan.pipeline.vp; ++chunk) {
    const Program& program = plan.of(chunk, stage);
    for (const Node& node : program.backward) {
      if (const auto* op = std::get_if<WeightGradAccumulate>(&node.op)) {
        const Shape& shape = program.type(op->main_grad.id).shape;
        shapes.emplace(shape[0], shape[1]);
      } else if (const auto* grouped = std::get_if<GroupedWeightGradAccumulate>(&node.op)) {  // one expert's
        const Shape& shape = program.type(grouped->main_grad.id).shape;
        shapes.emplace(shape[1], shape[2]);
      }
    }
  }
  std::int64_t elements = 0;
  for (const auto& [rows, columns] : shapes) elements += rows * columns;
  return static_cast<double>(elements * size_bytes(plan.policy.dtype));
}

// Communicators of a rank: of every group over which its Program moves something, and of its pipeline.
int communicators(const Plan& plan) {
  int count = plan.pipeline.pp > 1 ? 1 : 0;
  for (const bool in_use : groups_in_use(plan).of) count += in_use ? 1 : 0;
  return count;
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
  const double communicator_bytes = communicators(plan) * plan.reserved.communicator_bytes;
  std::vector<StageMemoryBytes> stages;
  for (int stage = 0; stage < shape.pp; ++stage) {
    StageMemoryBytes memory{.gradients = dummy_weight_grad_bytes(plan, stage),
                            .context = plan.reserved.context_bytes,
                            .communicators = communicator_bytes};
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
    memory.fragmentation = plan.reserved.fragmentation * (memory.activations + memory.workspace);
    stages.push_back(memory);
  }
  return stages;
}

}  // namespace perfbench
