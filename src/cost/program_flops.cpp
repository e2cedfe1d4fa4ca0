#include "cost/program_flops.h"

#include "cost/op_time.h"

namespace perfbench {

double program_flops(const Job& job, const JobPrograms& programs) {
  double per_microbatch = 0.0;  // of one tp rank of each stage
  for (const int kind : programs.kind_of) {
    const Program& program = programs.kinds[static_cast<std::size_t>(kind)];
    for (const auto* nodes : {&program.forward, &program.backward})
      for (const Node& node : *nodes) per_microbatch += op_flops(node.op, program);
  }
  return per_microbatch * job.layout.tp * job.layout.cp * job.layout.dp * job.num_microbatches * job.num_flushes;
}

}  // namespace perfbench
