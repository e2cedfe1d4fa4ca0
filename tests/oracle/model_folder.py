"""Tiny random models as Hugging Face folders, and what transformers computes for them.

make(folder, case) writes config.json, model.safetensors and batch.safetensors as `perfbench verify` reads them. Norm
weights and biases are random, too: with ones and zeros, many wrong factors would not show.
"""

import dataclasses
import pathlib

import torch
from safetensors.torch import load_file, save_file
from transformers import (
    AutoModelForCausalLM,
    GPT2Config,
    LlamaConfig,
    NemotronConfig,
    Qwen2Config,
    Qwen3Config,
)

IGNORED = -100


@dataclasses.dataclass(frozen=True)
class Case:
    """One model and its batch. Sizes as config.json names them, with short names."""

    seed: int = 1
    family: str = "llama"  # a key of CONFIGS
    layers: int = 2
    hidden: int = 64
    heads: int = 4
    kv_heads: int = 2
    head_dim: int = 16
    ffn: int = 96
    activation: str = ""  # the family's own
    vocab: int = 128
    tied: bool = False
    attention_bias: bool = False
    mlp_bias: bool = False
    rope_theta: float = 10000.0
    rope_factor: float = 1.0  # Llama 3.1: waves longer than 8 tokens turn so much slower
    rotary_share: float = 0.5  # of Nemotron's heads
    norm_eps: float = 1e-5
    rows: int = 2
    seq_len: int = 16
    ignored: float = 0.3  # share of the labels that do not count; none in the first row, twice as many in the last
    dtype: str = "float32"
    packed: bool = False  # rows are packs of sub-sequences that do not see each other


def rope_of(case):
    rope = {"rope_type": "default", "rope_theta": case.rope_theta}
    if case.rope_factor != 1.0:
        rope |= {"rope_type": "llama3", "factor": case.rope_factor, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
                 "original_max_position_embeddings": 8}
    return rope


def sizes_of(case):
    """What all families but GPT-2 call alike."""
    sizes = dict(
        num_hidden_layers=case.layers, hidden_size=case.hidden, num_attention_heads=case.heads,
        num_key_value_heads=case.kv_heads, intermediate_size=case.ffn, vocab_size=case.vocab,
        tie_word_embeddings=case.tied, rope_parameters=rope_of(case), max_position_embeddings=256)
    return sizes | ({"hidden_act": case.activation} if case.activation else {})


def llama(case):
    return LlamaConfig(**sizes_of(case), rms_norm_eps=case.norm_eps, head_dim=case.head_dim,
                       attention_bias=case.attention_bias, mlp_bias=case.mlp_bias)


def qwen2(case):
    """Biases on q, k and v alone."""
    return Qwen2Config(**sizes_of(case), rms_norm_eps=case.norm_eps)


def qwen3(case):
    """A norm over each head of q and of k."""
    return Qwen3Config(**sizes_of(case), rms_norm_eps=case.norm_eps, head_dim=case.head_dim,
                       attention_bias=case.attention_bias)


def nemotron(case):
    """LayerNorm with weights around zero, a plain MLP, a part of each head rotated."""
    sizes = sizes_of(case)
    sizes["rope_parameters"] |= {"partial_rotary_factor": case.rotary_share}
    return NemotronConfig(**sizes, norm_eps=case.norm_eps, head_dim=case.head_dim, attention_bias=case.attention_bias,
                          mlp_bias=case.mlp_bias)


def gpt2(case):
    """Learned positions, biases everywhere, linear layers stored (in, out). The last position of the table is used."""
    act = {"activation_function": case.activation} if case.activation else {}
    return GPT2Config(
        n_layer=case.layers, n_embd=case.hidden, n_head=case.heads, n_inner=case.ffn, vocab_size=case.vocab,
        n_positions=case.seq_len, layer_norm_epsilon=case.norm_eps, tie_word_embeddings=case.tied, resid_pdrop=0.0,
        embd_pdrop=0.0, attn_pdrop=0.0, **act)


CONFIGS = {f.__name__: f for f in (llama, qwen2, qwen3, nemotron, gpt2)}


