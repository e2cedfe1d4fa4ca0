"""More tp ranks than key/value heads, by copies of a head, against transformers and peft."""

import pytest
from oracle_paths import require_engine

require_engine()

import lora_folder  # noqa: E402
import torch  # noqa: E402
from agreement import agrees, moved_alike  # noqa: E402
from lora_folder import Adapters  # noqa: E402
from model_folder import Case  # noqa: E402
from safetensors.torch import load_file  # noqa: E402

torch.set_num_threads(1)

# Two ranks for each key/value head on tp 4, four on tp 8.
SIZES = {"heads": 8, "kv_heads": 2, "head_dim": 8, "vocab": 125, "rows": 4, "seq_len": 8}
MODELS = {
    "llama": Case(seed=81, **SIZES),
    "qwen2": Case(seed=82, family="qwen2", **SIZES),
    "qwen3": Case(seed=83, family="qwen3", attention_bias=True, **SIZES),
}

LAYOUTS = [
    ("llama", "-tp 4"), ("llama", "-tp 8"), ("llama", "-tp 4 -pp 2"), ("llama", "-tp 4 -ng 8 -mb 2"),
    ("llama", "-tp 4 -ng 8 -fsdp 1"), ("llama", "-tp 4 -cp 2 --recompute_layers 2"),
    ("qwen2", "-tp 8"), ("qwen2", "-tp 4 -ng 8 -fsdp 1"), ("qwen3", "-tp 4 -ng 8"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "layout"), LAYOUTS)
def test_layout(verify, folders, name, layout):
    folder, expected = folders.get(MODELS[name], None, 3)
    found = agrees(verify(folder, "--expect", expected, "--steps", 3, *layout.split()))
    assert found["expect"]["compared"] == 1 + 3 + len(found["gradients"])


@pytest.mark.parametrize("stack", ["no_sequence_parallelism", "no_distributed_optimizer", "fsdp_deferred"])
def test_policy_of_the_stack(verify, folders, data_folder, stack):
    folder, expected = folders.get(MODELS["qwen2"], None, 3)
    layout = ["--steps", 3, "-tp", 4, "-ng", 8] + (["-fsdp", 1] if stack == "fsdp_deferred" else [])
    agrees(verify(folder, "--expect", expected, "--stack", stack, *layout, env={"PERFBENCH_DATA": str(data_folder)}))


@pytest.mark.parametrize("layout", ["-tp 4 -ng 8", "-tp 8"])
def test_adapters(verify, tmp_path, layout):
    folder = lora_folder.make(tmp_path / "model", MODELS["llama"], Adapters())
    expected = lora_folder.expect(folder, lora_folder.load(folder, None), 3)
    found = agrees(verify(folder, "--task", "lora", "--expect", expected, "--steps", 3, *layout.split()))
    assert found["expect"]["compared"] == 1 + 3 + len(found["gradients"])


def test_weights_after_three_steps(verify, folders, tmp_path):
    """Copies that differ by a bit are refused when weights are put together."""
    folder, expected = folders.get(MODELS["qwen2"], None, 3)
    agrees(verify(folder, "--expect", expected, "--steps", 3, "--save-weights", tmp_path / "weights.safetensors",
                  "-tp", 8))
    before, found = load_file(folder / "model.safetensors"), load_file(tmp_path / "weights.safetensors")
    moved_alike(before, found, load_file(folder / "weights.safetensors"))
