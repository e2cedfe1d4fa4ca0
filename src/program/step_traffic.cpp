#include "program/step_traffic.h"

#include "program/pipeline_transfers.h"

namespace perfbench {
namespace {

RankTraffic of_nodes(const std::vector<Node>& nodes, const Program& program, bool first, bool last) {
  RankTraffic total;
  for (const Node& node : nodes) {
    if ((node.when == When::first_microbatch && !first) || (node.when == When::last_microbatch && !last)) continue;
    total += traffic(node.op, program);
  }
  return total;
}

}  // namespace

RankTraffic step_traffic(const Plan& plan, int stage) {
  const PipelineShape& shape = plan.pipeline;
  const std::int64_t last = shape.step_microbatches() - 1;
  const StageSteps steps(shape, stage);
  RankTraffic total;
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const StageStep step = steps[i];
    const Slot& slot = step.slot;
    const Program& program = plan.of(slot.chunk, stage);
    total += of_nodes(slot.backward ? program.backward : program.forward, program, slot.microbatch == 0,
                      slot.microbatch == last);
    if (!step.send) continue;
    const ValueId sent = slot.backward ? program.grad_input : program.output;
    total.pipeline += {.calls = 1, .bytes = program.type(sent).bytes()};
  }
  for (int chunk = 0; chunk < shape.vp; ++chunk) {
    const Program& program = plan.of(chunk, stage);
    total += of_nodes(program.optimizer, program, true, true);
  }
  return total;
}

PerGroup<bool> groups_in_use(const Plan& plan) {
  RankTraffic total;
  for (const Program& program : plan.kinds) {
    for (const auto* nodes : {&program.forward, &program.backward, &program.optimizer}) {
      total += of_nodes(*nodes, program, true, true);
    }
  }
  PerGroup<bool> in_use;
  for (Group group : kGroups) in_use[group] = total.group[group].calls > 0;
  return in_use;
}

}  // namespace perfbench
