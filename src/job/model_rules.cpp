// Rules about the shapes of a model and what a GPU can run.
#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <iterator>

#include "base/text.h"
#include "job/job_rules.h"

namespace perfbench {

namespace {

using Broken = BrokenRule;

template <typename Predicate>
bool any_layer(const ModelSpec& model, Predicate predicate) {
  return std::ranges::any_of(model.layers, predicate);
}

bool has_mixer(const ModelSpec& model, Mixer mixer) {
  return any_layer(model, [mixer](const LayerKind& layer) { return layer.mixer == mixer; });
}

bool has_mlp(const ModelSpec& model, Mlp mlp) {
  return any_layer(model, [mlp](const LayerKind& layer) { return layer.mlp == mlp; });
}

bool has_attention(const ModelSpec& model) {
  return has_mixer(model, Mixer::gqa) || has_mixer(model, Mixer::cross) || has_mixer(model, Mixer::mla);
}

Broken heads_divide(const JobDraft& d) {
  const Job& j = d.job;
  if (!has_attention(j.model) || j.model.heads % j.layout.tp == 0) return std::nullopt;
  return Problem{
      place_of(d.request, {"tp"}),
      fmt::format("the {} attention heads of {} are not divisible by tp {}", j.model.heads, j.model.name, j.layout.tp),
      "use a tp of " + divisors_text(j.model.heads)};
}

Broken kv_heads_fit(const JobDraft& d) {
  const Job& j = d.job;
  const int kv = j.model.kv_heads, tp = j.layout.tp;
  if (!has_mixer(j.model, Mixer::gqa) || kv == 0 || kv % tp == 0 || tp % kv == 0) return std::nullopt;
  return Problem{place_of(d.request, {"tp"}),
                 fmt::format("the {} key-value heads of {} and tp {} do not divide each other", kv, j.model.name, tp),
                 "use a tp of " + divisors_text(kv)};
}

Broken mamba_divides(const JobDraft& d) {
  const Job& j = d.job;
  if (!j.model.mamba || !has_mixer(j.model, Mixer::mamba2)) return std::nullopt;
  const MambaShape& mamba = *j.model.mamba;
  if (mamba.heads % j.layout.tp == 0 && mamba.groups % j.layout.tp == 0) return std::nullopt;
  return Problem{place_of(d.request, {"tp"}),
                 fmt::format("the {} heads and {} groups of {}'s Mamba layers are not both divisible by tp {}",
                             mamba.heads, mamba.groups, j.model.name, j.layout.tp),
                 "use a tp of " + divisors_text(mamba.groups)};
}

Broken sequence_divides_over_cp(const JobDraft& d) {
  const Job& j = d.job;
  if (j.layout.cp == 1) return std::nullopt;
  const bool causal = !j.model.video;  // a causal sequence is dealt out in two pieces a rank, so that the work is equal
  const std::int64_t pieces = (causal ? 2 : 1) * std::int64_t{j.layout.cp};
  if (j.seq_len % pieces == 0) return std::nullopt;
  return Problem{
      place_of(d.request, {"cp", "seq_len"}),
      fmt::format("seq_len {} is not divisible by {}cp {} = {}", j.seq_len, causal ? "2 x " : "", j.layout.cp, pieces),
      fmt::format("use a seq_len of {} or another cp", multiples_near(j.seq_len, pieces))};
}

Broken sequence_divides_over_tp(const JobDraft& d) {
  const Job& j = d.job;
  if (!j.stack.sequence_parallel || j.layout.tp == 1) return std::nullopt;
  const std::int64_t ranks = std::int64_t{j.layout.tp} * j.layout.cp;
  if (j.seq_len % ranks == 0) return std::nullopt;
  return Problem{place_of(d.request, {"tp", "cp", "seq_len"}),
                 fmt::format("sequence parallelism of stack {} splits seq_len {} over tp {} x cp {} = {} ranks, which "
                             "does not divide it",
                             j.stack.name, j.seq_len, j.layout.tp, j.layout.cp, ranks),
                 fmt::format("use a seq_len of {}", multiples_near(j.seq_len, ranks))};
}

Broken experts_need_moe(const JobDraft& d) {
  const Job& j = d.job;
  if (j.model.moe) return std::nullopt;
  const bool wants_ep = j.layout.ep > 1, wants_etp = d.request.etp.value_or(1) > 1;
  if (!wants_ep && !wants_etp) return std::nullopt;
  return Problem{place_of(d.request, {wants_ep ? "ep" : "etp"}),
                 fmt::format("{} has no experts to split over {} {}", j.model.name, wants_ep ? "ep" : "etp",
                             wants_ep ? j.layout.ep : j.layout.etp),
                 "use 1 or leave it out"};
}

Broken experts_divide(const JobDraft& d) {
  const Job& j = d.job;
  if (!j.model.moe || j.model.moe->experts % j.layout.ep == 0) return std::nullopt;
  return Problem{
      place_of(d.request, {"ep"}),
      fmt::format("the {} experts of {} are not divisible by ep {}", j.model.moe->experts, j.model.name, j.layout.ep),
      "use an ep of " + divisors_text(j.model.moe->experts)};
}

Broken expert_ranks_divide(const JobDraft& d) {
  const Job& j = d.job;
  if (!j.model.moe) return std::nullopt;
  const std::int64_t ranks = std::int64_t{j.layout.ep} * j.layout.etp * j.layout.pp;
  if (j.num_gpus % ranks == 0) return std::nullopt;
  return Problem{place_of(d.request, {"ep", "etp", "pp", "num_gpus", "tp"}),
                 fmt::format("ep {} x etp {} x pp {} = {} does not divide num_gpus {}", j.layout.ep, j.layout.etp,
                             j.layout.pp, ranks, j.num_gpus),
                 fmt::format("use a multiple of {} GPUs: {}", ranks, multiples_near(j.num_gpus, ranks))};
}

Broken top_k_within_experts(const JobDraft& d) {
  const auto& moe = d.job.model.moe;
  if (!moe || moe->experts_per_token <= moe->experts) return std::nullopt;
  return Problem{
      place_of(d.request, {"model"}),
      fmt::format("{} sends a token to {} of {} experts", d.job.model.name, moe->experts_per_token, moe->experts),
      "mend the model's config.json"};
}

Broken width_divides(const JobDraft& d, std::string_view what, std::int64_t width, std::string_view axis, int size) {
  if (width % size == 0) return std::nullopt;
  return Problem{
      place_of(d.request, {axis, "tp"}),
      fmt::format("the {} width {} of {} is not divisible by {} {}", what, width, d.job.model.name, axis, size),
      fmt::format("use one of {}", divisors_text(width))};
}

Broken mlp_divides(const JobDraft& d) {
  const Job& j = d.job;
  return has_mlp(j.model, Mlp::dense) ? width_divides(d, "MLP", j.model.ffn, "tp", j.layout.tp) : std::nullopt;
}

Broken expert_mlp_divides(const JobDraft& d) {
  const Job& j = d.job;
  return j.model.moe ? width_divides(d, "expert", j.model.moe->ffn, "etp", j.layout.etp) : std::nullopt;
}

Broken shared_expert_divides(const JobDraft& d) {
  const Job& j = d.job;
  return j.model.moe ? width_divides(d, "shared expert", j.model.moe->shared_ffn, "tp", j.layout.tp) : std::nullopt;
}

struct Dim {
  std::string name;
  std::int64_t size;
};

void add_attention_dims(const ModelSpec& m, int tp, std::vector<Dim>& dims) {
  if (has_mixer(m, Mixer::gqa) || has_mixer(m, Mixer::cross)) {
    dims.push_back({"heads x head_dim / tp", m.heads * m.head_dim / tp});
    dims.push_back({"kv_heads x head_dim / tp", std::max(m.kv_heads * m.head_dim / tp, m.head_dim)});
  }
  if (m.mla && has_mixer(m, Mixer::mla)) {
    dims.push_back({"heads x (nope + rope) / tp", m.heads * (m.mla->qk_nope_dim + m.mla->qk_rope_dim) / tp});
    dims.push_back({"heads x v_dim / tp", m.heads * m.mla->v_dim / tp});
    dims.push_back({"q_lora_rank", m.mla->q_rank});
    dims.push_back({"kv_lora_rank + rope", m.mla->kv_rank + m.mla->qk_rope_dim});
  }
  if (m.mamba && has_mixer(m, Mixer::mamba2)) {
    const std::int64_t inner = m.mamba->heads * m.mamba->head_dim;
    dims.push_back({"Mamba inner width / tp", inner / tp});
    dims.push_back(
        {"Mamba in_proj width / tp", (2 * inner + 2 * m.mamba->state * m.mamba->groups + m.mamba->heads) / tp});
  }
}

// Both dims of every linear layer that runs in FP8, local to one rank. Embedding and LM head stay BF16.
std::vector<Dim> linear_dims(const Job& j) {
  const ModelSpec& m = j.model;
  std::vector<Dim> dims = {{"hidden_size", m.hidden}};
  add_attention_dims(m, j.layout.tp, dims);
  if (has_mlp(m, Mlp::dense)) dims.push_back({"intermediate_size / tp", m.ffn / j.layout.tp});
  if (m.moe) {
    dims.push_back({"expert width / etp", m.moe->ffn / j.layout.etp});
    dims.push_back({"shared expert width / tp", m.moe->shared_ffn / j.layout.tp});
  }
  return dims;
}

Broken fp8_dims_align(const JobDraft& d) {
  const Job& j = d.job;
  if (!is_scaled(j.precision)) return std::nullopt;
  const std::int64_t unit = j.precision == Precision::mxfp8 ? 32 : 16;  // a block, else what FP8 matrix products need
  std::vector<std::string> odd;
  for (const Dim& dim : linear_dims(j)) {
    if (dim.size % unit != 0) odd.push_back(fmt::format("{} = {}", dim.name, dim.size));
  }
  if (odd.empty()) return std::nullopt;
  return Problem{place_of(d.request, {"tp", "dtype", "fp8_recipe"}),
                 fmt::format("{} needs linear layers whose dims are multiples of {}: {}", name(j.precision), unit,
                             join(odd, ", ")),
                 "use a smaller tp or bf16"};
}

Broken system_has_precision(const JobDraft& d) {
  const Job& j = d.job;
  if (std::ranges::find(j.system.precisions, j.precision) != j.system.precisions.end()) return std::nullopt;
  std::vector<std::string> able;
  for (Precision precision : j.system.precisions) able.emplace_back(name(precision));
  return Problem{place_of(d.request, {"fp8_recipe", "dtype", "system"}),
                 fmt::format("{} cannot run {}", j.system.name, name(j.precision)), "it runs " + join(able, ", ")};
}

Broken positions_reach(const JobDraft& d) {
  const Job& j = d.job;
  const std::int64_t most = j.model.max_positions;
  if (j.model.positions != Positions::learned || most == 0 || j.seq_len <= most) return std::nullopt;
  return Problem{place_of(d.request, {"seq_len"}),
                 fmt::format("seq_len {} is over the {} learned positions of {}", j.seq_len, most, j.model.name),
                 fmt::format("use a seq_len of at most {}", most)};
}

Broken video_needs_seq_len(const JobDraft& d) {
  if (!d.job.model.video || d.request.seq_len) return std::nullopt;
  return Problem{
      place_of(d.request, {"seq_len"}),
      fmt::format("{} is a video model: its tokens follow from the clip and have no usual number", d.job.model.name),
      "give --seq_len; the published WAN rows have 37440"};
}

constexpr JobRule kRules[] = {
    heads_divide,       kv_heads_fit,          mamba_divides,       sequence_divides_over_cp, sequence_divides_over_tp,
    experts_need_moe,   experts_divide,        expert_ranks_divide, top_k_within_experts,     mlp_divides,
    expert_mlp_divides, shared_expert_divides, fp8_dims_align,      system_has_precision,     positions_reach,
    video_needs_seq_len};

}  // namespace

std::span<const JobRule> model_rules() { return kRules; }

}  // namespace perfbench
