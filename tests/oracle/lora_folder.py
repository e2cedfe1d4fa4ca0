"""Folders of tiny models with low-rank adapters, and what peft computes for them.

make(folder, case, adapters) adds adapter_model.safetensors and adapter_config.json to the folder of the base model, as
peft saves them. B is random, too: with peft's zeros no gradient would reach A.
"""

import dataclasses
import json
import pathlib

import model_folder
import peft
import torch
import transformers
from safetensors.torch import load_file, save_file
from torch.nn import functional

ATTENTION = ("q_proj", "k_proj", "v_proj", "o_proj")
MLP = ("gate_proj", "up_proj", "down_proj")


@dataclasses.dataclass(frozen=True)
class Adapters:
    targets: tuple = ATTENTION + MLP
    rank: int = 4
    alpha: int = 12


def perturb(model, generator):
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            with torch.no_grad():
                parameter.copy_(0.1 * torch.randn(parameter.shape, generator=generator))


def stored_name(name):
    """A parameter of a peft model as its file calls it."""
    return name.replace(".default.", ".")


def make(folder, case, adapters):
    folder = model_folder.make(folder, case)
    config = peft.LoraConfig(r=adapters.rank, lora_alpha=adapters.alpha, target_modules=list(adapters.targets),
                             lora_dropout=0.0, task_type="CAUSAL_LM")
    model = peft.get_peft_model(model_folder.load(folder), config, autocast_adapter_dtype=False)
    perturb(model, torch.Generator().manual_seed(case.seed))
    model.save_pretrained(folder, save_embedding_layers=False)
    return folder


def load_base(folder):
    """The base model alone: transformers' from_pretrained would put the adapters beside it in."""
    weights = load_file(folder / "model.safetensors")
    dtype = weights["model.norm.weight"].dtype
    config = transformers.AutoConfig.from_pretrained(folder)
    model = transformers.AutoModelForCausalLM.from_config(config, attn_implementation="eager", dtype=dtype)
    missing, unexpected = model.load_state_dict(weights, strict=False)
    assert not unexpected and set(missing) <= {"lm_head.weight"}  # which may be tied
    return model


def load(folder, dtype=None):
    """The folder's model with its adapters, these to be trained."""
    model = peft.PeftModel.from_pretrained(load_base(folder), folder, is_trainable=True, autocast_adapter_dtype=False)
    return model.to(dtype).train() if dtype else model.train()


def expect(folder, model, steps=0):
    """Writes <folder>/expect.safetensors: loss, gradients and, with steps, the losses of AdamW steps. Returns its path.

    With steps, also <folder>/weights.safetensors: the adapters after the last step.
    """
    batch = model_folder.batch_in(folder)
    trained = {stored_name(name): p for name, p in model.named_parameters() if p.requires_grad}
    loss = model(**batch).loss
    loss.backward()
    found = {name: p.grad.float().contiguous() for name, p in trained.items()}
    found["loss"] = loss.detach().float().reshape(1)
    if steps:
        found["losses"] = torch.tensor(model_folder.train(model, batch, steps))
        save_file({name: p.detach().float().contiguous() for name, p in trained.items()}, folder / "weights.safetensors")
    save_file(found, folder / "expect.safetensors")
    return folder / "expect.safetensors"


class PackedPart(torch.nn.Module):
    """q, k or v of a layer whose one adapter spans all three: its rows of the packed output."""

    def __init__(self, linear, a, b, first, scale):
        super().__init__()
        self.linear, self.a, self.b, self.scale = linear, a, b, scale
        self.rows = slice(first, first + linear.weight.shape[0])

    def forward(self, x):
        return self.linear(x) + self.scale * functional.linear(functional.linear(x, self.a), self.b[self.rows])


def make_packed(folder, case, adapters):
    """The same for one adapter of q, k and v together, which peft does not have: written here with torch alone.

    Returns the folder and the model.
    """
    folder = model_folder.make(folder, case)
    model = model_folder.load(folder)
    generator = torch.Generator().manual_seed(case.seed)
    for parameter in model.parameters():
        parameter.requires_grad = False
    tensors, trained = {}, {}
    for number, layer in enumerate(model.model.layers):
        attention = layer.self_attn
        parts = ("q_proj", "k_proj", "v_proj")
        width = sum(getattr(attention, part).weight.shape[0] for part in parts)
        a = torch.nn.Parameter(0.1 * torch.randn((adapters.rank, case.hidden), generator=generator))
        b = torch.nn.Parameter(0.1 * torch.randn((width, adapters.rank), generator=generator))
        first = 0
        for part in parts:
            linear = getattr(attention, part)
            setattr(attention, part, PackedPart(linear, a, b, first, adapters.alpha / adapters.rank))
            first += linear.weight.shape[0]
        prefix = f"base_model.model.model.layers.{number}.self_attn.qkv_proj."
        trained |= {prefix + "lora_A.weight": a, prefix + "lora_B.weight": b}
    tensors = {name: p.detach().clone() for name, p in trained.items()}
    save_file(tensors, folder / "adapter_model.safetensors")
    config = {"peft_type": "LORA", "r": adapters.rank, "lora_alpha": adapters.alpha, "target_modules": ["qkv_proj"]}
    (folder / "adapter_config.json").write_text(json.dumps(config))
    return folder, model, trained


def expect_packed(folder, model, trained):
    loss = model(**model_folder.batch_in(folder)).loss
    loss.backward()
    found = {name: p.grad.contiguous() for name, p in trained.items()} | {"loss": loss.detach().reshape(1)}
    save_file(found, pathlib.Path(folder) / "expect.safetensors")
    return pathlib.Path(folder) / "expect.safetensors"


def stored(folder):
    """What the folder stores: base weights and adapters by name."""
    return load_file(folder / "model.safetensors") | load_file(folder / "adapter_model.safetensors")
