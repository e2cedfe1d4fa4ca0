// Rules about the shapes of a model and what a GPU can run.
#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <iterator>

#include "base/text.h"
#include "job/job_rules.h"
#include "job/linears.h"

namespace perfbench {

namespace {

using Broken = BrokenRule;

// Attention heads of a mixer; 0: it has none.
struct AttentionHeads {
  int operator()(const std::monostate&) const { return 0; }
  int operator()(const Gqa& gqa) const { return gqa.heads; }
  int operator()(const Mla& mla) const { return mla.heads; }
  int operator()(const Mamba2&) const { return 0; }
  int operator()(const SelfAndCross& cross) const { return cross.heads; }
};
int heads_of(const Mixer& mixer) { return std::visit(AttentionHeads{}, mixer); }

Broken heads_divide(const JobDraft& d) {
  const Job& j = d.job;
  for (const LayerSpec& kind : j.model.kinds) {
    const int heads = heads_of(kind.mixer);
    if (heads % j.layout.tp == 0) continue;
    return Problem{
        place_of(d.request, {"tp"}),
        fmt::format("the {} attention heads of {} are not divisible by tp {}", heads, j.model.name, j.layout.tp),
        "use a tp of " + divisors_text(heads)};
  }
  return std::nullopt;
}

Broken kv_heads_fit(const JobDraft& d) {
  const Job& j = d.job;
  const Gqa* gqa = find_mixer<Gqa>(j.model);
  if (gqa == nullptr || kv_share(gqa->kv_heads, j.layout.tp)) return std::nullopt;
  return Problem{place_of(d.request, {"tp"}),
                 fmt::format("the {} key-value heads of {} and tp {} do not divide each other", gqa->kv_heads,
                             j.model.name, j.layout.tp),
                 "use a tp of " + divisors_text(gqa->kv_heads)};
}

Broken mamba_divides(const JobDraft& d) {
  const Job& j = d.job;
  const Mamba2* mamba = find_mixer<Mamba2>(j.model);
  if (mamba == nullptr || (mamba->heads % j.layout.tp == 0 && mamba->groups % j.layout.tp == 0)) return std::nullopt;
  return Problem{place_of(d.request, {"tp"}),
                 fmt::format("the {} heads and {} groups of {}'s Mamba layers are not both divisible by tp {}",
                             mamba->heads, mamba->groups, j.model.name, j.layout.tp),
                 "use a tp of " + divisors_text(mamba->groups)};
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

Broken width_divides(const JobDraft& d, std::string_view what, std::int64_t width, std::string_view axis, int size) {
  if (width % size == 0) return std::nullopt;
  return Problem{
      place_of(d.request, {axis, "tp"}),
      fmt::format("the {} width {} of {} is not divisible by {} {}", what, width, d.job.model.name, axis, size),
      fmt::format("use one of {}", divisors_text(width))};
}

Broken mlp_divides(const JobDraft& d) {
  const Dense* mlp = find_mlp<Dense>(d.job.model);
  return mlp == nullptr ? std::nullopt : width_divides(d, "MLP", mlp->ffn, "tp", d.job.layout.tp);
}

Broken expert_mlp_divides(const JobDraft& d) {
  const Moe* moe = find_mlp<Moe>(d.job.model);
  return moe == nullptr ? std::nullopt : width_divides(d, "expert", moe->ffn, "etp", d.job.layout.etp);
}

Broken shared_expert_divides(const JobDraft& d) {
  const Moe* moe = find_mlp<Moe>(d.job.model);
  if (moe == nullptr || !moe->shared) return std::nullopt;
  return width_divides(d, "shared expert", moe->shared->ffn, "tp", d.job.layout.tp);
}

struct Dim {
  std::string name;
  std::int64_t size;
};

// Both dims of every linear layer that runs in FP8, local to one rank, each once. Embedding and LM head stay BF16.
std::vector<Dim> linear_dims(const Job& j) {
  std::vector<Dim> dims;
  const auto add = [&](const Features& features, bool split, bool of_experts) {
    const int ranks = of_experts ? j.layout.etp : j.layout.tp;
    Dim dim{std::string(features.name), features.size};
    if (split) dim = {fmt::format("{} / {}", features.name, of_experts ? "etp" : "tp"), local_size(features, ranks)};
    const auto same = [&](const Dim& other) { return other.name == dim.name && other.size == dim.size; };
    if (std::ranges::none_of(dims, same)) dims.push_back(std::move(dim));
  };
  for (const LayerSpec& kind : j.model.kinds) {
    for (const LinearSpec& linear : linears(j.model, kind)) {
      if (linear.compute != Width::quantised) continue;
      add(linear.in, linear.split == Split::in, linear.experts > 0);
      add(linear.out, linear.split == Split::out, linear.experts > 0);
    }
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
  if (!j.model.learned_positions || most == 0 || j.seq_len <= most) return std::nullopt;
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
    heads_divide,    kv_heads_fit,       mamba_divides,         sequence_divides_over_cp, sequence_divides_over_tp,
    mlp_divides,     expert_mlp_divides, shared_expert_divides, fp8_dims_align,           system_has_precision,
    positions_reach, video_needs_seq_len};

}  // namespace

std::span<const JobRule> model_rules() { return kRules; }

}  // namespace perfbench
