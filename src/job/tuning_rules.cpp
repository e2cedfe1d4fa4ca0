// Rules about fine-tuning: adapters and packs.
#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "job/job_rules.h"
#include "job/lora_targets.h"
#include "job/request_fields.h"

namespace perfbench {

namespace {

using Broken = BrokenRule;

bool has_target(const Job& job, std::string_view name) {
  return std::ranges::find(job.lora->targets, name) != job.lora->targets.end();
}

Broken adapters_need_lora(const JobDraft& d) {
  if (d.job.task == Task::lora) return std::nullopt;
  for (const char* field : {"lora_rank", "lora_alpha", "lora_targets"}) {
    if (field_text(d.request, field).empty()) continue;
    return Problem{place_of(d.request, {field}), fmt::format("a job of task {} has no adapters", name(d.job.task)),
                   "--task lora"};
  }
  return std::nullopt;
}

Broken packs_need_tuning(const JobDraft& d) {
  if (d.job.task != Task::pretrain || !d.request.packed.value_or(false)) return std::nullopt;
  return Problem{place_of(d.request, {"packed"}), "pre-training runs on full samples", "--task sft or --task lora"};
}

Broken targets_known(const JobDraft& d) {
  const Job& j = d.job;
  const std::vector<LoraTarget> known = lora_targets(j.model);
  if (!j.lora || known.empty()) return std::nullopt;
  std::vector<std::string> names = {std::string(kPackedQkv)}, wrong, hints;
  for (const LoraTarget& target : known) names.push_back(target.name);
  for (const std::string& target : j.lora->targets) {
    if (std::ranges::find(names, target) != names.end()) continue;
    wrong.push_back(target);
    for (const std::string& near : nearest(target, names)) hints.push_back(near);
  }
  if (wrong.empty() && !j.lora->targets.empty()) return std::nullopt;
  const std::string all = fmt::format("the linear layers of {}: {}, or all", j.model.name, join(names, ", "));
  return Problem{place_of(d.request, {"lora_targets"}),
                 wrong.empty() ? "no linear layer is named"
                               : fmt::format("{} has no linear layer {}", j.model.name, join(wrong, ", ")),
                 hints.empty() ? all : fmt::format("did you mean {}? {}", join(hints, ", "), all)};
}

Broken packed_qkv_alone(const JobDraft& d) {
  const Job& j = d.job;
  if (!j.lora || !has_target(j, kPackedQkv)) return std::nullopt;
  std::vector<std::string> twice;
  for (const char* part : {"q_proj", "k_proj", "v_proj"}) {
    if (has_target(j, part)) twice.emplace_back(part);
  }
  if (twice.empty()) return std::nullopt;
  return Problem{
      place_of(d.request, {"lora_targets"}),
      fmt::format("{} is one adapter for q, k and v, and {} would be a second", kPackedQkv, join(twice, ", ")),
      fmt::format("leave out either {} or {}", kPackedQkv, join(twice, ", "))};
}

Broken rank_fits(const JobDraft& d) {
  const Job& j = d.job;
  if (!j.lora) return std::nullopt;
  for (const LoraTarget& target : lora_targets(j.model)) {
    const bool in_packed = target.name == "q_proj" && has_target(j, kPackedQkv);  // no narrower than q alone
    if (!has_target(j, target.name) && !in_packed) continue;
    const std::int64_t least = std::min(target.in, target.out);
    if (j.lora->rank <= least) continue;
    return Problem{
        place_of(d.request, {"lora_rank"}),
        fmt::format("rank {} is over the {} of {} ({} x {})", j.lora->rank, least, target.name, target.out, target.in),
        fmt::format("use a rank of at most {}", least)};
  }
  return std::nullopt;
}

constexpr JobRule kRules[] = {adapters_need_lora, packs_need_tuning, targets_known, packed_qkv_alone, rank_fits};

}  // namespace

std::span<const JobRule> tuning_rules() { return kRules; }

}  // namespace perfbench
