"""perfbench verify: what it refuses, and in which words. The numbers are the subject of tests/oracle.

The folders hold a Llama of one layer, made without PyTorch.
"""

import json
import shutil
import subprocess

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

HIDDEN, HEADS, KV_HEADS, HEAD_DIM, FFN, VOCAB, ROWS, SEQ_LEN = 16, 2, 1, 8, 24, 32, 2, 8

CONFIG = {
    "model_type": "llama", "architectures": ["LlamaForCausalLM"], "hidden_size": HIDDEN, "intermediate_size": FFN,
    "num_hidden_layers": 1, "num_attention_heads": HEADS, "num_key_value_heads": KV_HEADS, "head_dim": HEAD_DIM,
    "vocab_size": VOCAB, "hidden_act": "silu", "rms_norm_eps": 1e-5, "rope_theta": 10000.0,
    "max_position_embeddings": 64, "tie_word_embeddings": False,
}  # fmt: skip

LAYER = "model.layers.0"
SHAPES = {
    "model.embed_tokens.weight": (VOCAB, HIDDEN),
    f"{LAYER}.input_layernorm.weight": (HIDDEN,),
    f"{LAYER}.self_attn.q_proj.weight": (HEADS * HEAD_DIM, HIDDEN),
    f"{LAYER}.self_attn.k_proj.weight": (KV_HEADS * HEAD_DIM, HIDDEN),
    f"{LAYER}.self_attn.v_proj.weight": (KV_HEADS * HEAD_DIM, HIDDEN),
    f"{LAYER}.self_attn.o_proj.weight": (HIDDEN, HEADS * HEAD_DIM),
    f"{LAYER}.post_attention_layernorm.weight": (HIDDEN,),
    f"{LAYER}.mlp.gate_proj.weight": (FFN, HIDDEN),
    f"{LAYER}.mlp.up_proj.weight": (FFN, HIDDEN),
    f"{LAYER}.mlp.down_proj.weight": (HIDDEN, FFN),
    "model.norm.weight": (HIDDEN,),
    "lm_head.weight": (VOCAB, HIDDEN),
}


@pytest.fixture
def weights():
    random = np.random.default_rng(1)
    return {name: (0.1 * random.standard_normal(shape)).astype(np.float32) for name, shape in SHAPES.items()}


@pytest.fixture
def batch():
    ids = np.random.default_rng(2).integers(VOCAB, size=(ROWS, SEQ_LEN), dtype=np.int64)
    return {"input_ids": ids, "labels": ids.copy()}


@pytest.fixture
def folder(tmp_path, weights, batch):
    """write(weights=..., batch=..., config=...) -> the folder with these contents."""

    def write(weights=weights, batch=batch, config=CONFIG):
        path = tmp_path / "model"
        path.mkdir(exist_ok=True)
        (path / "config.json").write_text(json.dumps(config))
        save_file(weights, path / "model.safetensors")
        save_file(batch, path / "batch.safetensors")
        return path

    return write


@pytest.fixture
def engine(binary):
    if not (binary.parent / "libperfbench_engine.so").exists():
        pytest.skip(f"NOT TESTED: the engine is not built beside {binary}: this preset leaves it out")


# What the files and flags say wrongly, before the engine is opened.


def test_takes_one_folder(refused):
    assert "takes one folder, 0 given" in refused("verify")
    assert "takes one folder, 2 given" in refused("verify", "a", "b")


def test_a_folder_that_is_not_there(refused):
    assert "nowhere: is no folder" in refused("verify", "nowhere")


def test_every_missing_file_is_named_at_once(refused, tmp_path):
    text = refused("verify", tmp_path)
    assert "config.json: is missing" in text
    assert "holds neither model.safetensors nor model.safetensors.index.json" in text
    assert "batch.safetensors: there is no such file" in text


def test_a_batch_that_lacks_a_tensor(refused, folder, batch):
    assert "labels: is missing" in refused("verify", folder(batch={"input_ids": batch["input_ids"]}))


def test_a_batch_of_another_dtype(refused, folder, batch):
    batch["labels"] = batch["labels"].astype(np.float32)
    assert "labels: is F32, and must be I64" in refused("verify", folder(batch=batch))


