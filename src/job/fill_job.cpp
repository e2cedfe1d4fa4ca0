#include "job/fill_job.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <type_traits>
#include <utility>

#include "base/text.h"
#include "job/lora_targets.h"
#include "job/module.h"
#include "job/request_fields.h"

namespace perfbench {

namespace {

// "rule: off unless given"; "rule: off, since row ... is of stack ..." where the base row's value was not taken.
std::string rule_of(const JobDraft& draft, const char* field, const std::string& rule) {
  const auto why = draft.request.left_out.find(field);
  if (why == draft.request.left_out.end()) return "rule: " + rule;
  return fmt::format("rule: {}, since {}", rule.substr(0, rule.find(" unless given")), why->second);
}

// The given number with its origin, else `fallback` by `rule`.
std::int64_t take(JobDraft& draft, const char* field, const std::optional<std::int64_t>& given, std::int64_t fallback,
                  const std::string& rule) {
  const bool unset = !given || (*given == 0 && limits_of(field).zero_is_unset);
  draft.job.origins[field] = unset ? rule_of(draft, field, rule) : origin_of(draft.request, field);
  return unset ? fallback : *given;
}

int take_int(JobDraft& draft, const char* field, const std::optional<std::int64_t>& given, int fallback,
             const std::string& rule) {
  return static_cast<int>(take(draft, field, given, fallback, rule));
}

bool take_switch(JobDraft& draft, const char* field, const std::optional<bool>& given) {
  draft.job.origins[field] = given ? origin_of(draft.request, field) : rule_of(draft, field, "off unless given");
  return given.value_or(false);
}

// A row's fsdp that no longer goes with the pp of a flag.
void drop_inherited_fsdp(JobDraft& draft) {
  Job& job = draft.job;
  const Request& asked = draft.request;
  const bool inherited = job.layout.fsdp && !from_flag(asked, "fsdp") && from_flag(asked, "pp");
  if (!inherited || job.layout.pp == 1 || job.stack.fsdp_with_pp) return;
  job.layout.fsdp = false;
  job.origins["fsdp"] = fmt::format("rule: off, since stack {} has no fsdp of {} at pp {}", job.stack.name,
                                    origin_of(asked, "fsdp"), job.layout.pp);
}

// How many ranks share a copy of the parameters. A row's number that no longer goes with the flags' layout is all
// again.
void fill_sharing(JobDraft& draft) {
  Job& job = draft.job;
  const Request& asked = draft.request;
  const int copies = job.layout.dp * job.layout.cp;
  if (!job.layout.fsdp || copies == 0) return;
  job.layout.fsdp_size = take_int(draft, "fsdp_size", asked.fsdp_size, copies, "fsdp_size = dp x cp unless given");
  bool overridden = false;
  for (const char* field : {"num_gpus", "tp", "pp", "cp"}) overridden = overridden || from_flag(asked, field);
  if (copies % job.layout.fsdp_size == 0 || from_flag(asked, "fsdp_size") || !overridden) return;
  job.origins["fsdp_size"] = fmt::format("rule: fsdp_size = dp x cp, since {} of {} does not divide {}",
                                         job.layout.fsdp_size, origin_of(asked, "fsdp_size"), copies);
  job.layout.fsdp_size = copies;
}

// Experts' tp of a job that names none: the stack's or, where the ranks of a stage or the experts' width do not divide
// by it, the largest below that they divide by.
int default_etp(JobDraft& draft, const Moe& moe) {
  Job& job = draft.job;
  const ParallelLayout& layout = job.layout;
  const std::int64_t ranks = std::int64_t{layout.tp} * layout.cp * layout.dp;
  const auto fits = [&](int etp) { return ranks % (std::int64_t{layout.ep} * etp) == 0 && moe.ffn % etp == 0; };
  const bool as_tp = job.stack.default_etp == 0;
  const int wanted = as_tp ? layout.tp : job.stack.default_etp;
  int etp = wanted;
  while (etp > 1 && !fits(etp)) --etp;
  if (etp == wanted || ranks == 0 || !fits(etp)) {  // what no etp mends, the rules say
    job.origins["etp"] =
        fmt::format("rule: etp = {}, as stack {} has it", as_tp ? "tp" : std::to_string(wanted), job.stack.name);
    return wanted;
  }
  job.origins["etp"] = fmt::format(
      "rule: etp = {}, since etp {} of stack {} does not fit: ep {} x etp {} has to divide tp {} x cp {} x dp {} = {}, "
      "and etp the expert width {}",
      etp, wanted, job.stack.name, layout.ep, wanted, layout.tp, layout.cp, layout.dp, ranks, moe.ffn);
  return etp;
}

void fill_expert_tp(JobDraft& draft) {
  Job& job = draft.job;
  const Moe* moe = find_mlp<Moe>(job.model);
  if (moe == nullptr || draft.request.etp) {
    job.layout.etp = take_int(draft, "etp", draft.request.etp, 1, "etp = 1: the model has no experts");
  } else {
    job.layout.etp = default_etp(draft, *moe);
  }
}

void fill_layout(JobDraft& draft) {
  const Request& asked = draft.request;
  Job& job = draft.job;
  ParallelLayout& layout = job.layout;
  layout.tp = take_int(draft, "tp", asked.tp, 1, "tp = 1 unless given");
  layout.pp = take_int(draft, "pp", asked.pp, 1, "pp = 1 unless given");
  layout.cp = take_int(draft, "cp", asked.cp, 1, "cp = 1 unless given");
  layout.vp = take_int(draft, "vp", asked.vp, 1, "vp = 1 unless given");
  layout.ep = take_int(draft, "ep", asked.ep, 1, "ep = 1 unless given");
  const std::int64_t one_replica = std::int64_t{layout.tp} * layout.pp * layout.cp;
  layout.dp = job.num_gpus % one_replica == 0 ? static_cast<int>(job.num_gpus / one_replica) : 0;
  job.origins["dp"] = "rule: dp = num_gpus / (tp pp cp)";
  fill_expert_tp(draft);
  layout.fsdp = take_switch(draft, "fsdp", asked.fsdp);
  if (!layout.fsdp && job.stack.fsdp_always && layout.dp * layout.cp > 1 && !from_flag(asked, "fsdp")) {
    layout.fsdp = true;
    job.origins["fsdp"] = fmt::format("rule: stack {} shards parameters over dp x cp in every job", job.stack.name);
  }
  drop_inherited_fsdp(draft);
  fill_sharing(draft);
}

// gbs from -ga; 0 when dp is not known or the product is out of range.
std::int64_t batch_of_ga(const Job& job, std::int64_t samples, std::int64_t ga) {
  const std::int64_t per_pass = samples * job.layout.dp;
  if (per_pass == 0 || ga > limits_of("gbs").most / per_pass) return 0;
  return per_pass * ga;
}

// Samples of a flush for a stack that flushes several times a step and was not told.
std::int64_t default_lbs(const Job& job) { return job.mbs * job.layout.pp; }

void fill_batches(JobDraft& draft) {
  const Request& asked = draft.request;
  Job& job = draft.job;
  const bool flushes = job.stack.ga == GaMeans::flushes_per_step;
  job.mbs = take(draft, "mbs", asked.mbs, 1, "mbs = 1 unless given");
  if (flushes) {
    job.lbs = take(draft, "lbs", asked.lbs, default_lbs(job), "lbs = mbs * pp unless given: one microbatch a stage");
  }
  const bool ga_decides = asked.ga && (!asked.gbs || (from_flag(asked, "ga") && !from_flag(asked, "gbs")));
  if (ga_decides) {
    job.gbs = batch_of_ga(job, flushes ? job.lbs : job.mbs, *asked.ga);
    job.origins["gbs"] = flushes ? "rule: gbs = lbs * dp * ga" : "rule: gbs = mbs * dp * ga";
  } else {
    job.gbs = take(draft, "gbs", asked.gbs, 0, "");
  }
  const bool even = job.layout.dp > 0 && job.gbs > 0 && job.gbs % job.layout.dp == 0;
  if (!flushes) {
    job.lbs = take(draft, "lbs", asked.lbs, even ? job.gbs / job.layout.dp : 0, "lbs = gbs / dp");
  }
}

// What follows from the batch sizes; 0 where they do not divide.
void count_microbatches(JobDraft& draft) {
  Job& job = draft.job;
  const std::int64_t dp = job.layout.dp;
  const bool even = dp > 0 && job.lbs > 0 && job.gbs > 0 && job.lbs % job.mbs == 0 && job.gbs % (job.lbs * dp) == 0;
  job.num_microbatches = even ? static_cast<int>(job.lbs / job.mbs) : 0;
  job.num_flushes = even ? static_cast<int>(job.gbs / (job.lbs * dp)) : 0;
  const bool flushes = job.stack.ga == GaMeans::flushes_per_step;
  job.ga = flushes ? job.num_flushes : job.num_microbatches * job.num_flushes;
  job.origins["num_microbatches"] = "rule: num_microbatches = lbs / mbs";
  job.origins["num_flushes"] = "rule: num_flushes = gbs / (lbs dp)";
  job.origins["ga"] = draft.request.ga ? origin_of(draft.request, "ga")
                      : flushes        ? "rule: ga = gbs / (lbs dp), flushes a step"
                                       : "rule: ga = gbs / (mbs dp), microbatches a step";
}

std::vector<ChunkLayers> deal_layers(const Job& job, int vp) {
  const std::int64_t chunks = std::int64_t{job.layout.pp} * vp;
  if (chunks > job.model.num_layers() + 2) return {};  // embedding and loss may stand for two more layers
  return split_layers(job.model.num_layers(), static_cast<int>(chunks), job.stack).value_or(std::vector<ChunkLayers>{});
}

// A row's vp that no longer goes with what the flags changed.
void drop_inherited_vp(JobDraft& draft) {
  Job& job = draft.job;
  const Request& asked = draft.request;
  const bool inherited = asked.vp && !from_flag(asked, "vp");
  bool overridden = false;
  for (const char* field : {"pp", "tp", "cp", "num_gpus", "gbs", "mbs", "lbs", "ga", "stack"}) {
    overridden = overridden || from_flag(asked, field);
  }
  if (!inherited || !overridden || job.layout.vp == 1) return;
  std::string why;
  if (job.layout.pp == 1) {
    why = "needs pp > 1";
  } else if (deal_layers(job, job.layout.vp).empty()) {
    why = fmt::format("leaves chunks of {} layers empty at pp {}", job.model.num_layers(), job.layout.pp);
  } else if (job.num_microbatches % job.layout.pp != 0) {
    why = fmt::format("needs a multiple of pp {} microbatches, not {}", job.layout.pp, job.num_microbatches);
  }
  if (why.empty()) return;
  job.origins["vp"] = fmt::format("rule: vp = 1, since vp {} of {} {}", job.layout.vp, origin_of(asked, "vp"), why);
  job.layout.vp = 1;
}

void fill_seq_len(JobDraft& draft) {
  constexpr std::int64_t kUsual = 4096;
  Job& job = draft.job;
  const std::int64_t most = job.model.max_positions;
  const std::int64_t fallback = most > 0 ? std::min(kUsual, most) : kUsual;
  job.seq_len = take(draft, "seq_len", draft.request.seq_len, fallback,
                     fmt::format("seq_len = {} unless given, or fewer where the model has fewer positions", kUsual));
}

void fill_adapters(JobDraft& draft) {
  const Request& asked = draft.request;
  Job& job = draft.job;
  if (job.task != Task::lora) return;
  constexpr int kUsualRank = 16, kUsualAlpha = 32;  // of NeMo's and of NeMo AutoModel's published recipes
  Lora lora;
  lora.rank = take_int(draft, "lora_rank", asked.lora_rank, kUsualRank, "lora_rank = 16 unless given");
  lora.alpha =
      static_cast<double>(take(draft, "lora_alpha", asked.lora_alpha, kUsualAlpha, "lora_alpha = 32 unless given"));
  lora.targets = asked.lora_targets ? expand_lora_targets(job.model, *asked.lora_targets)
                                    : stack_lora_targets(job.model, job.stack.lora_targets);
  job.origins["lora_targets"] =
      asked.lora_targets ? origin_of(asked, "lora_targets") : fmt::format("rule: those of stack {}", job.stack.name);
  job.lora = lora;
}

void fill_packing(JobDraft& draft) {
  const Request& asked = draft.request;
  Job& job = draft.job;
  if (job.task == Task::pretrain) {
    job.origins["packed"] = "rule: pre-training runs on full samples";
    return;
  }
  job.packed = asked.packed.value_or(job.stack.packed_fine_tuning);
  job.origins["packed"] = asked.packed ? origin_of(asked, "packed")
                                       : fmt::format("rule: stack {} fine-tunes on {}", job.stack.name,
                                                     job.packed ? "packs" : "full samples");
}

// The job's own policy where one is asked for, in place of its stack's.
template <typename Value, typename Given>
void take_policy(JobDraft& draft, const char* field, const std::optional<Given>& given, Value& of_stack) {
  draft.job.origins[field] = given ? origin_of(draft.request, field)
                                   : rule_of(draft, field, fmt::format("as stack {} has it", draft.job.stack.name));
  if (!given) return;
  if constexpr (std::is_same_v<Value, DType>) {
    of_stack = lower(*given) == name(DType::f32) ? DType::f32 : DType::bf16;  // others: a rule refuses them
  } else {
    of_stack = *given;
  }
}

void fill_policies(JobDraft& draft) {
  const Request& asked = draft.request;
  Stack& stack = draft.job.stack;
  take_policy(draft, "fsdp_reshard", asked.fsdp_reshard, stack.fsdp_reshard_after_forward);
  take_policy(draft, "defer_grad_sync", asked.defer_grad_sync, stack.fsdp_defer_grad_reduce);
  take_policy(draft, "sequence_parallel", asked.sequence_parallel, stack.sequence_parallel);
  take_policy(draft, "optimizer_state_dtype", asked.optimizer_state_dtype, stack.optimizer_state_dtype);
  take_policy(draft, "param_dtype", asked.param_dtype, stack.param_dtype);
  take_policy(draft, "grad_dtype", asked.grad_dtype, stack.main_grad_dtype);
  if (draft.job.precision != Precision::fp32) return;
  stack.param_dtype = stack.main_grad_dtype = DType::f32;
  for (const char* field : {"param_dtype", "grad_dtype"}) draft.job.origins[field] = "rule: f32 in an fp32 job";
}

// What becomes of tokens that go to experts. Of words that are none, rules say so.
void fill_routing(JobDraft& draft) {
  const Request& asked = draft.request;
  Job& job = draft.job;
  std::string gate(name(job.stack.moe_gate)), dispatcher(name(job.stack.moe_dispatcher));
  take_policy(draft, "moe_gate", asked.moe_gate, gate);
  take_policy(draft, "moe_dispatcher", asked.moe_dispatcher, dispatcher);
  job.gate = parse_gate(gate).value_or(job.stack.moe_gate);
  job.dispatcher = parse_dispatcher(dispatcher).value_or(job.stack.moe_dispatcher);
  job.expert_capacity = job.stack.moe_capacity;
  take_policy(draft, "moe_capacity", asked.moe_capacity, job.expert_capacity);
  job.gate_imbalance = asked.gate_imbalance.value_or(0.0);
  job.origins["gate_imbalance"] =
      asked.gate_imbalance ? origin_of(asked, "gate_imbalance") : rule_of(draft, "gate_imbalance", "0 unless given");
  job.ep_overlap = take_switch(draft, "ep_overlap", asked.ep_overlap);
  if (has_mlp<Moe>(job.model)) return;
  for (const char* field : {"moe_gate", "moe_dispatcher", "moe_capacity", "gate_imbalance", "ep_overlap"}) {
    job.origins.erase(field);
  }
}

void fill_graphs(JobDraft& draft) {
  const Request& asked = draft.request;
  Job& job = draft.job;
  job.cuda_graphs = take_switch(draft, "cuda_graphs", asked.cuda_graphs);
  if (!job.cuda_graphs) return;
  job.origins["cuda_graph_modules"] = asked.cuda_graph_modules
                                          ? origin_of(asked, "cuda_graph_modules")
                                          : rule_of(draft, "cuda_graph_modules", "whole layers unless given");
  if (!asked.cuda_graph_modules) return;
  for (const std::string& word : *asked.cuda_graph_modules) {
    if (const std::optional<Module> module = module_of(word, kGraphWords)) job.graph_modules.insert(*module);
  }
}

// --recompute in words of what a job has: layers, modules or ops.
void fill_recompute(JobDraft& draft) {
  const Request& asked = draft.request;
  Job& job = draft.job;
  job.recompute_layers = take_int(draft, "recompute_layers", asked.recompute_layers, 0, "none unless given");
  job.recompute_modules = asked.recompute_modules.value_or(std::vector<std::string>{});
  job.origins["recompute_modules"] = asked.recompute_modules ? origin_of(asked, "recompute_modules")
                                                             : rule_of(draft, "recompute_modules", "none unless given");
  job.origins["recompute"] = "rule: as recompute_layers and recompute_modules say";
  if (!asked.recompute) return;
  const std::string word = lower(*asked.recompute);
  const bool selective = word == "selective";
  if (word == "full") job.recompute_layers = job.model.num_layers();
  job.recompute_ops = selective && job.stack.selective_recompute == SelectiveRecompute::every_second_product;
  if (selective && !job.recompute_ops) job.recompute_modules = {"core_attn"};
  for (const char* field : {"recompute", "recompute_layers", "recompute_modules"}) {
    job.origins[field] = origin_of(asked, "recompute");
  }
}

}  // namespace

void fill_job(JobDraft& draft) {
  const Request& asked = draft.request;
  Job& job = draft.job;
  job.num_gpus = take_int(draft, "num_gpus", asked.num_gpus, 0, "");
  fill_seq_len(draft);
  fill_layout(draft);
  fill_batches(draft);
  count_microbatches(draft);
  drop_inherited_vp(draft);
  job.chunks = deal_layers(job, job.layout.vp);
  fill_adapters(draft);
  fill_packing(draft);
  fill_graphs(draft);
  fill_routing(draft);
  job.offload_layers = take_int(draft, "offload_layers", asked.offload_layers, 0, "none unless given");
  fill_policies(draft);
  fill_recompute(draft);
}

}  // namespace perfbench
