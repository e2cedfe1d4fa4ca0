#include "job/field_role.h"

#include <algorithm>
#include <array>
#include <cstddef>

#include "base/error.h"
#include "job/request_fields.h"

namespace perfbench {

namespace {

using enum FieldRole;
using enum ValueOf;

// vp is a size of the layout, but one that is tried out: it chooses as tuning does. A row's stack is taken where no
// flag names another.
constexpr std::array kMeanings = {
    FieldMeaning{"task", identity, job},
    FieldMeaning{"model", identity, job},
    FieldMeaning{"system", identity, job},
    FieldMeaning{"dtype", precision, job},
    FieldMeaning{"fp8_recipe", precision, job},
    FieldMeaning{"stack", stack, job},
    FieldMeaning{"num_gpus", gpus, job},
    FieldMeaning{"seq_len", layout, job},
    FieldMeaning{"gbs", layout, job},
    FieldMeaning{"mbs", layout, job},
    FieldMeaning{"tp", layout, job},
    FieldMeaning{"pp", layout, job},
    FieldMeaning{"cp", layout, job},
    FieldMeaning{"ep", layout, job},
    FieldMeaning{"etp", layout, job},
    FieldMeaning{"vp", tuning, job},
    FieldMeaning{"lora_rank", tuning, job},
    FieldMeaning{"lora_alpha", tuning, job},
    FieldMeaning{"gate_imbalance", tuning, job},
    FieldMeaning{"lora_targets", tuning, software},
    FieldMeaning{"packed", tuning, software},
    FieldMeaning{"lbs", tuning, software},
    FieldMeaning{"ga", tuning, software},
    FieldMeaning{"fsdp", tuning, software},
    FieldMeaning{"fsdp_size", tuning, software},
    FieldMeaning{"fsdp_reshard", tuning, software},
    FieldMeaning{"defer_grad_sync", tuning, software},
    FieldMeaning{"param_dtype", tuning, software},
    FieldMeaning{"grad_dtype", tuning, software},
    FieldMeaning{"optimizer_state_dtype", tuning, software},
    FieldMeaning{"sequence_parallel", tuning, software},
    FieldMeaning{"moe_gate", tuning, software},
    FieldMeaning{"moe_dispatcher", tuning, software},
    FieldMeaning{"moe_capacity", tuning, software},
    FieldMeaning{"ep_overlap", tuning, software},
    FieldMeaning{"cuda_graphs", tuning, software},
    FieldMeaning{"cuda_graph_modules", tuning, software},
    FieldMeaning{"recompute", tuning, software},
    FieldMeaning{"recompute_layers", tuning, software},
    FieldMeaning{"recompute_modules", tuning, software},
    FieldMeaning{"offload_layers", tuning, software},
    FieldMeaning{"keep_fsdp_fp8_transpose_cache", tuning, software},
    FieldMeaning{"user_buffers", tuning, software},
    FieldMeaning{"sharp", tuning, software},
};

// A field of a Request without a meaning does not compile.
constexpr bool has_every_field() {
  std::size_t known = 0, fields = 0;
  for_each_field([&](std::string_view field, auto) {
    ++fields;
    for (const FieldMeaning& meaning : kMeanings) known += meaning.field == field ? 1 : 0;
  });
  return known == fields && fields == kMeanings.size();
}
static_assert(has_every_field());

}  // namespace

std::span<const FieldMeaning> field_meanings() { return kMeanings; }

const FieldMeaning& meaning_of(std::string_view field) {
  const auto found = std::ranges::find(kMeanings, field, &FieldMeaning::field);
  check(found != kMeanings.end(), "meaning_of: this is no field of a Request");
  return *found;
}

}  // namespace perfbench
