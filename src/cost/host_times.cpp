#include "cost/host_times.h"

namespace perfbench {

HostTimes host_times(const Job& job) {
  if (!has_mlp<Moe>(job.model)) return {};
  const StackConstants& c = job.stack.constants;
  HostTimes times{.attention_s = c.host_attention_s,
                  .moe_s = c.host_moe_s,
                  .expert_s = is_scaled(job.precision) ? c.host_expert_fp8_s : c.host_expert_bf16_s};
  double all = job.system.host == "grace" ? c.host_grace : 1.0;
  if (job.ep_overlap) all *= c.host_overlap;
  if (job.cuda_graphs && job.graph_modules.empty()) {  // whole layers
    all *= c.host_graphs;
    times.waits_for_counts = false;
  }
  if (job.graph_modules.contains(Module::attn)) {
    times.attention_s *= c.host_graphs;
    times.attention_gap = c.graphs_gap_factor;
  }
  if (job.graph_modules.contains(Module::moe_router)) times.moe_s *= c.host_graphs_router;
  if (job.graph_modules.contains(Module::moe)) {
    times.moe_s *= c.host_graphs;
    times.expert_s *= c.host_graphs;
    times.waits_for_counts = false;
  }
  times.attention_s *= all;
  times.moe_s *= all;
  times.expert_s *= all;
  return times;
}

}  // namespace perfbench
