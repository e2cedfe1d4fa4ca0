#include "rows/asked_fields.h"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "job/module.h"
#include "job/request_fields.h"
#include "rows/metrics.h"
#include "rows/value.h"

namespace perfbench {
namespace {

// Null of a job that shards nothing.
template <typename Value>
Json of_fsdp(const Job& job, Value value) {
  return job.layout.fsdp && job.layout.dp * job.layout.cp > 1 ? Json(value) : Json();
}

// Null of a job that has no experts.
template <typename Value>
Json of_experts(const Job& job, Value value) {
  return has_mlp<Moe>(job.model) ? Json(std::move(value)) : Json();
}

// All that is computed again, in the words of --recompute.
std::string recompute_word(const Job& job) {
  if (job.recompute_layers > 0) return "full";
  return job.recompute_ops || !job.recompute_modules.empty() ? "selective" : "none";
}

constexpr std::array kAskedFields{
    AskedField{"model", [](const Job& job) -> Json { return job.model.name; }},
    AskedField{"task", [](const Job& job) -> Json { return value_of(job.task); }},
    AskedField{"system", [](const Job& job) -> Json { return job.system.name; }},
    AskedField{"precision", [](const Job& job) -> Json { return value_of(job.precision); }},
    AskedField{"stack", [](const Job& job) -> Json { return job.stack.name; }},
    AskedField{"num_gpus", [](const Job& job) -> Json { return job.num_gpus; }},
    AskedField{"gbs", [](const Job& job) -> Json { return job.gbs; }},
    AskedField{"mbs", [](const Job& job) -> Json { return job.mbs; }},
    AskedField{"lbs", [](const Job& job) -> Json { return job.lbs; }},
    AskedField{"seq_len", [](const Job& job) -> Json { return job.seq_len; }},
    AskedField{"tp", [](const Job& job) -> Json { return job.layout.tp; }},
    AskedField{"pp", [](const Job& job) -> Json { return job.layout.pp; }},
    AskedField{"cp", [](const Job& job) -> Json { return job.layout.cp; }},
    AskedField{"vp", [](const Job& job) -> Json { return job.layout.vp; }},
    AskedField{"ep", [](const Job& job) -> Json { return job.layout.ep; }},
    AskedField{"etp", [](const Job& job) -> Json { return job.layout.etp; }},
    AskedField{"dp", [](const Job& job) -> Json { return job.layout.dp; }},
    AskedField{"fsdp", [](const Job& job) -> Json { return job.layout.fsdp; }},
    AskedField{"fsdp_size", [](const Job& job) { return of_fsdp(job, job.layout.fsdp_size); }},
    AskedField{"fsdp_reshard", [](const Job& job) { return of_fsdp(job, job.stack.fsdp_reshard_after_forward); }},
    AskedField{"defer_grad_sync", [](const Job& job) { return of_fsdp(job, job.stack.fsdp_defer_grad_reduce); }},
    AskedField{"sequence_parallel",
               [](const Job& job) -> Json { return job.layout.tp > 1 && job.stack.sequence_parallel; }},
    AskedField{"param_dtype", [](const Job& job) -> Json { return std::string(name(job.stack.param_dtype)); }},
    AskedField{"grad_dtype", [](const Job& job) -> Json { return std::string(name(job.stack.main_grad_dtype)); }},
    AskedField{"optimizer_state_dtype",
               [](const Job& job) -> Json { return std::string(name(job.stack.optimizer_state_dtype)); }},
    AskedField{"ga", [](const Job& job) -> Json { return job.ga; }},
    AskedField{"num_microbatches", [](const Job& job) -> Json { return job.num_microbatches; }},
    AskedField{"num_flushes", [](const Job& job) -> Json { return job.num_flushes; }},
    AskedField{"cuda_graphs", [](const Job& job) -> Json { return job.cuda_graphs; }},
    AskedField{"recompute", [](const Job& job) -> Json { return recompute_word(job); }},
    AskedField{"recompute_layers", [](const Job& job) -> Json { return job.recompute_layers; }},
    AskedField{"offload_layers", [](const Job& job) -> Json { return job.offload_layers; }},
    AskedField{"recompute_modules", [](const Job& job) -> Json { return value_of(job.recompute_modules); }},
    AskedField{"lora_rank", [](const Job& job) { return job.lora ? Json(job.lora->rank) : Json(); }},
    AskedField{"lora_alpha", [](const Job& job) { return job.lora ? Json(job.lora->alpha) : Json(); }},
    AskedField{"lora_targets", [](const Job& job) { return job.lora ? value_of(job.lora->targets) : Json(); }},
    AskedField{"moe_gate", [](const Job& job) { return of_experts(job, std::string(name(job.gate))); }},
    AskedField{"gate_imbalance", [](const Job& job) { return of_experts(job, job.gate_imbalance); }},
    AskedField{"moe_dispatcher", [](const Job& job) { return of_experts(job, std::string(name(job.dispatcher))); }},
    AskedField{"moe_capacity", [](const Job& job) { return of_experts(job, job.expert_capacity); }},
    AskedField{"ep_overlap", [](const Job& job) { return of_experts(job, job.ep_overlap); }},
    AskedField{"cuda_graph_modules",
               [](const Job& job) -> Json { return value_of(words_of(job.graph_modules, kGraphWords)); }},
    AskedField{"packed", [](const Job& job) -> Json { return job.packed; }},
};

template <typename Value>
Json json_of(const std::optional<Value>& value) {
  return value ? value_of(*value) : Json();
}
Json json_of(const std::optional<std::int64_t>& count) { return value_of(count); }  // of which 0 is one
Json json_of(const std::optional<double>& number) { return value_of(number); }

void set(Row& row, std::string_view name, const Json& value) {
  if (const Metric* metric = find_metric(name)) metric->set(row, value);
}

void set_precision(Row& row, const Request& request) {
  const std::string dtype = request.dtype.value_or("");
  std::optional<Precision> precision = parse_precision(dtype, request.fp8_recipe.value_or(""));
  if (!precision) precision = parse_precision(dtype);
  if (precision)
    row.precision = *precision;
  else
    row.notes.push_back("precision is not known from dtype \"" + dtype + "\"; " + std::string(name(row.precision)) +
                        " stands for it");
}

}  // namespace

std::span<const AskedField> asked_fields() { return kAskedFields; }

void set_asked(Row& row, const Job& job) {
  for (const AskedField& field : kAskedFields) set(row, field.name, field.of(job));
}

void set_asked(Row& row, const Request& request) {
  for_each_field([&](std::string_view name, auto member) { set(row, name, json_of(request.*member)); });
  set_precision(row, request);
}

}  // namespace perfbench
