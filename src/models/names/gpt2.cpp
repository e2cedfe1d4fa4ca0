// GPT-2 and GPT-3. (transformers 5, modeling_gpt2.py: Conv1D stores its weight (in, out))
#include "models/names.h"

namespace perfbench {
namespace {

constexpr ModuleName kModules[] = {
    {"input_layernorm", "ln_1"},         {"self_attn.q_proj", "attn.c_attn"}, {"self_attn.k_proj", "attn.c_attn"},
    {"self_attn.v_proj", "attn.c_attn"}, {"self_attn.o_proj", "attn.c_proj"}, {"post_attention_layernorm", "ln_2"},
    {"mlp.up_proj", "mlp.c_fc"},         {"mlp.down_proj", "mlp.c_proj"},
};

}  // namespace

extern const FamilyNames kGpt2Names;
constinit const FamilyNames kGpt2Names{.layer = "transformer.h.{}.",
                                       .embedding = "transformer.wte.weight",
                                       .positions = "transformer.wpe.weight",
                                       .final_norm = "transformer.ln_f",
                                       .renamed = kModules,
                                       .transposed_linears = true};

}  // namespace perfbench
