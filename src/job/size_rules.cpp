// Rules about sizes: what Programs and schedules count in whole numbers stays within them, with room to spare.
#include <fmt/format.h>

#include <algorithm>
#include <cstdint>

#include "job/job_rules.h"
#include "job/linears.h"

namespace perfbench {

namespace {

using Broken = BrokenRule;

// Elements of a microbatch's activations were every layer one value as wide as the widest. A Program has some 2^6
// values a layer, forward and backward together, of up to 2^2 bytes an element: their bytes add up to less than 2^63.
constexpr double kMostElements = 0x1p54;

// Of one stage, forward or backward: counted in 32 bits.
constexpr std::int64_t kMostSlots = std::int64_t{1} << 30;

// Rows that the experts of a rank make of a token: one for each choice, more where a capacity pads them; etp ranks see
// those of each other.
double expert_rows(const Job& job, const Mlp& mlp) {
  const Moe* moe = std::get_if<Moe>(&mlp);
  return moe == nullptr ? 1.0 : moe->top_k * std::max(job.expert_capacity, 1.0) * job.layout.etp;
}

// Of the rows that tokens have between the linears of a block: what several of them make of one row lies side by side.
// Each factor is within the ranges of config_keys.h.
double widest_row(const Job& job) {
  const ModelSpec& model = job.model;
  auto widest = static_cast<double>(std::max(model.hidden, model.vocab));
  for (const LayerSpec& kind : model.kinds) {
    const auto made = [&](const auto& block) {
      std::int64_t row = 0;
      for (const LinearSpec& linear : block) row += linear.split == Split::out ? linear.out.size : 0;
      return static_cast<double>(row);
    };
    widest = std::max({widest, made(linears(model, {.mixer = kind.mixer})),
                       std::max(static_cast<double>(model.hidden), made(linears(model, {.mlp = kind.mlp}))) *
                           expert_rows(job, kind.mlp)});
  }
  return widest;
}

Broken activations_countable(const JobDraft& d) {
  const Job& j = d.job;
  const double tokens = static_cast<double>(j.mbs) * static_cast<double>(j.seq_len) / j.layout.cp;
  const double row = widest_row(j);
  const double elements = tokens * row * (j.model.num_layers() + 2.0);  // embedding and head
  if (elements <= kMostElements) return std::nullopt;
  return Problem{
      place_of(d.request, {"seq_len", "mbs"}),
      fmt::format("a microbatch of mbs {} x seq_len {} / cp {} tokens in {} layers with rows of up to {:.0f} "
                  "elements holds {:.3g} of them, more than {:.0f}",
                  j.mbs, j.seq_len, j.layout.cp, j.model.num_layers(), row, elements, kMostElements),
      "use a smaller mbs or seq_len"};
}

Broken slots_countable(const JobDraft& d) {
  const Job& j = d.job;
  const std::int64_t microbatches = std::int64_t{j.num_microbatches} * j.num_flushes;
  if (microbatches * j.layout.vp <= kMostSlots) return std::nullopt;
  return Problem{place_of(d.request, {"vp", "gbs", "mbs"}),
                 fmt::format("{} microbatches x vp {} = {} forward slots of a stage, more than {}", microbatches,
                             j.layout.vp, microbatches * j.layout.vp, kMostSlots),
                 "use a smaller vp or gbs, or a greater mbs"};
}

constexpr JobRule kRules[] = {activations_countable, slots_countable};

}  // namespace

std::span<const JobRule> size_rules() { return kRules; }

}  // namespace perfbench
