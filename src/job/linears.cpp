#include "job/linears.h"

#include <algorithm>
#include <type_traits>

namespace perfbench {
namespace {

void append(std::vector<LinearSpec>& list, std::vector<LinearSpec> more) {
  list.insert(list.end(), more.begin(), more.end());
}

// Modules of an MLP; of the dense one, of the routed or of the shared experts.
struct MlpModules {
  std::string_view gate, up, down, width;
};

constexpr MlpModules kDense{"mlp.gate_proj", "mlp.up_proj", "mlp.down_proj", "intermediate_size"};
constexpr MlpModules kExperts{"mlp.experts.{e}.gate_proj", "mlp.experts.{e}.up_proj", "mlp.experts.{e}.down_proj",
                              "expert width"};
constexpr MlpModules kShared{"mlp.shared_experts.gate_proj", "mlp.shared_experts.up_proj",
                             "mlp.shared_experts.down_proj", "shared expert width"};

std::vector<LinearSpec> mlp_linears(std::int64_t hidden, const MlpModules& modules, const Dense& mlp, int experts = 0) {
  const Features h{.name = "hidden_size", .size = hidden}, f{.name = modules.width, .size = mlp.ffn};
  const auto column = [&](std::string_view module) {
    return LinearSpec{.module = module, .in = h, .out = f, .split = Split::out, .experts = experts, .bias = mlp.bias};
  };
  std::vector<LinearSpec> list;
  if (mlp.gated) list.push_back(column(modules.gate));
  list.push_back(column(modules.up));
  list.push_back({.module = modules.down, .in = f, .out = h, .split = Split::in, .experts = experts, .bias = mlp.bias});
  return list;
}

}  // namespace

std::vector<LinearSpec> linears(std::int64_t hidden, const Gqa& gqa) {
  const std::int64_t d = gqa.head_dim;
  const Features h{.name = "hidden_size", .size = hidden};
  const Features q{.name = "heads x head_dim", .size = gqa.heads * d, .unit = d};
  const Features kv{.name = "kv_heads x head_dim", .size = gqa.kv_heads * d, .unit = d};
  return {{.module = "self_attn.q_proj", .in = h, .out = q, .split = Split::out, .bias = gqa.bias},
          {.module = "self_attn.k_proj", .in = h, .out = kv, .split = Split::out, .bias = gqa.bias},
          {.module = "self_attn.v_proj", .in = h, .out = kv, .split = Split::out, .bias = gqa.bias},
          {.module = "self_attn.o_proj", .in = q, .out = h, .split = Split::in, .bias = gqa.out_bias}};
}

std::vector<LinearSpec> linears(std::int64_t hidden, const Mla& mla) {
  const std::int64_t n = mla.heads, qk = mla.qk_nope_dim + mla.qk_rope_dim, kv = mla.qk_nope_dim + mla.v_dim;
  const Features h{.name = "hidden_size", .size = hidden};
  const Features q{.name = "heads x (nope + rope)", .size = n * qk, .unit = qk};
  const Features latent_q{.name = "q_lora_rank", .size = mla.q_rank};
  const Features latent_kv{.name = "kv_lora_rank", .size = mla.kv_rank};
  const Features latent_and_key{.name = "kv_lora_rank + rope", .size = mla.kv_rank + mla.qk_rope_dim};
  const Features up{.name = "heads x (nope + v_dim)", .size = n * kv, .unit = kv};
  const Features v{.name = "heads x v_dim", .size = n * mla.v_dim, .unit = mla.v_dim};
  std::vector<LinearSpec> list;
  if (mla.q_rank == 0) {
    list = {{.module = "self_attn.q_proj", .in = h, .out = q, .split = Split::out}};
  } else {
    list = {{.module = "self_attn.q_a_proj", .in = h, .out = latent_q, .bias = mla.bias},
            {.module = "self_attn.q_b_proj", .in = latent_q, .out = q, .split = Split::out}};
  }
  list.push_back({.module = "self_attn.kv_a_proj_with_mqa", .in = h, .out = latent_and_key, .bias = mla.bias});
  list.push_back({.module = "self_attn.kv_b_proj", .in = latent_kv, .out = up, .split = Split::out});
  list.push_back({.module = "self_attn.o_proj", .in = v, .out = h, .split = Split::in, .bias = mla.bias});
  return list;
}

std::vector<LinearSpec> linears(std::int64_t hidden, const Mamba2& mamba) {
  const std::int64_t inner = mamba.heads * mamba.head_dim;
  const Features h{.name = "hidden_size", .size = hidden};
  const Features in{.name = "Mamba in_proj width",  // z, x, B, C, dt
                    .size = 2 * inner + 2 * mamba.state * mamba.groups + mamba.heads};
  const Features out{.name = "Mamba inner width", .size = inner, .unit = mamba.head_dim};
  return {{.module = "mixer.in_proj", .in = h, .out = in, .split = Split::out},
          {.module = "mixer.out_proj", .in = out, .out = h, .split = Split::in}};
}

std::vector<LinearSpec> linears(std::int64_t hidden, const SelfAndCross& cross) {
  const Features h{.name = "hidden_size", .size = hidden};
  const Features heads{.name = "heads x head_dim", .size = cross.heads * cross.head_dim, .unit = cross.head_dim};
  std::vector<LinearSpec> list;
  for (const std::string_view module :  // over the video, then over the text
       {"attn1.to_q", "attn1.to_k", "attn1.to_v", "attn2.to_q", "attn2.to_k", "attn2.to_v"}) {
    list.push_back({.module = module, .in = h, .out = heads, .split = Split::out, .bias = cross.bias});
  }
  for (const std::string_view module : {"attn1.to_out", "attn2.to_out"}) {
    list.push_back({.module = module, .in = heads, .out = h, .split = Split::in, .bias = cross.bias});
  }
  return list;
}

std::vector<LinearSpec> linears(std::int64_t hidden, const Dense& dense) { return mlp_linears(hidden, kDense, dense); }

std::vector<LinearSpec> linears(std::int64_t hidden, const Moe& moe) {
  std::vector<LinearSpec> list = {{.module = "mlp.gate",
                                   .in = {.name = "hidden_size", .size = hidden},
                                   .out = {.name = "experts", .size = moe.experts},
                                   .compute = Width::f32,
                                   .bias = moe.bias}};
  const Dense expert{.ffn = moe.ffn, .activation = moe.activation, .gated = moe.gated, .bias = moe.bias};
  append(list, mlp_linears(hidden, kExperts, expert, moe.experts));
  if (moe.shared) append(list, mlp_linears(hidden, kShared, *moe.shared));
  return list;
}

std::vector<LinearSpec> linears(const ModelSpec& model, const LayerSpec& layer) {
  const auto of = [&](const auto& block) -> std::vector<LinearSpec> {
    if constexpr (std::is_same_v<std::remove_cvref_t<decltype(block)>, std::monostate>) {
      return {};
    } else {
      return linears(model.hidden, block);
    }
  };
  std::vector<LinearSpec> list = std::visit(of, layer.mixer);
  append(list, std::visit(of, layer.mlp));
  return list;
}

std::int64_t local_size(const Features& features, int ranks) { return std::max(features.size / ranks, features.unit); }

}  // namespace perfbench
