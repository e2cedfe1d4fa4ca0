"""Mixtral and Qwen3-MoE against Hugging Face transformers, over the ways in which experts lie on the ranks."""

import dataclasses

import pytest
from oracle_paths import require_engine

require_engine()

import model_folder  # noqa: E402
import torch  # noqa: E402
from agreement import agrees, moved_alike  # noqa: E402
from model_folder import Case  # noqa: E402
from safetensors.torch import load_file  # noqa: E402

torch.set_num_threads(1)

MODELS = {
    "mixtral": Case(seed=91, family="mixtral", experts=5, top_k=3, seq_len=11, rows=3),
    "mixtral_one_expert_a_token": Case(seed=92, family="mixtral", tied=True, top_k=1, vocab=97),
    "qwen3_moe": Case(seed=93, family="qwen3_moe", experts=8, top_k=3),
    "qwen3_moe_every_second": Case(seed=94, family="qwen3_moe", layers=3, normalised=False, sparse_step=2, kv_heads=1),
}

SIZES = {"layers": 4, "experts": 4, "vocab": 125, "rows": 8, "seq_len": 8}
LAYOUT_MODELS = {
    "mixtral": Case(seed=95, family="mixtral", **SIZES),
    "qwen3_moe": Case(seed=96, family="qwen3_moe", normalised=False, **SIZES),
}

# ep within dp, across cp, across tp; etp as tp, of its own, without ep.
LAYOUTS = [
    ("mixtral", "-ep 4"), ("mixtral", "-ep 2 -ng 4 -mb 2"), ("mixtral", "-cp 2 -ep 4"), ("mixtral", "-tp 2 -ep 2 -et 1"),
    ("mixtral", "-tp 2 -ep 2 -et 2"), ("mixtral", "-tp 2"), ("mixtral", "-tp 2 -cp 2 -ep 4 -et 1 -ng 8"),
    ("mixtral", "-pp 2 -vp 2 -ep 2"), ("mixtral", "-ng 4 -ep 2 -fsdp 1"), ("mixtral", "-ep 2 --recompute_layers 4"),
    ("qwen3_moe", "-ep 2"), ("qwen3_moe", "-tp 4 -ep 2 -et 2"), ("qwen3_moe", "-tp 2 -pp 2 -ep 2 -et 1 -ng 8"),
    ("qwen3_moe", "-tp 2 -ng 4 -ep 2 -et 1 -fsdp 1"), ("qwen3_moe", "-cp 2 -pp 2 -ep 2 --recompute_modules moe_act"),
]  # fmt: skip


@pytest.mark.parametrize("name", MODELS)
def test_loss_and_gradients(verify, folders, name):
    folder, expected = folders.get(MODELS[name])
    found = agrees(verify(folder, "--expect", expected))
    assert set(found["gradients"]) == set(load_file(folder / "model.safetensors"))


@pytest.mark.parametrize(("name", "layout"), LAYOUTS)
def test_layout(verify, folders, name, layout):
    """Loss, gradients and three steps are those of transformers, whatever the layout."""
    folder, expected = folders.get(LAYOUT_MODELS[name], None, 3)
    found = agrees(verify(folder, "--expect", expected, "--steps", 3, *layout.split()))
    assert found["expect"]["compared"] == 1 + 3 + len(found["gradients"])


def test_three_steps_of_adamw(verify, folders, tmp_path):
    folder, expected = folders.get(LAYOUT_MODELS["mixtral"], None, 3)
    agrees(verify(folder, "--expect", expected, "--steps", 3, "--save-weights", tmp_path / "weights.safetensors",
                  "-tp", 2, "-ep", 2, "-ng", 8))
    moved_alike(load_file(folder / "model.safetensors"), load_file(tmp_path / "weights.safetensors"),
                load_file(folder / "weights.safetensors"))


@pytest.fixture(scope="session")
def given(tmp_path_factory):
    """given(name, choose, dtype): a folder whose routers give way to choices of a file, and transformers' results."""
    made, root = {}, tmp_path_factory.mktemp("given")

    def get(name, choose, dtype="float32"):
        key = name, choose.__name__, dtype
        if key not in made:
            case = dataclasses.replace(LAYOUT_MODELS[name], dtype=dtype)
            folder = model_folder.make(root / "_".join(key), case)
            choose(folder, case)
            made[key] = folder, model_folder.expect(folder, torch.float32)
        return made[key]

    return get


@pytest.mark.parametrize("layout", ["-tp 1", "-tp 2 -ep 2 -et 1 -ng 4"])
@pytest.mark.parametrize("choose", [model_folder.choose_balanced, model_folder.choose_at_random])
def test_choices_of_a_file(verify, given, choose, layout):
    folder, expected = given("mixtral", choose)
    found = agrees(verify(folder, "--expect", expected, "--moe_gate", folder / model_folder.GATE, *layout.split()))
    assert not any("gate.weight" in name for name in found["gradients"])


@pytest.mark.parametrize(("name", "layout"), [("mixtral", "-ep 4"), ("qwen3_moe", "-tp 2 -ep 2 -pp 2 -ng 8")])
def test_bf16(verify, given, name, layout):
    """Against exact arithmetic on the same weights; a router in BF16 would send tokens elsewhere."""
    folder, expected = given(name, model_folder.choose_at_random, "bfloat16")
    found = agrees(verify(folder, "--expect", expected, "--moe_gate", folder / model_folder.GATE, *layout.split()))
    assert found["precision"] == "bf16"


def test_files_of_a_gate_are_checked(verify, folders, tmp_path):
    folder, _ = folders.get(MODELS["qwen3_moe"])
    gate = tmp_path / "gate.safetensors"
    model_folder.save_file({"choices": torch.full((32, 3), 8), "gate_weights": torch.ones((32, 2))}, gate)
    answer = verify(folder, "--moe_gate", gate)
    assert answer.code == 2
    assert "choices[0, 0]: is 8, and the model has 8 experts" in answer.err
    assert "gate_weights: has shape (32, 2), and must be (32, 3)" in answer.err
    answer = verify(folder, "--moe_gate", "balanced")
    assert answer.code == 2 and "topk, or a file with choices and gate_weights" in answer.err


def test_a_missing_expert_is_named(verify, folders, tmp_path):
    folder, _ = folders.get(MODELS["mixtral_one_expert_a_token"])
    weights = load_file(folder / "model.safetensors")
    weights.pop("model.layers.1.block_sparse_moe.experts.2.w3.weight")
    weights["model.layers.0.block_sparse_moe.experts.3.w2.weight"] = torch.zeros(64, 95)
    for file in ("config.json", "batch.safetensors"):
        (tmp_path / file).write_bytes((folder / file).read_bytes())
    model_folder.save_file(weights, tmp_path / "model.safetensors", {"format": "pt"})
    answer = verify(tmp_path)
    assert answer.code == 2
    assert "model.layers.1.block_sparse_moe.experts.2.w3.weight: is missing" in answer.err
    assert "experts.3.w2.weight: has shape (64, 95); config.json makes it (64, 96)" in answer.err
