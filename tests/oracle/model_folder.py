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
    MixtralConfig,
    NemotronConfig,
    Qwen2Config,
    Qwen3Config,
    Qwen3MoeConfig,
)

IGNORED = -100
EAGER = {"attn_implementation": "eager", "experts_implementation": "eager"}


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
    experts: int = 4
    top_k: int = 2
    expert_ffn: int = 40  # of Qwen3's experts; Mixtral's have ffn
    normalised: bool = True  # Qwen3: the weights of a token's experts add up to 1
    sparse_step: int = 1  # Qwen3: every so manieth layer has experts
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


def mixtral(case):
    return MixtralConfig(**sizes_of(case), rms_norm_eps=case.norm_eps, head_dim=case.head_dim,
                         num_local_experts=case.experts, num_experts_per_tok=case.top_k)


def qwen3_moe(case):
    return Qwen3MoeConfig(**sizes_of(case), rms_norm_eps=case.norm_eps, head_dim=case.head_dim,
                          num_experts=case.experts, num_experts_per_tok=case.top_k,
                          moe_intermediate_size=case.expert_ffn, norm_topk_prob=case.normalised,
                          decoder_sparse_step=case.sparse_step)


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


CONFIGS = {f.__name__: f for f in (llama, qwen2, qwen3, mixtral, qwen3_moe, nemotron, gpt2)}


def perturb(model, generator):
    norm = 0.0 if model.config.model_type == "nemotron" else 1.0  # Nemotron keeps the difference from one
    for name, parameter in model.named_parameters():
        noise = torch.randn(parameter.shape, generator=generator)
        with torch.no_grad():
            if name.endswith("bias"):
                parameter.copy_(0.1 * noise)
            elif "norm" in name or ".ln_" in name:
                parameter.copy_(norm + 0.2 * noise)
            elif name.endswith("mlp.gate.weight"):
                parameter.copy_(0.5 * noise)  # so that few tokens lie between two experts
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


def model_and_batch(case):
    generator = torch.Generator().manual_seed(case.seed)
    model = AutoModelForCausalLM.from_config(CONFIGS[case.family](case), **EAGER)
    perturb(model, generator)
    return model.to(getattr(torch, case.dtype)), batch_of(case, generator)


def make(folder, case):
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    model, batch = model_and_batch(case)
    model.save_pretrained(folder)
    save_file(batch, folder / "batch.safetensors")
    return folder


def with_clear_choices(case, margin=0.05):
    """The case with the first seed from its own on at which roundings choose no other experts: of every token, the last
    expert chosen and the first one that is not are `margin` standard deviations of the logits apart."""
    while True:
        model, batch = model_and_batch(case)
        gaps = []

        def look(gate, inputs, _, gaps=gaps):
            logits = inputs[0].reshape(-1, inputs[0].shape[-1]).float() @ gate.weight.float().T
            best = logits.topk(case.top_k + 1).values
            gaps.append(((best[:, -2] - best[:, -1]) / logits.std()).min())

        for name, module in model.named_modules():
            if name.endswith("mlp.gate"):
                module.register_forward_hook(look)
        with torch.no_grad():
            model(input_ids=batch["input_ids"])
        if min(gaps) > margin:
            return case
        case = dataclasses.replace(case, seed=case.seed + 1000)


def load(folder, dtype=None):
    """The model as transformers reads it from the folder."""
    model = AutoModelForCausalLM.from_pretrained(folder, **EAGER, dtype=dtype or "auto")
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


def stored(model, tensors):
    """The tensors of parameters under the names that save_pretrained writes: one for each expert and projection."""
    block, names = {"mixtral": ("block_sparse_moe", ("w1", "w3", "w2"))}.get(
        model.config.model_type, ("mlp", ("gate_proj", "up_proj", "down_proj")))
    found = {}
    for name, tensor in tensors.items():
        layer, _, part = name.partition(".mlp.")
        if part == "experts.gate_up_proj":
            parts = zip(names[:2], tensor.chunk(2, dim=1))
        elif part == "experts.down_proj":
            parts = [(names[2], tensor)]
        else:
            renamed = f"{layer}.{block}.{part}" if part.startswith("gate.") else name
            found[renamed] = tensor.contiguous()
            continue
        for projection, of_all in parts:
            for expert, weight in enumerate(of_all):
                found[f"{layer}.{block}.experts.{expert}.{projection}.weight"] = weight.contiguous()
    return found


def expect(folder, dtype=None, steps=0):
    """Writes <folder>/expect.safetensors: loss, gradients and, with steps, the losses of AdamW steps. Returns its path.

    With steps, also <folder>/weights.safetensors: the weights after the last step.
    """
    folder = pathlib.Path(folder)
    model, batch = load(folder, dtype), batch_in(folder)
    if (folder / GATE).exists():
        replace_routers(model, load_file(folder / GATE))
    loss = model(**batch).loss
    loss.backward()
    found = stored(model, {name: p.grad.float() for name, p in model.named_parameters() if p.requires_grad})
    found["loss"] = loss.detach().float().reshape(1)
    if steps:
        found["losses"] = torch.tensor(train(model, batch, steps))
        weights = stored(model, {name: p.detach().float() for name, p in model.named_parameters()})
        save_file(weights, folder / "weights.safetensors")
    save_file(found, folder / "expect.safetensors")
    return folder / "expect.safetensors"


def train(model, batch, steps):
    optimizer = torch.optim.AdamW(p for p in model.parameters() if p.requires_grad)
    losses = []
    for _ in range(steps):
        optimizer.zero_grad()
        loss = model(**batch).loss
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


GATE = "gate.safetensors"  # of a folder whose routers do not run: choices and gate_weights, as `verify` reads them


def choose_balanced(folder, case):
    """The fake gate of benchmarks: choice j of a sample's token i is expert (i k + j) mod E, all weighing 1 / k."""
    token = torch.arange(case.seq_len).repeat(case.rows)[:, None]
    choices = (token * case.top_k + torch.arange(case.top_k)) % case.experts
    weights = torch.full(choices.shape, 1 / case.top_k)
    save_file({"choices": choices, "gate_weights": weights}, folder / GATE)


def choose_at_random(folder, case, seed=1):
    generator = torch.Generator().manual_seed(seed)
    scores = torch.rand((case.rows * case.seq_len, case.experts), generator=generator)
    weights = torch.rand((len(scores), case.top_k), generator=generator)
    save_file({"choices": scores.topk(case.top_k).indices.contiguous(), "gate_weights": weights}, folder / GATE)


def replace_routers(model, gate):
    for name, module in model.named_modules():
        if name.endswith("mlp.gate"):
            module.forward = lambda hidden: (None, gate["gate_weights"].to(hidden.dtype), gate["choices"])
            module.weight.requires_grad_(False)


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
