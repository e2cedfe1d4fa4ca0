"""Hugging Face transformers as the oracle of model_configs/models/*/config.json.

Every file must load with the configuration class of its family and give the values of the small tables below, which are
typed by hand and not read from the files. Needs transformers 5.x (nemotron_h), but not PyTorch.
"""

import json
from pathlib import Path

import pytest
from transformers import AutoConfig
from transformers.models.deepseek_v3 import DeepseekV3Config

MODELS = Path(__file__).resolve().parents[2] / "model_configs" / "models"

# name: layers, hidden, heads, kv heads, head dim, ffn, vocabulary, the count that models are called by (billions)
SHAPES = {
    "llama2_7b": (32, 4096, 32, 32, 128, 11008, 32000, 6.7),
    "llama2_13b": (40, 5120, 40, 40, 128, 13824, 32000, 13.0),
    "llama2_34b": (48, 8192, 64, 8, 128, 22016, 32000, 33.7),
    "llama2_70b": (80, 8192, 64, 8, 128, 28672, 32000, 69.0),
    "llama3_8b": (32, 4096, 32, 8, 128, 14336, 128256, 8.03),
    "llama3_70b": (80, 8192, 64, 8, 128, 28672, 128256, 70.6),
    "llama31_405b": (126, 16384, 128, 8, 128, 53248, 128256, 405.8),
    "gpt3_5b": (24, 4096, 32, 32, 128, 16384, 51200, 5.0),
    "gpt3_20b": (44, 6144, 48, 48, 128, 24576, 51200, 20.2),
    "gpt3_175b": (96, 12288, 96, 96, 128, 49152, 51200, 174.6),
    "nemotron3_8b": (32, 4096, 32, 32, 128, 16384, 256000, 8.5),
    "nemotron3_22b": (40, 6144, 48, 48, 128, 24576, 256000, 21.3),
    "nemotron4_15b": (32, 6144, 48, 8, 128, 24576, 256000, 15.6),
    "nemotron4_340b": (96, 18432, 96, 8, 192, 73728, 256000, 341.0),
    "mixtral_8x7b": (32, 4096, 32, 8, 128, 14336, 32000, 46.7),
    "mixtral_8x22b": (56, 6144, 48, 8, 128, 16384, 32000, 140.6),
    "grok1_314b": (64, 6144, 48, 8, 128, 32768, 131072, 316.5),
    "deepseek_v3": (61, 7168, 128, 128, 192, 18432, 129280, 671.0),
    "kimi_k2": (61, 7168, 64, 64, 192, 18432, 163840, 1026.4),
    "qwen3_30b_a3b": (48, 2048, 32, 4, 128, 6144, 151936, 30.5),
    "qwen3_235b_a22b": (94, 4096, 64, 4, 128, 12288, 151936, 235.1),
    "gptoss_20b": (24, 2880, 64, 8, 64, 2880, 201088, 20.9),
    "gptoss_120b": (36, 2880, 64, 8, 64, 2880, 201088, 116.8),
    "nemotron3_nano_30b": (52, 2688, 32, 2, 128, 1856, 131072, 31.6),
    "nemotron5h_56b": (118, 8192, 64, 8, 128, 32768, 131072, 56.3),
    "llama4_scout": (48, 5120, 40, 8, 128, 8192, 202048, 107.8),
    "llama4_maverick": (48, 5120, 40, 8, 128, 8192, 202048, 400.7),
    "qwen2p5_7b": (28, 3584, 28, 4, 128, 18944, 152064, 7.6),
    "qwen2p5_32b": (64, 5120, 40, 8, 128, 27648, 152064, 32.8),
    "qwen3_8b": (36, 4096, 32, 8, 128, 12288, 151936, 8.2),
}

