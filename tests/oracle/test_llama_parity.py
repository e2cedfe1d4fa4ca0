"""The engine against Hugging Face transformers: loss, every gradient, training steps, and the same over many layouts.

Each comparison is one `perfbench verify` with --expect: the tolerances are those of the precision, in
src/parity/tolerance.h. Folders and what transformers computes for them are made once per session.
"""

import json
import shutil

import pytest
from oracle_paths import FSDP_STACKS, STACKS, require_engine

require_engine()

import torch  # noqa: E402
from agreement import agrees, moved_alike  # noqa: E402
from model_folder import Case, load  # noqa: E402
from safetensors.torch import load_file, save_file  # noqa: E402

torch.set_num_threads(1)

MODELS = {
    "gqa_2": Case(),
    "mha": Case(seed=2, kv_heads=4),
    "gqa_4": Case(seed=3, heads=8, kv_heads=2, head_dim=8),
    "mqa": Case(seed=4, kv_heads=1),
    "tied": Case(seed=5, tied=True),
    "biases": Case(seed=6, attention_bias=True, mlp_bias=True),
    "odd": Case(seed=7, hidden=48, heads=3, kv_heads=1, head_dim=20, ffn=88, vocab=97, rows=3, seq_len=13),
    "odd_tied_biases": Case(seed=8, hidden=40, heads=5, kv_heads=5, head_dim=10, ffn=56, vocab=61, tied=True,
                            attention_bias=True, mlp_bias=True, rows=1, seq_len=31),
    "llama31": Case(seed=10, rope_theta=500000.0, rope_factor=4.0, seq_len=32),
    "qwen2": Case(seed=11, family="qwen2"),
    "one_layer": Case(seed=9, layers=1, rope_theta=500000.0, norm_eps=1e-2, ignored=0.0),
}

# Eight samples and eight layers go over many layouts; the vocabulary divides by no tp.
LAYOUT_MODELS = {
    "untied": Case(seed=21, layers=8, heads=8, kv_heads=4, head_dim=12, vocab=125, rows=8, seq_len=8),
    "tied": Case(seed=22, layers=8, heads=4, kv_heads=2, vocab=125, rows=8, seq_len=8, tied=True),
    "biases": Case(seed=23, layers=4, heads=4, kv_heads=4, vocab=122, rows=8, seq_len=8, attention_bias=True,
                   mlp_bias=True),
    "uneven": Case(seed=24, layers=5, heads=4, kv_heads=4, rows=8, seq_len=8),
}

LAYOUTS = [
    ("untied", "-mb 2"), ("untied", "-mb 8"),
    ("untied", "-tp 2"), ("untied", "-tp 4"), ("untied", "-tp 2 -mb 4"),
    ("untied", "-pp 2"), ("untied", "-pp 4"), ("untied", "-pp 8"), ("untied", "-pp 2 -mb 2"), ("untied", "-pp 2 -mb 8"),
    ("untied", "-pp 2 -vp 2"), ("untied", "-pp 2 -vp 4"), ("untied", "-pp 4 -vp 2"),
    ("untied", "-ng 2"), ("untied", "-ng 4"), ("untied", "-ng 8"), ("untied", "-ng 2 -mb 4"),
    ("untied", "-tp 2 -ng 4"), ("untied", "-tp 4 -ng 8 -mb 2"),
    ("untied", "-pp 2 -ng 4"), ("untied", "-pp 2 -vp 2 -ng 4"), ("untied", "-pp 4 -ng 8 -mb 2"),
    ("untied", "-tp 2 -pp 2"), ("untied", "-tp 4 -pp 2"), ("untied", "-tp 2 -pp 2 -vp 2"), ("untied", "-tp 2 -pp 4 -vp 2"),
    ("untied", "-tp 2 -pp 2 -ng 8"), ("untied", "-tp 2 -pp 2 -vp 2 -ng 8"),
    ("tied", "-tp 2"), ("tied", "-pp 2"), ("tied", "-pp 2 -vp 2"), ("tied", "-pp 4 -ng 8"), ("tied", "-ng 4"),
    ("tied", "-tp 2 -pp 2 -ng 8"), ("tied", "-tp 2 -pp 2 -vp 2 -ng 8"),
    ("biases", "-tp 2"), ("biases", "-tp 4"), ("biases", "-tp 2 -pp 2 -ng 8"), ("biases", "-pp 4 -ng 4"),
    ("untied", "-ng 4 -fsdp 1"), ("untied", "-ng 8 -fsdp 1"), ("untied", "-tp 2 -ng 4 -fsdp 1"),
    ("untied", "-pp 2 -ng 4 -fsdp 1"), ("untied", "-tp 2 -pp 2 -vp 2 -ng 8 -fsdp 1"), ("tied", "-ng 2 -fsdp 1"),
    ("tied", "-tp 2 -pp 2 -ng 8 -fsdp 1"), ("biases", "-tp 2 -ng 4 -mb 2 -fsdp 1"), ("uneven", "-pp 2 -ng 4 -fsdp 1"),
    ("uneven", "-pp 2"), ("uneven", "-pp 3"), ("uneven", "-tp 2 -pp 2 -ng 8"), ("uneven", "-pp 4 -ng 8"),
]  # fmt: skip

