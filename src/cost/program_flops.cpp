#include "cost/program_flops.h"

#include "cost/op_time.h"

namespace perfbench {

namespace {

double flops(const Plan& plan, bool with_recomputed) {
  double per_microbatch = 0.0;  // of one tp rank of each stage
  for (const PlannedChunk& chunk : plan.chunks) {
    const Program& program = plan.kinds[static_cast<std::size_t>(chunk.kind)];
    for (const auto* nodes : {&program.forward, &program.backward}) {
      for (const Node& node : *nodes) {
        if (with_recomputed || !node.recomputed) per_microbatch += op_flops(node.op, program);
      }
    }
  }
  return per_microbatch * plan.mesh.stage_ranks() * static_cast<double>(plan.pipeline.step_microbatches());
}

}  // namespace

double program_flops(const Plan& plan) { return flops(plan, false); }

double executed_flops(const Plan& plan) { return flops(plan, true); }

}  // namespace perfbench
