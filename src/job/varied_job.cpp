#include "job/varied_job.h"

#include "job/fill_job.h"
#include "job/job_rules.h"
#include "job/module.h"
#include "job/request_fields.h"

namespace perfbench {
namespace {

template <typename... Values>
void follow_from_others(const Values&...) {}

void take_layout(Request& request, const ParallelLayout& layout, const Stack& stack) {
  const auto& [tp, pp, cp, vp, ep, etp, dp, fsdp, fsdp_size] = layout;
  request.tp = tp;
  request.pp = pp;
  request.cp = cp;
  request.vp = vp;
  request.ep = ep;
  request.etp = etp;
  if (!stack.fsdp_always) request.fsdp = fsdp;
  if (fsdp && fsdp_size != dp * cp) request.fsdp_size = fsdp_size;
}

void take_gate(Request& request, Gate gate) {
  if (gate != Gate::given) request.moe_gate = name(gate);  // choices of a file stay those
}

// What somebody would ask for to get this job. A structured binding: a new value of a Job does not compile until it is
// asked for here, too, or named among those that follow from others.
Request request_of(const Job& job) {
  const auto& [model, system, stack, task, precision, num_gpus, gbs, mbs, lbs, seq_len, layout, num_microbatches,
               num_flushes, ga, chunks, lora, packed, cuda_graphs, gate, dispatcher, expert_capacity, gate_imbalance,
               graph_modules, ep_overlap, recompute_layers, offload_layers, recompute_modules, recompute_ops, origins,
               notes] = job;
  follow_from_others(model, system, task, precision, num_microbatches, ga, chunks, origins, notes);
  Request request;
  request.num_gpus = num_gpus;
  request.gbs = gbs;
  request.mbs = mbs;
  request.seq_len = seq_len;
  const bool several_flushes = stack.ga == GaMeans::flushes_per_step || num_flushes > 1;
  if (several_flushes) request.lbs = lbs;
  take_layout(request, layout, stack);
  if (lora) {
    request.lora_rank = lora->rank;
    request.lora_alpha = static_cast<std::int64_t>(lora->alpha);
    request.lora_targets = lora->targets;
  }
  request.packed = packed;
  if (has_mlp<Moe>(model)) {
    take_gate(request, gate);
    request.moe_dispatcher = name(dispatcher);
    request.moe_capacity = expert_capacity;
    request.gate_imbalance = gate_imbalance;
    request.ep_overlap = ep_overlap;
  }
  request.cuda_graphs = cuda_graphs;
  if (!graph_modules.empty()) request.cuda_graph_modules = words_of(graph_modules, kGraphWords);
  request.offload_layers = offload_layers;
  if (recompute_ops) {
    request.recompute = "selective";
  } else {
    request.recompute_layers = recompute_layers;
    request.recompute_modules = recompute_modules;
  }
  return request;
}

// --recompute stands in place of layers and modules, and they in place of it.
void drop_other_recompute(Request& base, const Request& change) {
  if (change.recompute) {
    base.recompute_layers.reset();
    base.recompute_modules.reset();
  } else if (change.recompute_layers || change.recompute_modules) {
    base.recompute.reset();
  }
}

// So that what was inherited gives way to what is changed.
void name_origins(Request& request, const char* origin) {
  for_each_field([&](std::string_view field, auto member) {
    if (request.*member) request.origins[std::string(field)] = origin;
  });
}

}  // namespace

std::optional<Job> varied_job(const Job& job, const Request& change) {
  Request base = request_of(job), over = change;
  drop_other_recompute(base, change);
  name_origins(base, "the job");
  name_origins(over, "flag");
  const Request request = merge(over, base);
  JobDraft draft{.request = request, .job = {}};
  draft.job.model = job.model;
  draft.job.system = job.system;
  draft.job.stack = job.stack;
  draft.job.task = job.task;
  draft.job.precision = job.precision;
  fill_job(draft);
  if (!broken_rules(draft).empty()) return std::nullopt;
  draft.job.notes = notes_of(draft);
  return std::move(draft.job);
}

}  // namespace perfbench