# name: values of the loaded configuration that only its family has
FAMILY = {
    "gpt3_175b": {"n_positions": 2048, "activation_function": "gelu", "tie_word_embeddings": True},
    "nemotron4_15b": {"hidden_act": "relu2", "norm_eps": 1e-5},
    "nemotron4_340b": {"hidden_act": "relu2", "norm_eps": 1e-5},
    "mixtral_8x7b": {"num_local_experts": 8, "num_experts_per_tok": 2, "sliding_window": None},
    "mixtral_8x22b": {"num_local_experts": 8, "num_experts_per_tok": 2, "sliding_window": None},
    "deepseek_v3": {"n_routed_experts": 256, "first_k_dense_replace": 3, "moe_intermediate_size": 2048, "n_group": 8,
                    "topk_group": 4, "q_lora_rank": 1536, "kv_lora_rank": 512, "routed_scaling_factor": 2.5},
    "kimi_k2": {"n_routed_experts": 384, "first_k_dense_replace": 1, "moe_intermediate_size": 2048, "n_group": 1,
                "topk_group": 1, "q_lora_rank": 1536, "kv_lora_rank": 512, "routed_scaling_factor": 2.827},
    "qwen3_30b_a3b": {"num_experts": 128, "num_experts_per_tok": 8, "moe_intermediate_size": 768,
                      "norm_topk_prob": True},
    "grok1_314b": {"num_local_experts": 8, "num_experts_per_tok": 2, "hidden_act": "gelu"},
    "qwen3_235b_a22b": {"num_experts": 128, "num_experts_per_tok": 8, "moe_intermediate_size": 1536,
                        "norm_topk_prob": True},
    "gptoss_20b": {"num_local_experts": 32, "num_experts_per_tok": 4, "sliding_window": 128, "attention_bias": True},
    "gptoss_120b": {"num_local_experts": 128, "num_experts_per_tok": 4, "sliding_window": 128, "attention_bias": True},
    "nemotron3_nano_30b": {"mamba_num_heads": 64, "mamba_head_dim": 64, "ssm_state_size": 128, "n_groups": 8,
                           "n_routed_experts": 128, "num_experts_per_tok": 6,
                           "moe_shared_expert_intermediate_size": 3712, "mlp_hidden_act": "relu2"},
    "nemotron5h_56b": {"mamba_num_heads": 256, "mamba_head_dim": 64, "ssm_state_size": 256, "n_groups": 8,
                       "mlp_hidden_act": "relu2"},
    "llama4_scout": {"num_local_experts": 16, "interleave_moe_layer_step": 1, "intermediate_size_mlp": 16384,
                     "use_qk_norm": True, "moe_layers": list(range(48))},
    "llama4_maverick": {"num_local_experts": 128, "interleave_moe_layer_step": 2, "intermediate_size_mlp": 16384,
                        "use_qk_norm": False, "moe_layers": list(range(1, 48, 2))},
}

ROPE_THETA = {"llama": 5e5, "nemotron": 1e4, "mixtral": 1e6, "deepseek_v3": 1e4, "kimi_k2": 5e4, "qwen3_moe": 1e6,
              "gpt_oss": 1.5e5, "llama4_text": 5e5, "qwen2": 1e6, "qwen3": 1e6}

ROPE_THETA_OF = {"llama2_7b": 1e4, "llama2_13b": 1e4, "llama2_34b": 1e6, "llama2_70b": 1e4, "grok1_314b": 1e4}

# Keys of published files that the transformers classes don't declare.
UNDECLARED = {"architectures", "model_type", "torch_dtype", "rope_theta", "partial_rotary_factor"}
UNDECLARED_OF = {
    "deepseek_v3": {"moe_layer_freq", "scoring_func"},
    "kimi_k2": {"moe_layer_freq", "scoring_func"},
    "qwen3_moe": {"head_dim"},
    "nemotron_h": {"hybrid_override_pattern", "num_hidden_layers"},
}

# Arguments of diffusers' WanTransformer3DModel, and their values for the 14B model.
WAN = {"patch_size": [1, 2, 2], "num_attention_heads": 40, "attention_head_dim": 128, "in_channels": 16,
       "out_channels": 16, "text_dim": 4096, "freq_dim": 256, "ffn_dim": 13824, "num_layers": 40,
       "cross_attn_norm": True, "qk_norm": "rms_norm_across_heads", "eps": 1e-6, "image_dim": None,
       "added_kv_proj_dim": None, "rope_max_seq_len": 1024, "pos_embed_seq_len": None}


def raw(name):
    return json.loads((MODELS / name / "config.json").read_text())


def load(name):
    """transformers has no class for kimi_k2: the model is a DeepSeek-V3 by architecture."""
    if name == "kimi_k2":
        file = raw(name)
        assert file.pop("model_type") == "kimi_k2"
        return DeepseekV3Config(**file)
    return AutoConfig.from_pretrained(MODELS / name)


