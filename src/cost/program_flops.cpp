#include "cost/program_flops.h"

#include "cost/op_time.h"

namespace perfbench {

namespace {

double flops(const Job& job, const JobPrograms& programs, bool with_recomputed) {
  double per_microbatch = 0.0;  // of one tp rank of each stage
  for (const int kind : programs.kind_of) {
    const Program& program = programs.kinds[static_cast<std::size_t>(kind)];
    for (const auto* nodes : {&program.forward, &program.backward}) {
      for (const Node& node : *nodes) {
        if (with_recomputed || !node.recomputed) per_microbatch += op_flops(node.op, program);
      }
    }
  }
  return per_microbatch * job.layout.tp * job.layout.cp * job.layout.dp * job.num_microbatches * job.num_flushes;
}

}  // namespace

double program_flops(const Job& job, const JobPrograms& programs) { return flops(job, programs, false); }

double executed_flops(const Job& job, const JobPrograms& programs) { return flops(job, programs, true); }

}  // namespace perfbench
