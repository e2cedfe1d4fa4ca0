"""Adapters against peft: loss, every gradient, training steps, over targets, layouts and precisions.

Each comparison is one `perfbench verify` with --expect of a folder that peft has saved adapters to.
"""

import json
import shutil

import pytest
from oracle_paths import require_engine, write_data

require_engine()

import lora_folder  # noqa: E402
import torch  # noqa: E402
from agreement import agrees  # noqa: E402
from lora_folder import ATTENTION, MLP, Adapters  # noqa: E402
from model_folder import Case  # noqa: E402
from safetensors.torch import load_file, save_file  # noqa: E402

torch.set_num_threads(1)

TARGETS = {
    "all": ATTENTION + MLP,
    "q_and_v": ("q_proj", "v_proj"),
    "k_alone": ("k_proj",),
    "attention": ATTENTION,
    "mlp": MLP,
    "one_of_each": ("o_proj", "up_proj"),
    "down_alone": ("down_proj",),
}

CASE = Case(seed=41, layers=4, heads=4, kv_heads=2, vocab=125, rows=8, seq_len=8)
FAMILIES = {
    "qwen2": Case(seed=42, family="qwen2"),
    "tied": Case(seed=43, tied=True),
    "biases": Case(seed=44, attention_bias=True, mlp_bias=True),
}

LAYOUTS = [
    ("all", "-tp 1"), ("all", "-mb 4"), ("all", "-tp 2"), ("all", "-tp 2 -mb 2"), ("all", "-ng 4"),
    ("all", "-pp 2"), ("all", "-pp 2 -vp 2"), ("all", "-tp 2 -pp 2 -ng 8"), ("all", "-tp 2 -pp 2 -vp 2 -ng 8"),
    ("q_and_v", "-tp 2"), ("q_and_v", "-tp 2 -pp 2 -ng 8"),
    ("mlp", "-tp 2"), ("mlp", "-pp 2 -vp 2"), ("attention", "-tp 2 -pp 2 -vp 2 -ng 8"), ("one_of_each", "-tp 2"),
]  # fmt: skip

STACKS = {
    "no_sequence_parallelism": {"sequence_parallel": False},
    "no_distributed_optimizer": {"distributed_optimizer": False},
    "no_regather": {"regather_in_backward": False},
    "small_buckets": {"bucket_elements": 200},
    "recast": {"recast_frozen_weights": True},
    "ends_alone": {"layer_split": ["embedding_and_loss_as_layers"]},
}


class Folders:
    """Folders by what they hold, made when they are first asked for."""

    def __init__(self, root):
        self.root, self.made = root, {}

    def get(self, case, adapters, dtype=None, steps=0):
        """The folder and peft's results in `dtype`: (folder, expect.safetensors)."""
        key = (case, adapters, dtype, steps)
        if key not in self.made:
            folder = lora_folder.make(self.root / str(len(self.made)), case, adapters)
            self.made[key] = folder, lora_folder.expect(folder, lora_folder.load(folder, dtype), steps)
        return self.made[key]


@pytest.fixture(scope="session")
def folders(tmp_path_factory):
    return Folders(tmp_path_factory.mktemp("lora"))


@pytest.fixture(scope="session")
def stacks(tmp_path_factory):
    """The environment of model_configs with a stack for each entry of STACKS."""
    return {"PERFBENCH_DATA": str(write_data(tmp_path_factory.mktemp("lora_data"), STACKS))}


@pytest.mark.parametrize("name", TARGETS)
def test_targets(verify, folders, name):
    """A gradient for each tensor of each adapter, and for nothing else."""
    folder, expected = folders.get(Case(seed=40), Adapters(TARGETS[name]))
    found = agrees(verify(folder, "--task", "lora", "--expect", expected))
    assert set(found["gradients"]) == set(load_file(folder / "adapter_model.safetensors"))
    assert len(found["gradients"]) == 2 * 2 * len(TARGETS[name])  # A and B in two layers
    assert found["expect"]["compared"] == 1 + len(found["gradients"])


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("layout", ["-tp 1", "-tp 2 -pp 2"])
def test_families(verify, folders, name, layout):
    folder, expected = folders.get(FAMILIES[name], Adapters(), None, 3)
    agrees(verify(folder, "--task", "lora", "--expect", expected, "--steps", 3, *layout.split()))