def test_labels_of_another_shape(refused, folder, batch):
    batch["labels"] = batch["labels"][:, :-1].copy()
    assert "labels: has shape (2, 7), and input_ids has (2, 8)" in refused("verify", folder(batch=batch))
    batch["labels"] = batch["input_ids"].reshape(-1).copy()
    assert "labels: has shape (16), and must be (rows, seq_len)" in refused("verify", folder(batch=batch))


def test_token_ids_outside_the_vocabulary(refused, folder, batch):
    batch["input_ids"][1, 3] = VOCAB
    batch["input_ids"][1, 5] = -1
    batch["labels"][0, 2] = -101
    text = refused("verify", folder(batch=batch))
    assert "input_ids[1, 3]: is 32, and the vocabulary of config.json has 32 tokens; 1 more are outside" in text
    assert "labels[0, 2]: is -101" in text


def test_starts_of_sub_sequences_that_are_none(refused, folder, batch):
    starts = np.array([[0, 0, 0, 3, 3, 5, 5, 5]] * ROWS, dtype=np.int64)
    starts[1, 4] = 2
    text = refused("verify", folder(batch=batch | {"starts": starts}))
    assert "starts[1, 4]: is 2, and neither the token's own column 4 nor the start of the token before" in text
    text = refused("verify", folder(batch=batch | {"starts": starts[:, :4].copy()}))
    assert "starts: has shape (2, 4), and input_ids has (2, 8)" in text
    starts[:, 0] = 1
    assert "starts[0, 0]: is 1" in refused("verify", folder(batch=batch | {"starts": starts}))


def test_labels_of_which_none_counts(refused, folder, batch):
    batch["labels"][:, 1:] = -100  # the first column has no token before it
    assert "labels: no label counts" in refused("verify", folder(batch=batch))


def test_flags_that_do_not_agree_with_the_batch(refused, folder):
    text = refused("verify", folder(), "-gb", 4, "--seq_len", 16)
    assert "-gb: 4 does not agree with the batch's 2 rows" in text
    assert "--seq_len: 16 does not agree with the batch's 8 columns" in text


def test_rules_of_a_job_hold(refused, folder):
    assert "not divisible by tp 3" in refused("verify", folder(), "-tp", 3)
    assert "gbs 2 is not divisible by mbs 1 x dp 4" in refused("verify", folder(), "-ng", 4)
    assert "seq_len 8 is not divisible by 2 x cp 3 = 6" in refused("verify", folder(), "-cp", 3)


def test_flags_without_a_meaning_here(refused, folder):
    assert "--model: has no meaning for verify" in refused("verify", folder(), "--model", "llama3_8b")
    assert "--expect: has no meaning for the main form" in refused("--model", "llama3_8b", "--expect", "x")


def test_a_file_that_expects_nothing(refused, folder, tmp_path):
    (tmp_path / "empty.json").write_text("{}")
    assert "expects nothing" in refused("verify", folder(), "--expect", tmp_path / "empty.json")
    assert "there is no such file" in refused("verify", folder(), "--expect", tmp_path / "nothing.safetensors")


def test_weights_cut_short(refused, folder):
    path = folder() / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-4])
    assert "the file was cut short" in refused("verify", path.parent)


# What the model says of the weights: the engine is opened, no step is run.


def test_all_faults_of_the_weights_are_named_at_once(engine, refused, folder, weights):
    del weights["model.norm.weight"]
    weights[f"{LAYER}.mlp.up_proj.weight"] = np.zeros((FFN, HIDDEN + 1), np.float32)
    weights[f"{LAYER}.mlp.up_projj.weight"] = np.zeros(1, np.float32)
    weights["lm_head.weight"] = np.zeros((VOCAB, HIDDEN), np.int64)
    text = refused("verify", folder(weights=weights))
    assert "model.norm.weight: is missing; it is F32 of shape (16)" in text
    assert "mlp.up_proj.weight: has shape (24, 17); config.json makes it (24, 16)" in text
    assert "mlp.up_projj.weight: is no parameter of this model" in text
    assert f"did you mean {LAYER}.mlp.up_proj.weight" in text
    assert "lm_head.weight: is I64; the parameters of this run are F32" in text


