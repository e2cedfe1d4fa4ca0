// FLOPs of a global step by the ops of a job's Programs.
#pragma once

#include "cost/op_time.h"
#include "program/job_programs.h"

namespace perfbench {

enum class Recomputed { left_out, counted };

// Matrix products and attention of all ranks, all microbatches and pipeline flushes: op_flops() summed. The causal half
// of attention and a vocabulary padded to the ranks' equal shares are done, and so counted.
inline double program_flops(const Job& job, const JobPrograms& programs, Recomputed recomputed = Recomputed::left_out) {
  double per_microbatch = 0.0;  // of one tp rank of each stage
  for (const int kind : programs.kind_of) {
    const Program& program = programs.kinds[static_cast<std::size_t>(kind)];
    for (const auto* nodes : {&program.forward, &program.backward})
      for (const Node& node : *nodes)
        if (recomputed == Recomputed::counted || !node.recomputed) per_microbatch += op_flops(node.op, program);
  }
  return per_microbatch * job.layout.tp * job.layout.cp * job.layout.dp * job.num_microbatches * job.num_flushes;
}

}  // namespace perfbench