def perturb(model, generator):
    norm = 0.0 if model.config.model_type == "nemotron" else 1.0  # Nemotron keeps the difference from one
    for name, parameter in model.named_parameters():
        noise = torch.randn(parameter.shape, generator=generator)
        with torch.no_grad():
            if name.endswith("bias"):
                parameter.copy_(0.1 * noise)
            elif "norm" in name or ".ln_" in name:
                parameter.copy_(norm + 0.2 * noise)
            else:
                parameter.copy_(0.08 * noise)


def batch_of(case, generator):
    shape = (case.rows, case.seq_len)
    input_ids = torch.randint(case.vocab, shape, generator=generator)
    labels = input_ids.clone()
    share = torch.linspace(0, 2 * case.ignored, case.rows)[:, None]  # so that microbatches and ranks differ
    labels[torch.rand(shape, generator=generator) < share] = IGNORED
    if not case.packed:
        return {"input_ids": input_ids, "labels": labels}
    places = torch.arange(case.seq_len).expand(shape)
    first = torch.rand(shape, generator=generator) < 0.2
    starts = torch.where(first, places, 0).cummax(1).values
    labels[starts == places] = IGNORED  # the token before belongs to another sub-sequence
    return {"input_ids": input_ids, "labels": labels, "starts": starts}


def make(folder, case):
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    generator = torch.Generator().manual_seed(case.seed)
    model = AutoModelForCausalLM.from_config(CONFIGS[case.family](case), attn_implementation="eager")
    perturb(model, generator)
    model.to(getattr(torch, case.dtype)).save_pretrained(folder)
    save_file(batch_of(case, generator), folder / "batch.safetensors")
    return folder


def load(folder, dtype=None):
    """The model as transformers reads it from the folder."""
    model = AutoModelForCausalLM.from_pretrained(folder, attn_implementation="eager", dtype=dtype or "auto")
    return model.train()


def batch_in(folder):
    """The batch as transformers takes it: packs become a mask (rows, 1, queries, keys) and positions."""
    batch = load_file(pathlib.Path(folder) / "batch.safetensors")
    starts = batch.pop("starts", None)
    if starts is None:
        return batch
    places = torch.arange(starts.shape[1])
    seen = (starts[:, :, None] == starts[:, None, :]) & (places[:, None] >= places[None, :])
    mask = torch.zeros(seen.shape).masked_fill(~seen, torch.finfo(torch.float32).min)
    return batch | {"attention_mask": mask[:, None], "position_ids": places - starts}


def expect(folder, dtype=None, steps=0):
    """Writes <folder>/expect.safetensors: loss, gradients and, with steps, the losses of AdamW steps. Returns its path.

    With steps, also <folder>/weights.safetensors: the weights after the last step.
    """
    folder = pathlib.Path(folder)
    model, batch = load(folder, dtype), batch_in(folder)
    loss = model(**batch).loss
    loss.backward()
    found = {name: p.grad.float().contiguous() for name, p in model.named_parameters()}
    found["loss"] = loss.detach().float().reshape(1)
    if steps:
        found["losses"] = torch.tensor(train(model, batch, steps))
        save_file({name: p.detach().float().contiguous() for name, p in model.named_parameters()},
                  folder / "weights.safetensors")
    save_file(found, folder / "expect.safetensors")
    return folder / "expect.safetensors"


def train(model, batch, steps):
    optimizer = torch.optim.AdamW(model.parameters())
    losses = []
    for _ in range(steps):
        optimizer.zero_grad()
        loss = model(**batch).loss
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


class Folders:
    """Folders by what they hold, made when they are first asked for."""

    def __init__(self, root):
        self.root, self.made = root, {}

    def get(self, case, dtype=None, steps=0):
        """The folder of the case and transformers' results in `dtype`: (folder, expect.safetensors)."""
        key = (case, dtype, steps)
        if key not in self.made:
            folder = make(self.root / str(len(self.made)), case)
            self.made[key] = folder, expect(folder, dtype, steps)
        return self.made[key]
