#include "models/tensor_names.h"

namespace perfbench {
namespace {

// Llama, Qwen2, Qwen3, Nemotron. (transformers 5, modeling_llama.py, modeling_nemotron.py, modeling_qwen3.py)
constexpr TensorNames kLlama{
    .embedding = {"model.embed_tokens.weight"},
    .input_norm = {"model.layers.{}.input_layernorm.weight", "model.layers.{}.input_layernorm.bias"},
    .q = {"model.layers.{}.self_attn.q_proj.weight", "model.layers.{}.self_attn.q_proj.bias"},
    .k = {"model.layers.{}.self_attn.k_proj.weight", "model.layers.{}.self_attn.k_proj.bias"},
    .v = {"model.layers.{}.self_attn.v_proj.weight", "model.layers.{}.self_attn.v_proj.bias"},
    .q_norm = {"model.layers.{}.self_attn.q_norm.weight"},
    .k_norm = {"model.layers.{}.self_attn.k_norm.weight"},
    .o = {"model.layers.{}.self_attn.o_proj.weight", "model.layers.{}.self_attn.o_proj.bias"},
    .post_norm = {"model.layers.{}.post_attention_layernorm.weight", "model.layers.{}.post_attention_layernorm.bias"},
    .gate = {"model.layers.{}.mlp.gate_proj.weight", "model.layers.{}.mlp.gate_proj.bias"},
    .up = {"model.layers.{}.mlp.up_proj.weight", "model.layers.{}.mlp.up_proj.bias"},
    .down = {"model.layers.{}.mlp.down_proj.weight", "model.layers.{}.mlp.down_proj.bias"},
    .final_norm = {"model.norm.weight", "model.norm.bias"},
    .head = {"lm_head.weight"},
};

// (transformers 5, modeling_gpt2.py: Conv1D stores its weight (in, out))
constexpr TensorNames kGpt2{
    .embedding = {"transformer.wte.weight"},
    .positions = {"transformer.wpe.weight"},
    .input_norm = {"transformer.h.{}.ln_1.weight", "transformer.h.{}.ln_1.bias"},
    .q = {"transformer.h.{}.attn.c_attn.weight", "transformer.h.{}.attn.c_attn.bias"},
    .k = {"transformer.h.{}.attn.c_attn.weight", "transformer.h.{}.attn.c_attn.bias"},
    .v = {"transformer.h.{}.attn.c_attn.weight", "transformer.h.{}.attn.c_attn.bias"},
    .o = {"transformer.h.{}.attn.c_proj.weight", "transformer.h.{}.attn.c_proj.bias"},
    .post_norm = {"transformer.h.{}.ln_2.weight", "transformer.h.{}.ln_2.bias"},
    .up = {"transformer.h.{}.mlp.c_fc.weight", "transformer.h.{}.mlp.c_fc.bias"},
    .down = {"transformer.h.{}.mlp.c_proj.weight", "transformer.h.{}.mlp.c_proj.bias"},
    .final_norm = {"transformer.ln_f.weight", "transformer.ln_f.bias"},
    .head = {"lm_head.weight"},
    .packed_qkv = true,
    .transposed_linears = true,
};

}  // namespace

const TensorNames& tensor_names(const ModelSpec& model) { return model.family == "gpt2" ? kGpt2 : kLlama; }

}  // namespace perfbench