def folders():
    return sorted(path.name for path in MODELS.iterdir() if path.is_dir())


def test_every_folder_is_checked():
    assert folders() == sorted([*SHAPES, "wan2p1_14b"])


@pytest.mark.parametrize("name", SHAPES)
def test_loads_with_the_intended_shape(name):
    layers, hidden, heads, kv_heads, head_dim, ffn, vocab, _ = SHAPES[name]
    config = load(name)
    assert (config.num_hidden_layers, config.hidden_size, config.num_attention_heads, config.vocab_size) == (
        layers, hidden, heads, vocab)
    if config.model_type == "gpt2":  # no grouped heads; a head is hidden / heads wide
        assert (kv_heads, head_dim, config.n_inner) == (heads, hidden // heads, ffn)
        return
    assert config.num_key_value_heads == kv_heads
    assert config.intermediate_size == ffn
    if config.model_type == "deepseek_v3":
        assert config.qk_nope_head_dim + config.qk_rope_head_dim == head_dim
        assert config.v_head_dim == 128
    else:
        assert getattr(config, "head_dim", hidden // heads) == head_dim


@pytest.mark.parametrize("name", FAMILY)
def test_family_values(name):
    config = load(name)
    assert {key: getattr(config, key) for key in FAMILY[name]} == FAMILY[name]


@pytest.mark.parametrize("name", SHAPES)
def test_rope_theta(name):
    family = raw(name)["model_type"]
    rope = getattr(load(name), "rope_parameters", None)
    if family in ("gpt2", "nemotron_h"):
        assert not rope
        return
    assert rope["rope_theta"] == ROPE_THETA_OF.get(name, ROPE_THETA[family])
    assert rope["rope_type"] == ("yarn" if family == "gpt_oss" else "default")  # yarn: gpt_oss without rope_scaling
    assert rope.get("partial_rotary_factor", 1.0) == (0.5 if family == "nemotron" else 1.0)


@pytest.mark.parametrize("name", SHAPES)
def test_no_key_that_transformers_does_not_know(name):
    file, config = raw(name), load(name)
    known = set(type(config)().to_dict()) | set(config.attribute_map) | set(config.attribute_map.values())
    known |= {"layer_types"} | UNDECLARED | UNDECLARED_OF.get(file["model_type"], set())
    assert {key for key in file if not key.startswith("_")} <= known


@pytest.mark.parametrize("name", ["nemotron3_nano_30b", "nemotron5h_56b"])
def test_hybrid_pattern(name):
    pattern = raw(name)["hybrid_override_pattern"]
    words = {"M": "linear_attention", "E": "moe", "*": "full_attention", "-": "mlp"}
    assert list(load(name).layers_block_type) == [words[letter] for letter in pattern]
    counts = {letter: pattern.count(letter) for letter in "ME*-"}
    assert counts == ({"M": 23, "E": 23, "*": 6, "-": 0} if name == "nemotron3_nano_30b" else
                      {"M": 54, "E": 0, "*": 10, "-": 54})


@pytest.mark.parametrize("name", ["gptoss_20b", "gptoss_120b"])
def test_gptoss_windows_alternate(name):
    types = load(name).layer_types
    assert types[0::2] == ["sliding_attention"] * (len(types) // 2)
    assert types[1::2] == ["full_attention"] * (len(types) // 2)


@pytest.mark.parametrize("name", SHAPES)
def test_parameter_count_is_the_published_one(name):
    assert raw(name)["_params"] / 1e9 == pytest.approx(SHAPES[name][-1], abs=0.05)


@pytest.mark.parametrize("name", folders())
def test_private_keys(name):
    file = raw(name)
    assert file["_source"]
    assert all(isinstance(alias, str) and alias for alias in file["_aliases"])
    assert isinstance(file["_params"], int)


def test_wan_has_the_keys_of_diffusers():
    file = raw("wan2p1_14b")
    assert file["_class_name"] == "WanTransformer3DModel"
    assert {key: value for key, value in file.items() if not key.startswith("_")} == WAN
    channels, frames, height, width = file["_mock_latent_shape"]
    depth, tall, wide = file["patch_size"]
    assert channels == file["in_channels"]
    assert (frames // depth) * (height // tall) * (width // wide) == 37440  # the published sequence length
    assert file["_text_len"] == 512
