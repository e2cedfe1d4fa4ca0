// Rules about states: who shares them, and in which types of elements they are kept.
#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "base/text.h"
#include "job/job_rules.h"
#include "job/request_fields.h"

namespace perfbench {

namespace {

using Broken = BrokenRule;

// The divisors of `number` on both sides of `value`, "8 or 16", of those from `least` on.
std::string divisors_near(std::int64_t value, std::int64_t number, std::int64_t least) {
  std::int64_t below = 0, above = 0;
  for (std::int64_t d = number; d >= least; --d) {
    if (number % d != 0) continue;
    (d > value ? above : below) = d;
    if (d <= value) break;
  }
  if (below == 0 || above == 0) return std::to_string(below + above);
  return fmt::format("{} or {}", below, above);
}

// Of a group of one rank nothing would be sharded.
Broken fsdp_size_divides(const JobDraft& d) {
  constexpr int kLeast = 2;
  const ParallelLayout& l = d.job.layout;
  const int copies = l.dp * l.cp;
  if (!d.request.fsdp_size || !l.fsdp || copies <= 1) return std::nullopt;
  if (l.fsdp_size >= kLeast && copies % l.fsdp_size == 0) return std::nullopt;
  const std::string rule = l.fsdp_size < kLeast ? fmt::format("fsdp_size {} shards nothing", l.fsdp_size)
                                                : fmt::format("fsdp_size {} does not divide dp {} x cp {} = {}",
                                                              l.fsdp_size, l.dp, l.cp, copies);
  return Problem{place_of(d.request, {"fsdp_size", "num_gpus", "tp", "pp", "cp"}), rule,
                 fmt::format("use an fsdp_size of {}", divisors_near(l.fsdp_size, copies, kLeast))};
}

// Where nothing is sharded, a flag of how it is sharded says nothing; a row's value only waits.
Broken sharding_needs_fsdp(const JobDraft& d) {
  if (d.job.layout.fsdp) return std::nullopt;
  for (const char* field : {"fsdp_size", "fsdp_reshard", "defer_grad_sync"}) {
    if (!from_flag(d.request, field)) continue;
    return Problem{place_of(d.request, {field}), fmt::format("{} is of sharded parameters, and fsdp is off", field),
                   "add --use_mcore_fsdp 1, or take a stack that always shards"};
  }
  return std::nullopt;
}

Broken state_dtypes_known(const JobDraft& d) {
  const std::vector<std::string> words = {"f32", "bf16"};
  for (const char* field : {"param_dtype", "grad_dtype", "optimizer_state_dtype"}) {
    const std::string word = lower(field_text(d.request, field));
    if (word.empty() || std::ranges::find(words, word) != words.end()) continue;
    return Problem{place_of(d.request, {field}), fmt::format("{} is f32 or bf16", field), nearest_hint(word, words)};
  }
  return std::nullopt;
}

Broken fp32_states_are_f32(const JobDraft& d) {
  if (d.job.precision != Precision::fp32) return std::nullopt;
  for (const char* field : {"param_dtype", "grad_dtype"}) {
    if (lower(field_text(d.request, field)) != "bf16") continue;
    return Problem{place_of(d.request, {field}), fmt::format("an fp32 job has a {} of f32", field),
                   "leave it out, or use --compute_dtype bf16"};
  }
  return std::nullopt;
}

// What is held in FP8 is gathered in FP8.
Broken fp8_params_or_f32_shares(const JobDraft& d) {
  const Job& j = d.job;
  const bool f32_shares = j.layout.fsdp && j.stack.param_dtype == DType::f32;
  if (!f32_shares || !is_scaled(j.precision) || !j.stack.fp8_params) return std::nullopt;
  return Problem{
      place_of(d.request, {"param_dtype", "dtype", "fp8_recipe"}),
      fmt::format("stack {} shards and gathers the parameters of linear layers in FP8, not in f32", j.stack.name),
      "leave param_dtype out, or take a stack that casts to FP8 what it has gathered"};
}

constexpr JobRule kRules[] = {fsdp_size_divides, sharding_needs_fsdp, state_dtypes_known, fp32_states_are_f32,
                              fp8_params_or_f32_shares};

}  // namespace

std::span<const JobRule> sharding_rules() { return kRules; }

}  // namespace perfbench