def test_weights_in_another_precision_than_asked(engine, refused, folder):
    text = refused("verify", folder(), "-c", "bf16")
    assert "model.norm.weight: is F32; the parameters of this run are BF16" in text


def test_a_tied_head_may_be_stored_when_it_is_equal(engine, perfbench, refused, folder, weights):
    tied = CONFIG | {"tie_word_embeddings": True}
    weights["lm_head.weight"] = weights["model.embed_tokens.weight"].copy()
    with_head = perfbench("verify", folder(weights, config=tied), "--json")
    assert with_head.code == 0, with_head.err
    without = {name: tensor for name, tensor in weights.items() if name != "lm_head.weight"}
    assert perfbench("verify", folder(without, config=tied), "--json").out == with_head.out
    weights["lm_head.weight"][0, 0] += 1
    assert "lm_head.weight: differs from model.embed_tokens.weight" in refused("verify", folder(weights, config=tied))


def test_expected_gradients_of_another_model(engine, refused, folder, tmp_path, weights):
    expected = {name: tensor for name, tensor in weights.items() if name != "lm_head.weight"}
    expected["model.norm.weight"] = np.zeros(3, np.float32)
    expected["losses"] = np.zeros(2, np.float32)
    save_file(expected, tmp_path / "expect.safetensors")
    text = refused("verify", folder(), "--expect", tmp_path / "expect.safetensors")
    assert "has no gradient of lm_head.weight" in text
    assert "model.norm.weight: has shape (3); the parameter has (16)" in text
    assert "has 2 losses, and 0 steps were asked for" in text


# What is printed and written.


def test_the_answer_in_json(engine, perfbench, folder):
    answer = perfbench("verify", folder(), "--json", "--steps", 2, "-pp", 1)
    assert answer.code == 0, answer.err
    found = answer.json
    assert set(found["gradients"]) == set(SHAPES)
    assert found["grad_norm"] == pytest.approx(np.sqrt(sum(n * n for n in found["gradients"].values())), rel=1e-5)
    assert found["loss_ok"] and len(found["losses"]) == 2
    assert (found["precision"], found["gbs"], found["mbs"], found["seq_len"]) == ("fp32", ROWS, 1, SEQ_LEN)


def test_the_answer_in_words(engine, perfbench, folder):
    lines = perfbench("verify", folder()).out.splitlines()
    assert lines[0].endswith("2 samples of 8 tokens in microbatches of 1")
    assert lines[1].startswith("loss ")
    assert lines[2].startswith("grad_norm ")
    assert len(lines) == 4 + len(SHAPES)


def test_gradients_are_written_under_their_names(engine, perfbench, folder, tmp_path):
    file = tmp_path / "gradients.safetensors"
    found = perfbench("verify", folder(), "--json", "--save-gradients", file).json
    gradients = load_file(file)
    assert {name: tensor.shape for name, tensor in gradients.items()} == SHAPES
    for name, tensor in gradients.items():
        assert np.linalg.norm(tensor.astype(np.float64)) == pytest.approx(found["gradients"][name], rel=1e-6)


def test_a_loss_that_is_not_a_number_fails(engine, perfbench, folder, weights):
    weights["model.norm.weight"][0] = np.inf
    answer = perfbench("verify", folder(weights=weights), "--json")
    assert answer.code == 3
    assert answer.json["loss"] is None
    assert answer.json["loss_ok"] is False
    assert "perfbench: error: verify: the loss is not a finite number" in answer.err


def test_without_an_engine_it_says_what_to_do(folder, source, binary, tmp_path):
    """A copy of the executable that has no engine library beside it."""
    copy = tmp_path / "bin" / "perfbench"
    copy.parent.mkdir()
    shutil.copy(binary, copy)
    data = {"PERFBENCH_DATA": str(source / "model_configs")}
    done = subprocess.run([copy, "verify", folder()], capture_output=True, text=True, env=data)
    assert done.returncode == 4, done
    assert "scripts/build.sh --engine" in done.stderr
