"""Activations that are computed again: loss and gradients are those of transformers, and the same to the bit."""

import pytest
from oracle_paths import require_engine

require_engine()

import torch  # noqa: E402
from model_folder import Case, expect, make  # noqa: E402

torch.set_num_threads(1)


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    case = Case(seed=51, layers=5, heads=4, kv_heads=2, vocab=125, rows=8, seq_len=8, attention_bias=True, mlp_bias=True)
    made = make(tmp_path_factory.mktemp("recompute") / "llama", case)
    return made, expect(made)


@pytest.mark.parametrize("layout", ["-tp 1", "-tp 2 -pp 2 -ng 8", "-pp 4"])
def test_gradients(verify, folder, tmp_path, layout):
    made, expected = folder
    plain = verify(made, *layout.split(), "--save_gradients", tmp_path / "plain")
    for number, again in enumerate(["-rl 5", "-rl 1", "-rm core_attn,layernorm,act", "-rm mlp"]):
        saved = tmp_path / str(number)
        answer = verify(made, *layout.split(), *again.split(), "--expect", expected, "--save_gradients", saved)
        assert answer.code == 0, answer.out + answer.err
        assert answer.json["expect"]["agrees"]
        assert answer.json["loss"] == plain.json["loss"]
        assert saved.read_bytes() == (tmp_path / "plain").read_bytes(), again
