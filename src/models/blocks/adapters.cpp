#include "models/blocks/adapters.h"

#include <algorithm>
#include <array>

#include "base/error.h"
#include "job/lora_targets.h"

namespace perfbench {
namespace {

struct TensorPair {
  std::string_view target;
  const char *a, *b;
};

constexpr std::array kTensors{
    TensorPair{"q_proj", "base_model.model.model.layers.{}.self_attn.q_proj.lora_A.weight",
               "base_model.model.model.layers.{}.self_attn.q_proj.lora_B.weight"},
    TensorPair{"k_proj", "base_model.model.model.layers.{}.self_attn.k_proj.lora_A.weight",
               "base_model.model.model.layers.{}.self_attn.k_proj.lora_B.weight"},
    TensorPair{"v_proj", "base_model.model.model.layers.{}.self_attn.v_proj.lora_A.weight",
               "base_model.model.model.layers.{}.self_attn.v_proj.lora_B.weight"},
    TensorPair{"o_proj", "base_model.model.model.layers.{}.self_attn.o_proj.lora_A.weight",
               "base_model.model.model.layers.{}.self_attn.o_proj.lora_B.weight"},
    TensorPair{"gate_proj", "base_model.model.model.layers.{}.mlp.gate_proj.lora_A.weight",
               "base_model.model.model.layers.{}.mlp.gate_proj.lora_B.weight"},
    TensorPair{"up_proj", "base_model.model.model.layers.{}.mlp.up_proj.lora_A.weight",
               "base_model.model.model.layers.{}.mlp.up_proj.lora_B.weight"},
    TensorPair{"down_proj", "base_model.model.model.layers.{}.mlp.down_proj.lora_A.weight",
               "base_model.model.model.layers.{}.mlp.down_proj.lora_B.weight"},
    TensorPair{kPackedQkv, "base_model.model.model.layers.{}.self_attn.qkv_proj.lora_A.weight",
               "base_model.model.model.layers.{}.self_attn.qkv_proj.lora_B.weight"},
};

const TensorPair& tensors_of(std::string_view target) {
  const auto found =
      std::find_if(kTensors.begin(), kTensors.end(), [&](const TensorPair& pair) { return pair.target == target; });
  check(found != kTensors.end(), "adapters: a module without names for its adapter");
  return *found;
}

bool is_target(const LocalShape& shape, std::string_view name) {
  return shape.lora &&
         std::find(shape.lora->targets.begin(), shape.lora->targets.end(), name) != shape.lora->targets.end();
}

Adapters empty_adapters(const LocalShape& shape, const AdapterNames& names) {
  const Lora& lora = shape.lora.value();
  return {.a_name = names.a, .b_name = names.b, .h_name = names.h, .rank = lora.rank, .scale = lora.alpha / lora.rank};
}

constexpr AdapterNames kQkvNames{.a = "qkv_lora_a", .b = "qkv_lora_b", .h = "qkv_lora"};

// q, k and v are three parts of one B, so that each rank has the rows of its own heads.
Adapters packed_qkv_adapter(const LocalShape& shape, std::int64_t q, std::int64_t kv) {
  Adapters adapters = empty_adapters(shape, kQkvNames);
  const TensorPair& tensors = tensors_of(kPackedQkv);
  adapters.columns[0] = {.columns = q + 2 * kv, .adapted = true};
  adapters.a[0] = whole_rows(tensors.a, adapters.rank);
  adapters.b = {split_rows(tensors.b, q, shape.tp), split_rows(tensors.b, kv, shape.tp),
                split_rows(tensors.b, kv, shape.tp)};
  std::int64_t row = 0;
  for (Piece& piece : adapters.b) {
    piece.first_row = row;
    piece.tensor_rows = (q + 2 * kv) * shape.tp;
    row += piece.model_rows;
  }
  return adapters;
}

}  // namespace

Adapters adapters_of(const LocalShape& shape, const AdapterNames& names, std::initializer_list<AdapterPart> parts,
                     bool split_over_tp) {
  if (std::none_of(parts.begin(), parts.end(),
                   [&](const AdapterPart& part) { return is_target(shape, part.target); })) {
    return {};
  }
  Adapters adapters = empty_adapters(shape, names);
  std::size_t block = 0, adapter = 0;
  for (const AdapterPart& part : parts) {
    const bool adapted = is_target(shape, part.target);
    adapters.columns.at(block++) = {.columns = part.columns, .adapted = adapted};
    if (!adapted) continue;
    const TensorPair& tensors = tensors_of(part.target);
    adapters.a.at(adapter) = whole_rows(tensors.a, adapters.rank);
    adapters.b.at(adapter++) =
        split_over_tp ? split_rows(tensors.b, part.columns, shape.tp) : whole_rows(tensors.b, part.columns);
  }
  return adapters;
}

Adapters qkv_adapters(const LocalShape& shape) {
  const std::int64_t q = shape.heads.heads * shape.heads.head_dim, kv = shape.heads.kv_heads * shape.heads.head_dim;
  if (is_target(shape, kPackedQkv)) return packed_qkv_adapter(shape, q, kv);
  return adapters_of(shape, kQkvNames, {{"q_proj", q}, {"k_proj", kv}, {"v_proj", kv}}, true);
}

}  // namespace perfbench
