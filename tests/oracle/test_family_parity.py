"""GPT-2, Nemotron and Qwen3 against Hugging Face transformers: what test_llama_parity.py asks of the Llamas."""

import pytest
from oracle_paths import require_engine

require_engine()

import torch  # noqa: E402
from agreement import agrees, moved_alike  # noqa: E402
from model_folder import Case, load  # noqa: E402
from safetensors.torch import load_file  # noqa: E402

torch.set_num_threads(1)

MODELS = {
    "gpt2": Case(seed=41, family="gpt2", tied=True),
    "gpt2_untied": Case(seed=42, family="gpt2", tied=False, seq_len=11, rows=3),
    "gpt2_exact_gelu": Case(seed=43, family="gpt2", tied=True, activation="gelu", ffn=88, vocab=97),
    "gpt2_fast_gelu": Case(seed=44, family="gpt2", tied=True, activation="gelu_fast", norm_eps=1e-2),
    "gpt2_silu": Case(seed=45, family="gpt2", tied=True, activation="silu", layers=1, heads=2),
    "nemotron": Case(seed=46, family="nemotron"),
    "nemotron_biases": Case(seed=47, family="nemotron", attention_bias=True, mlp_bias=True, rotary_share=0.25),
    "nemotron_tied": Case(seed=48, family="nemotron", tied=True, head_dim=20, kv_heads=4, rotary_share=1.0, vocab=97),
    "nemotron_rope_scaling": Case(seed=49, family="nemotron", rope_factor=4.0, seq_len=32, norm_eps=1e-2),
    "nemotron_gelu": Case(seed=50, family="nemotron", activation="gelu_pytorch_tanh"),
    "qwen3": Case(seed=51, family="qwen3"),
    "qwen3_tied": Case(seed=52, family="qwen3", tied=True, head_dim=24, kv_heads=1, norm_eps=1e-2),
    "qwen3_biases": Case(seed=53, family="qwen3", attention_bias=True, heads=6, kv_heads=3, hidden=48, seq_len=13),
}

# Eight samples go over many layouts; the vocabulary divides by no tp.
LAYOUT_MODELS = {
    "gpt2": Case(seed=61, family="gpt2", layers=4, tied=True, vocab=125, rows=8, seq_len=8),
    "gpt2_untied": Case(seed=62, family="gpt2", layers=4, tied=False, vocab=125, rows=8, seq_len=8),
    "nemotron": Case(seed=63, family="nemotron", layers=4, head_dim=12, vocab=125, rows=8, seq_len=8),
    "qwen3": Case(seed=64, family="qwen3", layers=4, head_dim=12, vocab=125, rows=8, seq_len=8),
}

LAYOUTS = ["-tp 1 -mb 4", "-tp 2", "-pp 2", "-pp 2 -vp 2", "-ng 4", "-tp 2 -pp 2 -ng 8", "-tp 2 -pp 2 -vp 2 -ng 8"]


@pytest.mark.parametrize("name", MODELS)
def test_loss_and_gradients(verify, folders, name):
    folder, expected = folders.get(MODELS[name])
    found = agrees(verify(folder, "--expect", expected))
    assert set(found["gradients"]) == {n for n, _ in load(folder).named_parameters()}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", LAYOUT_MODELS)
def test_layout(verify, folders, name, layout):
    """Loss, gradients and three steps are those of transformers, whatever the layout."""
    folder, expected = folders.get(LAYOUT_MODELS[name], None, 3)
    found = agrees(verify(folder, "--expect", expected, "--steps", 3, *layout.split()))
    assert found["expect"]["compared"] == 1 + 3 + len(found["gradients"])


@pytest.mark.parametrize("name", LAYOUT_MODELS)
@pytest.mark.parametrize("stack", ["no_sequence_parallelism", "no_distributed_optimizer", "no_fused_accumulation"])
def test_policy_of_the_stack(verify, folders, data_folder, name, stack):
    folder, expected = folders.get(LAYOUT_MODELS[name], None, 3)
    layout = ["--steps", 3, "-tp", 2, "-pp", 2, "-ng", 8]
    agrees(verify(folder, "--expect", expected, "--stack", stack, *layout, env={"PERFBENCH_DATA": str(data_folder)}))


@pytest.mark.parametrize("layout", ["-tp 1", "-tp 2 -pp 2 -ng 8"])
@pytest.mark.parametrize("name", LAYOUT_MODELS)
def test_bf16(verify, folders, name, layout):
    """Against exact arithmetic on the same weights."""
    folder, expected = folders.get(Case(**(vars(LAYOUT_MODELS[name]) | {"dtype": "bfloat16"})), torch.float32)
    assert agrees(verify(folder, "--expect", expected, *layout.split()))["precision"] == "bf16"


@pytest.mark.parametrize("layout", ["-tp 1", "-tp 2 -pp 2 -ng 8"])
@pytest.mark.parametrize("name", ["gpt2", "nemotron", "qwen3"])
def test_fp8_current_scaling(verify, folders, data_folder, name, layout):
    case = Case(seed=71, family=name, tied=name == "gpt2", layers=4, rows=8, seq_len=32, dtype="bfloat16")
    folder, expected = folders.get(case, torch.float32)
    found = agrees(verify(folder, "-c", "fp8cs", "--stack", "bf16_parameters", "--expect", expected, *layout.split(),
                          env={"PERFBENCH_DATA": str(data_folder)}))
    # Gradients that are as near as BF16's were not computed in FP8.
    assert found["expect"]["worst"]["difference"] > 0.02 * found["expect"]["worst"]["expected"]


def moving(parameter, tensor):
    """What a gradient moves. A bias of the keys adds the same to all scores of a query where positions do not rotate
    them: its gradient is zero, and AdamW blows up the rounding that is left."""
    if not parameter.endswith("attn.c_attn.bias"):
        return tensor
    query, _, value = tensor.chunk(3)
    return torch.cat([query, value])


@pytest.mark.parametrize(
    ("name", "layout"), [("gpt2", "-tp 2 -pp 2 -ng 8"), ("nemotron", "-tp 2 -pp 2 -vp 2"), ("qwen3", "-tp 2 -ng 4")]
)
def test_five_steps_of_adamw(verify, folders, tmp_path, name, layout):
    """What a parameter moved in five steps is off by at most 0.5 % of the way."""
    folder, expected = folders.get(LAYOUT_MODELS[name], None, 5)
    agrees(verify(folder, "--expect", expected, "--steps", 5, "--save-weights", tmp_path / "weights.safetensors",
                  *layout.split()))
    before, found = load_file(folder / "model.safetensors"), load_file(tmp_path / "weights.safetensors")
    wanted = load_file(folder / "weights.safetensors")
    moved_alike(before, found, wanted, moving)
