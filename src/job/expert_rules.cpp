// Rules about experts: how they lie on the ranks, and how tokens reach them.
#include <fmt/format.h>

#include <cstdint>
#include <string>
#include <vector>

#include "base/text.h"
#include "job/job_rules.h"
#include "job/request_fields.h"

namespace perfbench {

namespace {

using Broken = BrokenRule;

Broken experts_need_moe(const JobDraft& d) {
  const Job& j = d.job;
  if (has_mlp<Moe>(j.model)) return std::nullopt;
  const bool wants_ep = j.layout.ep > 1, wants_etp = d.request.etp.value_or(1) > 1;
  if (!wants_ep && !wants_etp) return std::nullopt;
  return Problem{place_of(d.request, {wants_ep ? "ep" : "etp"}),
                 fmt::format("{} has no experts to split over {} {}", j.model.name, wants_ep ? "ep" : "etp",
                             wants_ep ? j.layout.ep : j.layout.etp),
                 "use 1 or leave it out"};
}

Broken experts_divide(const JobDraft& d) {
  const Job& j = d.job;
  const Moe* moe = find_mlp<Moe>(j.model);
  if (moe == nullptr || moe->experts % j.layout.ep == 0) return std::nullopt;
  return Problem{
      place_of(d.request, {"ep"}),
      fmt::format("the {} experts of {} are not divisible by ep {}", moe->experts, j.model.name, j.layout.ep),
      "use an ep of " + divisors_text(moe->experts)};
}

Broken expert_ranks_divide(const JobDraft& d) {
  const Job& j = d.job;
  if (!has_mlp<Moe>(j.model)) return std::nullopt;
  const std::int64_t ranks = std::int64_t{j.layout.ep} * j.layout.etp * j.layout.pp;
  if (j.num_gpus % ranks == 0) return std::nullopt;
  return Problem{place_of(d.request, {"ep", "etp", "pp", "num_gpus", "tp"}),
                 fmt::format("ep {} x etp {} x pp {} = {} does not divide num_gpus {}", j.layout.ep, j.layout.etp,
                             j.layout.pp, ranks, j.num_gpus),
                 fmt::format("use a multiple of {} GPUs: {}", ranks, multiples_near(j.num_gpus, ranks))};
}

Broken top_k_within_experts(const JobDraft& d) {
  const Moe* moe = find_mlp<Moe>(d.job.model);
  if (moe == nullptr || moe->top_k <= moe->experts) return std::nullopt;
  return Problem{place_of(d.request, {"model"}),
                 fmt::format("{} sends a token to {} of {} experts", d.job.model.name, moe->top_k, moe->experts),
                 "mend the model's config.json"};
}

// Without it every tp rank has all tokens, and each would be sent to its experts tp times.
Broken tokens_are_split(const JobDraft& d) {
  const Job& j = d.job;
  if (!has_mlp<Moe>(j.model) || j.layout.tp == 1 || j.stack.sequence_parallel) return std::nullopt;
  return Problem{
      place_of(d.request, {"sequence_parallel", "tp"}),
      fmt::format("experts at tp {} need sequence parallelism: without it each of the {} tp ranks sends every "
                  "token to its experts",
                  j.layout.tp, j.layout.tp),
      "use --sequence_parallel 1 or tp 1"};
}

Broken experts_share_all_copies(const JobDraft& d) {
  const ParallelLayout& l = d.job.layout;
  const int copies = l.dp * l.cp;
  if (!has_mlp<Moe>(d.job.model) || !l.fsdp || l.fsdp_size == 0 || l.fsdp_size >= copies) return std::nullopt;
  return Problem{place_of(d.request, {"fsdp_size"}),
                 fmt::format("HSDP with experts is not modelled: fsdp_size {} is below dp {} x cp {} = {}", l.fsdp_size,
                             l.dp, l.cp, copies),
                 fmt::format("use an fsdp_size of {}, or leave it out", copies)};
}

// A flag about experts says nothing of a model that has none; a row's value only waits.
Broken routing_needs_experts(const JobDraft& d) {
  if (has_mlp<Moe>(d.job.model)) return std::nullopt;
  for (const char* field : {"moe_gate", "gate_imbalance", "moe_dispatcher", "moe_capacity", "ep_overlap"}) {
    if (!from_flag(d.request, field)) continue;
    return Problem{place_of(d.request, {field}),
                   fmt::format("{} is of experts, and {} has none", field, d.job.model.name), "leave it out"};
  }
  return std::nullopt;
}

Broken gate_known(const JobDraft& d) {
  if (!d.request.moe_gate || parse_gate(*d.request.moe_gate)) return std::nullopt;
  const std::vector<std::string> words = {"balanced", "topk", "random"};
  return Problem{place_of(d.request, {"moe_gate"}), "is none of these: balanced, topk, random; a file is of verify",
                 nearest_hint(lower(*d.request.moe_gate), words)};
}

Broken dispatcher_known(const JobDraft& d) {
  if (!d.request.moe_dispatcher || parse_dispatcher(*d.request.moe_dispatcher)) return std::nullopt;
  const std::vector<std::string> words = {"all_to_all", "dedup", "all_gather"};
  return Problem{place_of(d.request, {"moe_dispatcher"}), "is none of these: all_to_all, dedup, all_gather",
                 nearest_hint(lower(*d.request.moe_dispatcher), words)};
}

// At experts / top_k an expert takes a row of every token. 0 is a table's word for none.
Broken capacity_holds_rows(const JobDraft& d) {
  const Job& j = d.job;
  const Moe* moe = find_mlp<Moe>(j.model);
  if (moe == nullptr || !d.request.moe_capacity) return std::nullopt;
  const bool none = j.expert_capacity == 0.0 && !from_flag(d.request, "moe_capacity");
  const double most = static_cast<double>(moe->experts) / moe->top_k;
  if (none || (j.expert_capacity > 0.0 && j.expert_capacity <= most)) return std::nullopt;
  const std::string rule =
      j.expert_capacity <= 0.0
          ? fmt::format("a capacity of {} leaves experts no rows", j.expert_capacity)
          : fmt::format("at {} experts / {} a token = {}, an expert takes a row of every token; {} is more",
                        moe->experts, moe->top_k, format_double(most), j.expert_capacity);
  return Problem{place_of(d.request, {"moe_capacity"}), rule,
                 fmt::format("above 0 and at most {}; leave it out to drop no token", format_double(most))};
}

Broken imbalance_is_a_spread(const JobDraft& d) {
  if (d.job.gate_imbalance >= 0.0) return std::nullopt;
  return Problem{place_of(d.request, {"gate_imbalance"}),
                 fmt::format("{} is no standard deviation over a mean", d.job.gate_imbalance),
                 "0 for equal loads, or more"};
}

// With a capacity every expert's rows are padded to it: loads are equal.
Broken imbalance_needs_dropless(const JobDraft& d) {
  const Job& j = d.job;
  if (j.gate_imbalance == 0.0 || j.expert_capacity == 0.0 || !has_mlp<Moe>(j.model)) return std::nullopt;
  return Problem{place_of(d.request, {"gate_imbalance", "moe_capacity"}),
                 fmt::format("loads are equal where rows are padded to a capacity of {}", j.expert_capacity),
                 "leave out one of them"};
}

Broken overlap_needs_ep(const JobDraft& d) {
  if (!from_flag(d.request, "ep_overlap") || !d.job.ep_overlap || d.job.layout.ep > 1 || !has_mlp<Moe>(d.job.model)) {
    return std::nullopt;
  }
  return Problem{place_of(d.request, {"ep_overlap"}), "at ep 1 no token travels to another rank", "use a greater ep"};
}

constexpr JobRule kRules[] = {
    experts_need_moe,         experts_divide,           expert_ranks_divide, top_k_within_experts, tokens_are_split,
    experts_share_all_copies, routing_needs_experts,    gate_known,          dispatcher_known,     capacity_holds_rows,
    imbalance_is_a_spread,    imbalance_needs_dropless, overlap_needs_ep};

}  // namespace

std::span<const JobRule> expert_rules() { return kRules; }

}  // namespace perfbench