@pytest.mark.parametrize(("name", "layout"), LAYOUTS)
def test_layout(verify, folders, name, layout):
    """Loss, gradients and three steps are those of peft, whatever the layout."""
    folder, expected = folders.get(CASE, Adapters(TARGETS[name]), None, 3)
    found = agrees(verify(folder, "--task", "lora", "--expect", expected, "--steps", 3, *layout.split()))
    assert found["expect"]["compared"] == 1 + 3 + len(found["gradients"])


@pytest.mark.parametrize("layout", ["-tp 2", "-tp 2 -pp 2 -ng 8"])
@pytest.mark.parametrize("name", [name for name in STACKS if name not in ("recast", "ends_alone")])
def test_policy_of_the_stack(verify, folders, stacks, name, layout):
    folder, expected = folders.get(CASE, Adapters(), None, 3)
    agrees(verify(folder, "--expect", expected, "--stack", name, "--steps", 3, *layout.split(), env=stacks))


@pytest.mark.parametrize("layout", ["-pp 4", "-tp 2 -pp 4", "-pp 4 -ng 8", "-pp 2 -vp 2"])
def test_chunks_without_adapters(verify, folders, stacks, layout):
    """The embedding alone and the head alone: nothing is trained there, and gradients pass."""
    folder, expected = folders.get(Case(seed=46, rows=8), Adapters(), None, 3)
    agrees(verify(folder, "--expect", expected, "--stack", "ends_alone", "--steps", 3, *layout.split(), env=stacks))


@pytest.mark.parametrize("layout", ["-tp 1", "-tp 2 -pp 2 -ng 8"])
@pytest.mark.parametrize("reference", [torch.bfloat16, torch.float32], ids=["bf16", "fp32"])
def test_bf16(verify, folders, layout, reference):
    case = Case(**(vars(CASE) | {"dtype": "bfloat16"}))
    folder, expected = folders.get(case, Adapters(), reference)
    assert agrees(verify(folder, "--expect", expected, *layout.split()))["precision"] == "bf16"


@pytest.mark.parametrize("layout", ["-tp 1", "-tp 2", "-tp 2 -pp 2 -ng 8"])
@pytest.mark.parametrize("stack", ["perfbench", "no_sequence_parallelism", "recast"])
def test_fp8_current_scaling(verify, folders, stacks, stack, layout):
    """Frozen linears in FP8, adapters in BF16."""
    case = Case(seed=45, layers=4, heads=4, kv_heads=2, rows=8, seq_len=32, dtype="bfloat16")
    folder, expected = folders.get(case, Adapters(), torch.float32)
    found = agrees(verify(folder, "-c", "fp8cs", "--stack", stack, "--expect", expected, *layout.split(), env=stacks))
    # Gradients that are as near as BF16's were not computed in FP8.
    assert found["expect"]["worst"]["difference"] > 0.02 * found["expect"]["worst"]["expected"]


def test_adapters_of_a_bf16_model_may_be_f32(verify, folders, tmp_path):
    """As peft saves them unless it is told otherwise."""
    case = Case(**(vars(CASE) | {"dtype": "bfloat16"}))
    folder, expected = folders.get(case, Adapters(), torch.float32)
    shutil.copytree(folder, tmp_path / "wide")
    adapters = load_file(folder / "adapter_model.safetensors")
    save_file({name: tensor.float() for name, tensor in adapters.items()}, tmp_path / "wide/adapter_model.safetensors")
    agrees(verify(tmp_path / "wide", "--expect", expected))


