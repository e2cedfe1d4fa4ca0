"""What the other oracle tests prove one by one, together: families, context parallelism, FSDP, adapters, recompute."""

import pytest
from oracle_paths import require_engine

require_engine()

import lora_folder  # noqa: E402
import torch  # noqa: E402
from agreement import agrees  # noqa: E402
from lora_folder import Adapters  # noqa: E402
from model_folder import Case  # noqa: E402

torch.set_num_threads(1)

SIZES = {"layers": 4, "vocab": 125, "rows": 8, "seq_len": 16}
MODELS = {
    "llama": Case(seed=71, **SIZES),
    "llama_tied": Case(seed=72, tied=True, **SIZES),
    "packed": Case(seed=73, packed=True, **SIZES),
    "gpt2": Case(seed=74, family="gpt2", tied=True, **SIZES),
    "gpt2_packed": Case(seed=75, family="gpt2", tied=True, packed=True, **SIZES),
    "nemotron": Case(seed=76, family="nemotron", **SIZES),
    "qwen3": Case(seed=77, family="qwen3", **SIZES),
}

LAYOUTS = [
    ("llama", "-cp 2 -fsdp 1"), ("llama", "-cp 2 -tp 2 -ng 8 -fsdp 1"), ("llama", "-cp 2 -pp 2 -ng 8 -fsdp 1"),
    ("llama", "-ng 4 -fsdp 1 --recompute_layers 4"), ("llama", "-tp 2 -pp 2 -ng 8 -fsdp 1 --recompute_layers 1"),
    ("llama", "-cp 2 -tp 2 -pp 2 --recompute_layers 2"), ("llama", "-cp 2 --recompute_modules core_attn layernorm act"),
    ("llama_tied", "-cp 2 -pp 2 -vp 2 -ng 8 -fsdp 1"), ("llama_tied", "-ng 4 -fsdp 1 --recompute_modules mlp"),
    ("packed", "-cp 2 -ng 4 -fsdp 1 --recompute_layers 4"), ("packed", "-cp 2 -tp 2 -pp 2 --recompute_layers 1"),
    ("gpt2", "-cp 2 -tp 2 -pp 2"), ("gpt2", "-ng 4 -fsdp 1"), ("gpt2", "-pp 2 -ng 4 -fsdp 1 --recompute_layers 1"),
    ("gpt2_packed", "-tp 2"), ("gpt2_packed", "-cp 2 -tp 2 -ng 8 -fsdp 1"),
    ("nemotron", "-cp 2 -tp 2 -ng 8 -fsdp 1"), ("nemotron", "-pp 2 -vp 2 --recompute_layers 1"),
    ("llama", "-ng 4 -fsdp 1 --fsdp_size 2"),
    ("llama_tied", "-cp 2 -pp 2 -ng 8 -fsdp 1 --fsdp_size 2 --defer_grad_sync 1"),
    ("qwen3", "-tp 2 --sequence_parallel 0 --recompute selective"), ("qwen3", "-cp 4 -mb 2"),
    ("qwen3", "-tp 2 -ng 4 -fsdp 1 --recompute_modules layernorm act core_attn"),
]  # fmt: skip

ADAPTER_LAYOUTS = [
    ("llama", "-ng 2 -fsdp 1"), ("llama", "-pp 2 -vp 2 -ng 4 -fsdp 1"), ("llama", "-cp 2 -tp 2 -pp 2"),
    ("llama", "--recompute_layers 4"), ("llama", "-tp 2 -pp 2 -ng 8 -fsdp 1 --recompute_layers 2"),
    ("packed", "-tp 1"), ("packed", "-cp 2 -ng 4 -fsdp 1 --recompute_layers 4"),
    ("packed", "-cp 2 -pp 2 -vp 2 --recompute_modules mlp"), ("qwen3", "-cp 2 -tp 2 -ng 8 -fsdp 1"),
    ("nemotron", "-tp 2 -pp 2 --recompute_layers 1"), ("llama", "-ng 4 -fsdp 1 --fsdp_size 2 --fsdp_reshard 0"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "layout"), LAYOUTS)
def test_layout(verify, folders, name, layout):
    folder, expected = folders.get(MODELS[name], None, 3)
    found = agrees(verify(folder, "--expect", expected, "--steps", 3, *layout.split()))
    assert found["expect"]["compared"] == 1 + 3 + len(found["gradients"])


@pytest.fixture(scope="session")
def adapter_folders(tmp_path_factory):
    """By model: its folder with adapters beside every linear, and peft's results."""
    made, root = {}, tmp_path_factory.mktemp("adapters")

    def get(name):
        if name not in made:
            targets = lora_folder.ATTENTION + (("up_proj", "down_proj") if name == "nemotron" else lora_folder.MLP)
            folder = lora_folder.make(root / name, MODELS[name], Adapters(targets))
            made[name] = folder, lora_folder.expect(folder, lora_folder.load(folder, None), 3)
        return made[name]

    return get


@pytest.mark.parametrize(("name", "layout"), ADAPTER_LAYOUTS)
def test_adapters(verify, adapter_folders, name, layout):
    folder, expected = adapter_folders(name)
    found = agrees(verify(folder, "--task", "lora", "--expect", expected, "--steps", 3, *layout.split()))
    assert found["expect"]["compared"] == 1 + 3 + len(found["gradients"])