# K and V over a ring, packs of sub-sequences, and both. 2 cp divides the sequence.
CONTEXT_MODELS = {
    "whole": Case(seed=41, layers=4, heads=4, kv_heads=2, vocab=125, rows=4, seq_len=32),
    "packed": Case(seed=42, layers=4, heads=4, kv_heads=2, vocab=125, rows=4, seq_len=32, packed=True),
    "packed_tied_biases": Case(seed=43, layers=4, heads=4, kv_heads=4, vocab=122, rows=4, seq_len=32, tied=True,
                               attention_bias=True, mlp_bias=True, packed=True),
    "packed_long": Case(seed=44, layers=1, heads=4, kv_heads=1, rows=1, seq_len=192, packed=True),
}

CONTEXT_LAYOUTS = [
    ("whole", "-cp 2"), ("whole", "-cp 4"), ("whole", "-cp 8"), ("whole", "-cp 2 -mb 2"), ("whole", "-cp 2 -tp 2"),
    ("whole", "-cp 2 -pp 2"), ("whole", "-cp 2 -ng 4"), ("whole", "-cp 2 -tp 2 -pp 2"),
    ("whole", "-cp 2 -tp 2 -pp 2 -vp 2"), ("whole", "-cp 2 -pp 2 -vp 2 -ng 8"), ("whole", "-cp 4 -tp 2 -mb 4"),
    ("packed", "-tp 1"), ("packed", "-mb 4"), ("packed", "-tp 2 -pp 2"), ("packed", "-ng 4"), ("packed", "-cp 2"),
    ("packed", "-cp 4 -mb 2"), ("packed", "-cp 8"), ("packed", "-cp 2 -tp 2 -pp 2"), ("packed", "-cp 2 -tp 2 -ng 8"),
    ("packed", "-cp 2 -pp 2 -vp 2 -ng 8"), ("packed_tied_biases", "-cp 2"), ("packed_tied_biases", "-cp 2 -tp 2 -pp 2"),
    ("packed_long", "-tp 1"), ("packed_long", "-cp 2"), ("packed_long", "-cp 4 -tp 1"),
]  # fmt: skip

def flags(layout):
    return layout.split()


@pytest.mark.parametrize("name", MODELS)
def test_loss_and_gradients(verify, folders, name):
    folder, expected = folders.get(MODELS[name])
    found = agrees(verify(folder, "--expect", expected))
    # The loss, and a gradient for each parameter: nothing was left out.
    assert found["expect"]["compared"] == 1 + len(found["gradients"])
    assert set(found["gradients"]) == {n for n, _ in load(folder).named_parameters()}