@pytest.mark.parametrize("layout", ["-tp 1", "-tp 2 -pp 2 -vp 2 -ng 8"])
def test_five_steps_of_adamw(verify, folders, tmp_path, layout):
    """Adapters move as torch's AdamW moves them; frozen weights keep every bit."""
    folder, expected = folders.get(CASE, Adapters(), None, 5)
    agrees(verify(folder, "--expect", expected, "--steps", 5, "--save-weights", tmp_path / "weights.safetensors",
                  *layout.split()))
    before, found = lora_folder.stored(folder), load_file(tmp_path / "weights.safetensors")
    wanted = load_file(folder / "weights.safetensors")
    assert set(found) == set(before)
    for name, tensor in before.items():
        if name in wanted:
            assert (found[name] - wanted[name]).norm() <= 5e-3 * (wanted[name] - tensor).norm(), name
        else:
            assert torch.equal(found[name], tensor), name


@pytest.mark.parametrize("layout", ["-tp 1", "-tp 2", "-tp 4", "-tp 2 -pp 2 -vp 2 -ng 8"])
@pytest.mark.parametrize("stack", ["perfbench", "no_sequence_parallelism"])
def test_one_adapter_for_q_k_and_v(verify, tmp_path, stacks, stack, layout):
    folder, model, trained = lora_folder.make_packed(tmp_path / "packed", CASE, Adapters(rank=3))
    expected = lora_folder.expect_packed(folder, model, trained)
    found = agrees(verify(folder, "--expect", expected, "--stack", stack, *layout.split(), env=stacks))
    assert found["expect"]["compared"] == 1 + 2 * CASE.layers


def test_without_adapters_it_is_the_base_model(verify, folders):
    """--task pretrain trains all weights of the base, and nothing else."""
    folder, _ = folders.get(Case(seed=40), Adapters())
    answer = verify(folder, "--task", "pretrain")
    assert answer.code == 0, answer.err
    assert set(answer.json["gradients"]) == set(load_file(folder / "model.safetensors"))


def test_supervised_fine_tuning_is_the_same_step(verify, folders):
    folder, _ = folders.get(Case(seed=40), Adapters())
    one, other = (verify(folder, "--task", task) for task in ("pretrain", "sft"))
    assert (one.code, one.json["gradients"]) == (0, other.json["gradients"])


def test_a_wrong_gradient_is_named(verify, folders, tmp_path):
    folder, expected = folders.get(Case(seed=40), Adapters())
    tensors = load_file(expected)
    name = "base_model.model.model.layers.1.self_attn.k_proj.lora_A.weight"
    tensors[name] *= 1.001
    save_file(tensors, tmp_path / "wrong.safetensors")
    answer = verify(folder, "--expect", tmp_path / "wrong.safetensors")
    assert answer.code == 1
    assert [d["what"] for d in answer.json["expect"]["differing"]] == [name]


def test_a_flag_wins_over_the_file(verify, folders):
    """The oracle itself: another alpha than peft's is found in the loss and in gradients."""
    folder, expected = folders.get(Case(seed=40), Adapters())
    answer = verify(folder, "--expect", expected, "--lora_alpha", 13)
    assert answer.code == 1
    assert {"loss", "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight"} <= {
        d["what"] for d in answer.json["expect"]["differing"]}


@pytest.mark.parametrize(("change", "message"), [
    ({"use_rslora": True}, "use_rslora: is not modelled"),
    ({"use_dora": True}, "use_dora: is not modelled"),
    ({"rank_pattern": {"q_proj": 8}}, "rank_pattern: is not modelled"),
    ({"modules_to_save": ["lm_head"]}, "modules_to_save: is not modelled"),
    ({"bias": "all"}, "bias: is \"all\""),
    ({"target_modules": ["q_proj", "qv_proj"]}, "has no linear layer qv_proj"),
    ({"r": 8}, "has shape"),
])  # fmt: skip
def test_other_adapters_are_refused(verify, folders, tmp_path, change, message):
    folder, _ = folders.get(Case(seed=40), Adapters())
    shutil.copytree(folder, tmp_path / "other")
    config = tmp_path / "other" / "adapter_config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | change))
    answer = verify(tmp_path / "other")
    assert answer.code == 2
    assert message in answer.err
