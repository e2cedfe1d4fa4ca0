#include "models/adapters.h"

#include <algorithm>
#include <string>

#include "job/lora_targets.h"
#include "models/missing.h"
#include "models/pieces.h"

namespace perfbench {
namespace {

bool is_target(const Job& job, std::string_view name) {
  return std::find(job.lora->targets.begin(), job.lora->targets.end(), name) != job.lora->targets.end();
}

// "base_model.model.model.layers.{}.self_attn.q_proj.lora_A.weight"
std::string tensor_of(const FamilyNames& family, std::string_view module, char matrix) {
  return "base_model.model." + layer_module(family, module) + ".lora_" + matrix + ".weight";
}

// q, k and v are three parts of one B, so that each rank has the rows of its own heads.
void add_packed(Adapters& adapters, const FamilyNames& family, std::span<const LinearSpec> parts, int tp) {
  const std::string module = std::string("self_attn.").append(kPackedQkv);
  adapters.a.push_back(whole_rows(tensor_of(family, module, 'A'), adapters.rank));
  std::int64_t row = 0, columns = 0;
  for (const LinearSpec& part : parts) {
    Piece piece = output_rows(tensor_of(family, module, 'B'), part, tp);
    piece.first_row = row;
    row += piece.model_rows;
    columns += piece.rows;
    adapters.b.push_back(std::move(piece));
  }
  for (Piece& piece : adapters.b) piece.tensor_rows = row;
  adapters.columns[0] = {.columns = columns, .adapted = true};
}

void add_each(Adapters& adapters, const Job& job, const FamilyNames& family, std::span<const LinearSpec> parts) {
  std::size_t block = 0;
  for (const LinearSpec& part : parts) {
    const bool adapted = is_target(job, part.target());
    Piece b = output_rows(tensor_of(family, part.module, 'B'), part, job.layout.tp);
    adapters.columns.at(block++) = {.columns = b.rows, .adapted = adapted};
    if (!adapted) continue;
    adapters.a.push_back(whole_rows(tensor_of(family, part.module, 'A'), adapters.rank));
    adapters.b.push_back(std::move(b));
  }
}

}  // namespace

Adapters adapters_of(const Job& job, const FamilyNames& family, const AdapterNames& names,
                     std::span<const LinearSpec> parts) {
  if (!job.lora) return {};
  const bool packed = parts.front().target() == "q_proj" && is_target(job, kPackedQkv);
  const bool any =
      packed || std::ranges::any_of(parts, [&](const LinearSpec& part) { return is_target(job, part.target()); });
  if (!any) return {};
  const Lora& lora = *job.lora;
  Adapters adapters{.a_name = names.a, .b_name = names.b, .h_name = names.h, .rank = lora.rank};
  adapters.scale = lora.alpha / lora.rank;
  if (packed) {
    add_packed(adapters, family, parts, job.layout.tp);
  } else {
    add_each(adapters, job, family, parts);
  }
  return adapters;
}

std::optional<Missing> missing_adapters(const Job& job) {
  if (!job.lora || !lora_targets(job.model).empty()) return std::nullopt;
  return Missing{"lora", "adapters beside the linear layers of " + job.model.family};
}

}  // namespace perfbench