@pytest.mark.parametrize("name", ["gqa_2", "tied", "odd"])
@pytest.mark.parametrize("reference", [torch.bfloat16, torch.float32], ids=["bf16", "fp32"])
def test_bf16(verify, folders, name, reference):
    """Against transformers in BF16, and against exact arithmetic on the same weights."""
    folder, expected = folders.get(Case(**(vars(MODELS[name]) | {"dtype": "bfloat16"})), reference)
    assert agrees(verify(folder, "--expect", expected))["precision"] == "bf16"


@pytest.mark.parametrize("layout", ["-tp 1", "-tp 2", "-tp 2 -pp 2 -ng 8", "-tp 2 -ng 4 -fsdp 1"])
def test_bf16_over_layouts(verify, folders, layout):
    case = Case(**(vars(LAYOUT_MODELS["untied"]) | {"dtype": "bfloat16"}))
    folder, expected = folders.get(case, torch.float32)
    agrees(verify(folder, "--expect", expected, *flags(layout)))


@pytest.mark.parametrize("layout", ["-tp 1", "-tp 2", "-tp 2 -pp 2 -ng 8", "-ng 4 -fsdp 1", "-tp 2 -ng 4 -fsdp 1"])
def test_fp8_current_scaling(verify, folders, data_folder, layout):
    case = Case(seed=31, layers=4, heads=4, kv_heads=2, rows=8, seq_len=32, dtype="bfloat16")
    folder, expected = folders.get(case, torch.float32)
    found = agrees(verify(folder, "-c", "fp8cs", "--stack", "bf16_parameters", "--expect", expected, *flags(layout),
                          env={"PERFBENCH_DATA": str(data_folder)}))
    # Gradients that are as near as BF16's were not computed in FP8.
    assert found["expect"]["worst"]["difference"] > 0.02 * found["expect"]["worst"]["expected"]


@pytest.mark.parametrize(("name", "layout"), LAYOUTS)
def test_layout(verify, folders, name, layout):
    """Loss, gradients and three steps are those of transformers, whatever the layout."""
    folder, expected = folders.get(LAYOUT_MODELS[name], None, 3)
    found = agrees(verify(folder, "--expect", expected, "--steps", 3, *flags(layout)))
    assert found["expect"]["compared"] == 1 + 3 + len(found["gradients"])


@pytest.mark.parametrize(("name", "layout"), CONTEXT_LAYOUTS)
def test_context_parallelism_and_packs(verify, folders, name, layout):
    folder, expected = folders.get(CONTEXT_MODELS[name], None, 3)
    found = agrees(verify(folder, "--expect", expected, "--steps", 3, *flags(layout)))
    assert found["expect"]["compared"] == 1 + 3 + len(found["gradients"])


@pytest.mark.parametrize("layout", ["-tp 1", "-cp 2", "-cp 4 -tp 2"])
def test_packs_in_bf16(verify, folders, layout):
    case = Case(**(vars(CONTEXT_MODELS["packed"]) | {"dtype": "bfloat16"}))
    folder, expected = folders.get(case, torch.float32)
    agrees(verify(folder, "--expect", expected, *flags(layout)))


def test_packs_that_are_forgotten_are_noticed(verify, folders, tmp_path):
    """The oracle itself: the same rows as whole samples give other gradients."""
    folder, expected = folders.get(CONTEXT_MODELS["packed"], None, 3)
    shutil.copytree(folder, tmp_path / "whole")
    batch = load_file(folder / "batch.safetensors")
    del batch["starts"]
    save_file(batch, tmp_path / "whole" / "batch.safetensors")
    assert verify(tmp_path / "whole", "--steps", 3, "--expect", expected).code == 1


@pytest.mark.parametrize("name", STACKS)
def test_policy_of_the_stack(verify, folders, data_folder, name):
    folder, expected = folders.get(LAYOUT_MODELS["tied"], None, 3)
    layout = ["--steps", 3, "-tp", 2, "-pp", 2, "-ng", 8]
    agrees(verify(folder, "--expect", expected, "--stack", name, *layout, env={"PERFBENCH_DATA": str(data_folder)}))


