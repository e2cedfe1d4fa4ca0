#!/usr/bin/env python3
"""Parity folders for a machine that cannot make them: tiny models with what transformers and peft compute for them.

    gpu_folders.py FOLDER [NAME...]    default: all of CASES

Each lies in FOLDER/<name>, with the flags of its `perfbench verify` in verify_flags. Folders in FP32 train three steps,
too; those in BF16 and FP8 are compared with exact arithmetic on the same weights.
"""

import argparse
import os
import pathlib
import sys

SOURCE = pathlib.Path(__file__).resolve().parents[2]
sys.path.append(str(SOURCE / ".venv/libtorch"))  # last, so that the packages of .venv itself win
os.environ.setdefault("HF_HUB_OFFLINE", "1")

import lora_folder  # noqa: E402
import model_folder  # noqa: E402
import torch  # noqa: E402
from lora_folder import ATTENTION, MLP, Adapters  # noqa: E402
from model_folder import Case  # noqa: E402

STEPS = 3
SIZES = {"rows": 4, "seq_len": 32}
MODELS = {
    "llama": Case(seed=81, **SIZES),
    "llama_packed": Case(seed=82, packed=True, **SIZES),
    "llama_odd": Case(seed=83, hidden=48, heads=3, kv_heads=1, head_dim=24, ffn=88, vocab=97, rows=3, seq_len=13),
    "qwen2": Case(seed=84, family="qwen2", **SIZES),
    "qwen3": Case(seed=85, family="qwen3", **SIZES),
    "gpt2": Case(seed=86, family="gpt2", tied=True, **SIZES),
    "nemotron": Case(seed=87, family="nemotron", **SIZES),
}
# Few tokens, so that a seed is soon found at which BF16 chooses as exact arithmetic does.
FEW = {"rows": 2, "seq_len": 16}
EXPERTS = {
    "mixtral": Case(seed=90, family="mixtral", **FEW),
    "qwen3_moe": Case(seed=91, family="qwen3_moe", experts=8, top_k=3, normalised=False, **FEW),
    "qwen3_moe_odd": Case(seed=92, family="qwen3_moe", hidden=60, heads=3, kv_heads=1, head_dim=20, expert_ffn=28,
                          experts=5, top_k=2, **FEW),
}
# Heads and sequences as real models have them: fused attention takes no others.
TILES = {"hidden": 256, "heads": 2, "kv_heads": 1, "head_dim": 128, "ffn": 512, "rows": 2, "seq_len": 128}
TILED = {
    "tiles": Case(seed=88, **TILES),
    "tiles_packed": Case(seed=89, packed=True, **TILES),
}
ADAPTERS = {
    "llama_lora": (MODELS["llama"], Adapters(ATTENTION + MLP)),
    "qwen2_lora": (MODELS["qwen2"], Adapters(("q_proj", "v_proj", "down_proj"))),
}


def precision_of(name):
    return name.rpartition("_")[2]


def plain(folder, name, case):
    """precision fp32, bf16 or fp8cs, whose weights are BF16."""
    exact = precision_of(name) == "fp32"
    case = Case(**(vars(case) | {"dtype": "float32" if exact else "bfloat16"}))
    model_folder.make(folder, case)
    model_folder.expect(folder, None if exact else torch.float32, STEPS if exact else 0)


def with_experts(folder, name, case):
    plain(folder, name, case if precision_of(name) == "fp32" else model_folder.with_clear_choices(case))


def with_adapters(folder, name, case, adapters):
    exact = precision_of(name) == "fp32"
    case = Case(**(vars(case) | {"dtype": "float32" if exact else "bfloat16"}))
    lora_folder.make(folder, case, adapters)
    lora_folder.expect(folder, lora_folder.load(folder, None if exact else torch.float32), STEPS if exact else 0)


def cases():
    """By name: what makes the folder."""
    made = {}
    for model, case in MODELS.items():
        for precision in ("fp32", "bf16") + (("fp8cs",) if model == "llama" else ()):
            made[f"{model}_{precision}"] = (plain, case)
    for model, case in EXPERTS.items():
        for precision in ("fp32", "bf16"):
            made[f"{model}_{precision}"] = (with_experts, case)
    for model, (case, adapters) in ADAPTERS.items():
        for precision in ("fp32", "bf16"):
            made[f"{model}_{precision}"] = (with_adapters, case, adapters)
    made |= {f"{model}_bf16": (plain, case) for model, case in TILED.items()}
    made["tiles_lora_bf16"] = (with_adapters, TILED["tiles"], Adapters(ATTENTION + MLP))
    return made


def flags_of(name):
    flags = ["-c", precision_of(name)]
    return flags + (["--steps", str(STEPS)] if precision_of(name) == "fp32" else [])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("name", nargs="*")
    asked = parser.parse_args()
    known = cases()
    unknown = set(asked.name) - set(known)
    if unknown:
        parser.error(f"no such folder: {' '.join(sorted(unknown))}; valid: {' '.join(known)}")
    torch.set_num_threads(1)
    for name in asked.name or known:
        make, *arguments = known[name]
        make(asked.folder / name, name, *arguments)
        (asked.folder / name / "weights.safetensors").unlink(missing_ok=True)  # after the steps: nothing reads them
        (asked.folder / name / "verify_flags").write_text(" ".join(flags_of(name)) + "\n")


if __name__ == "__main__":
    main()