@pytest.mark.parametrize("layout", ["-ng 2", "-tp 2 -pp 2 -ng 8"])
@pytest.mark.parametrize("name", FSDP_STACKS)
def test_fsdp_policy_of_the_stack(verify, folders, data_folder, name, layout):
    """Several microbatches, so that what is kept or deferred goes over them."""
    folder, expected = folders.get(LAYOUT_MODELS["tied"], None, 3)
    agrees(verify(folder, "--expect", expected, "--stack", name, "--steps", 3, "-fsdp", 1, *flags(layout),
                  env={"PERFBENCH_DATA": str(data_folder)}))


@pytest.mark.parametrize(
    ("name", "layout"),
    [("untied", "-tp 1"), ("biases", "-tp 1"), ("tied", "-pp 2 -ng 4"), ("untied", "-tp 2 -pp 2 -vp 2 -ng 8"),
     ("untied", "-tp 2 -ng 4 -fsdp 1")],
)
def test_five_steps_of_adamw(verify, folders, tmp_path, name, layout):
    """What a parameter moved in five steps is off by at most 0.5 % of the way: a weight decay that is left out or twice
    as large moves norm weights by 1 % of it."""
    folder, expected = folders.get(LAYOUT_MODELS[name], None, 5)
    agrees(verify(folder, "--expect", expected, "--steps", 5, "--save-weights", tmp_path / "weights.safetensors",
                  *flags(layout)))
    before, found = load_file(folder / "model.safetensors"), load_file(tmp_path / "weights.safetensors")
    wanted = load_file(folder / "weights.safetensors")
    moved_alike(before, found, wanted)


@pytest.mark.parametrize("layout", ["-tp 1", "-ng 4", "-tp 2 -pp 2 -vp 2 -ng 8"])
def test_bits_are_the_same_from_run_to_run(verify, folders, tmp_path, layout):
    folder, _ = folders.get(LAYOUT_MODELS["untied"], None, 3)
    runs = []
    for i in range(2):
        gradients = tmp_path / f"{i}.safetensors"
        answer = verify(folder, "--steps", 3, "--save-gradients", gradients, *flags(layout))
        assert answer.code == 0, answer.err
        runs.append((answer.out, gradients.read_bytes()))
    assert runs[0] == runs[1]
    found = answer.json
    assert found["losses"][0] == found["loss"]  # a forward and backward before did not change the weights
    assert found["losses"][2] < found["losses"][0]


def test_a_wrong_gradient_is_named(verify, folders, tmp_path):
    """The oracle itself: one gradient that is 0.1 % longer is found."""
    folder, expected = folders.get(MODELS["gqa_2"])
    tensors = load_file(expected)
    tensors["model.layers.1.post_attention_layernorm.weight"] *= 1.001
    save_file(tensors, tmp_path / "wrong.safetensors")
    answer = verify(folder, "--expect", tmp_path / "wrong.safetensors")
    assert answer.code == 1
    assert answer.json["expect"]["worst"]["what"] == "model.layers.1.post_attention_layernorm.weight"
    assert [d["what"] for d in answer.json["expect"]["differing"]] == ["model.layers.1.post_attention_layernorm.weight"]
    assert "perfbench: error: model.layers.1.post_attention_layernorm.weight: differs" in answer.err


def test_json_of_one_layout_is_expected_of_another(verify, folders, tmp_path):
    folder, _ = folders.get(LAYOUT_MODELS["tied"], None, 3)
    one = verify(folder, "--steps", 2)
    (tmp_path / "one.json").write_text(one.out)
    found = agrees(verify(folder, "--steps", 2, "-tp", 2, "-pp", 2, "--expect", tmp_path / "one.json"))
    assert found["expect"]["compared"] == 1 + 1 + 2 + len(found["gradients"])


def test_shards_read_like_one_file(verify, folders, tmp_path):
    folder, expected = folders.get(MODELS["mha"])
    load(folder).save_pretrained(tmp_path, max_shard_size="60KB")
    assert len(list(tmp_path.glob("*.safetensors"))) > 1
    shutil.copy(folder / "batch.safetensors", tmp_path)
    agrees(verify(tmp_path, "--expect", expected))
