#!/usr/bin/env python3
"""The peer of a LoRA row: the same job with transformers and peft, at the fastest setting that works here.

    peer_hf_lora.py --perfbench BINARY --output FILE [--device cuda|cpu] [--steps N] [--warmup_steps N] [--seconds S]
                    [--tiny] -- FLAGS of perfbench

perfbench says what the job is (--dryrun) and counts its FLOPs by the convention of the published table (stack
automodel), so that both rows have one convention. Weights are random; nothing is downloaded. What is timed: whole
global steps of gbs samples, gradients accumulated over gbs / mbs microbatches, AdamW (fused) on the adapters; the
device is waited for at the ends of steps alone.

The peer is given its best: weights and adapters in BF16 (peft's default of FP32 adapters adds casts around each of
them), no dropout, no gradient checkpointing unless memory runs out, no cache, gradients of the adapters alone.
Attention and torch.compile are tried in turn on some microbatches each; the fastest runs the window. A setting that
fails or takes too long is recorded, and the next one is tried.
"""

import argparse
import contextlib
import dataclasses
import gc
import importlib.util
import json
import os
import pathlib
import signal
import statistics
import subprocess
import sys
import time

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("PYTORCH_CUDA_ALLOC_CONF", "expandable_segments:True")  # so that fragments waste no memory

import peft  # noqa: E402
import torch  # noqa: E402
import transformers  # noqa: E402

TRIAL_MICROBATCHES = 4  # timed, after two that are not
TRIAL_SECONDS = 180  # of a setting at most, its compilation included
LEAST_SECONDS = {"layers": 20, "model": 90}  # what compiling takes at least; with less to spare it is not tried
GIB = 1024**3


@dataclasses.dataclass(frozen=True)
class Setting:
    attention: str  # sdpa: PyTorch chooses the kernel; sdpa_cudnn: cuDNN's; flash_attention_2: the package flash-attn
    compiled: str = ""  # layers: each decoder layer and the loss; model: the whole model

    @property
    def name(self):
        return self.attention + (f"+compile_{self.compiled}" if self.compiled else "")


class TooLong(Exception):
    """A setting's time is over."""


@contextlib.contextmanager
def at_most(seconds):
    """Raises TooLong in the body after so many seconds."""

    def over(*_):
        raise TooLong(f"more than {seconds:.0f} s")

    before = signal.signal(signal.SIGALRM, over)
    signal.setitimer(signal.ITIMER_REAL, max(seconds, 0.1))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def ask(binary, *flags):
    done = subprocess.run([binary, *flags, "--json"], capture_output=True, text=True, timeout=60)
    if done.returncode != 0:
        raise SystemExit(done.stderr or done.stdout)
    return json.loads(done.stdout)


def job_and_flops(binary, flags):
    """The job as perfbench resolves it, and the model FLOPs of a token by the convention of the published table."""
    job = ask(binary, *flags, "--gpu", "h100", "--stack", "perfbench", "--mode", "simulate", "--dryrun")
    if (job["num_gpus"], job["task"], job["precision"], job["packed"]) != (1, "lora", "bf16", False):
        raise SystemExit("peer_hf_lora: the peer runs LoRA in BF16 without packing on one GPU")
    row = ask(binary, *flags, "--gpu", "h100", "--stack", "automodel", "--mode", "simulate")
    return job, row["model_tflops_per_gpu"] * 1e12 / row["tokens_per_s_per_gpu"], row["flops_convention"]


def config_of(model, data):
    """A name of the catalog in the folder `data`, or the path of a config.json or of its folder."""
    path = pathlib.Path(model)
    path = path if path.exists() else data / "models" / model
    path = path / "config.json" if path.is_dir() else path
    keys = {k: v for k, v in json.loads(path.read_text()).items() if not k.startswith("_")}
    return transformers.AutoConfig.for_model(keys.pop("model_type"), **keys)


class Peer:
    """The model with its adapters on the device, and its global step."""

    def __init__(self, job, config, device, num_steps):
        self.job, self.device, self.num_steps = job, device, num_steps
        torch.manual_seed(1)
        with torch.device(device):
            self.base = transformers.AutoModelForCausalLM.from_config(
                config, dtype=torch.bfloat16, attn_implementation="sdpa")
        lora = peft.LoraConfig(r=job["lora_rank"], lora_alpha=job["lora_alpha"], lora_dropout=0.0, bias="none",
                               target_modules=list(job["lora_targets"]), task_type="CAUSAL_LM")
        self.model = peft.get_peft_model(self.base, lora, autocast_adapter_dtype=False).to(device).train()
        self.base.config.use_cache = False
        self.loss_function = self.base.loss_function
        self.forward, self.setting, self.was_compiled = self.model, None, False
        self.checkpointing = False
        trained = [p for p in self.model.parameters() if p.requires_grad]
        self.num_trained, self.adapter_dtype = sum(p.numel() for p in trained), str(trained[0].dtype).split(".")[1]
        self.optimizer = torch.optim.AdamW(trained, lr=1e-4, fused=True)
        self.vocab = config.vocab_size

    def wait(self):
        if self.device == "cuda":
            torch.cuda.synchronize()

    def layers(self):
        return self.base.model.layers

    def use(self, setting):
        if setting == self.setting:
            return
        self.setting = None  # until all of it is done
        cudnn = setting.attention == "sdpa_cudnn"
        if self.device == "cuda":
            torch.backends.cuda.enable_flash_sdp(not cudnn)
            torch.backends.cuda.enable_mem_efficient_sdp(not cudnn)
            torch.backends.cuda.enable_cudnn_sdp(True)
        self.base.set_attn_implementation("sdpa" if cudnn else setting.attention)
        if self.was_compiled:
            torch._dynamo.reset()
        for layer in self.layers():
            layer._compiled_call_impl = None
        self.forward, self.base.loss_function = self.model, self.loss_function
        self.was_compiled = bool(setting.compiled)
        if setting.compiled == "layers":
            for layer in self.layers():
                layer.compile(dynamic=False)
            self.base.loss_function = torch.compile(self.loss_function, dynamic=False)
        elif setting.compiled == "model":
            self.forward = torch.compile(self.model, dynamic=False)
        self.setting = setting

    def checkpoint(self):
        """What is kept for the backward pass: the inputs of layers alone."""
        self.checkpointing, self.setting = True, None
        self.base.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})

    def forget(self):
        self.optimizer.zero_grad(set_to_none=True)
        gc.collect()
        if self.device == "cuda":
            torch.cuda.empty_cache()

    def tokens(self, samples):
        return torch.randint(self.vocab, (samples, self.job["seq_len"]), device=self.device)

    def microbatch(self, tokens):
        loss = self.forward(input_ids=tokens, labels=tokens, use_cache=False).loss / self.job["ga"]
        loss.backward()
        return loss.detach()

    def step(self, tokens):
        loss = torch.zeros((), device=self.device)
        for part in tokens.split(self.job["mbs"]):
            loss += self.microbatch(part)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        return loss

    def warm(self):
        """What is compiled or chosen at first use is so afterwards."""
        for _ in range(2):
            self.microbatch(self.tokens(self.job["mbs"]))
        self.wait()

    def seconds_a_microbatch(self):
        self.warm()
        tokens = self.tokens(self.job["mbs"])
        began = time.perf_counter()
        for _ in range(TRIAL_MICROBATCHES):
            self.microbatch(tokens)
        self.wait()
        return (time.perf_counter() - began) / TRIAL_MICROBATCHES


def attempt(peer, setting, seconds):
    """What a setting takes, as an entry of the row's settings."""
    tried, began = {"setting": setting.name, "status": "ok", "reason": None}, time.perf_counter()
    try:
        with at_most(min(seconds, TRIAL_SECONDS)):
            peer.use(setting)
            microbatch_s = peer.seconds_a_microbatch()
        tried |= {"microbatch_s": microbatch_s, "estimated_step_time_s": microbatch_s * peer.job["ga"]}
    except torch.OutOfMemoryError as error:
        tried |= {"status": "oom", "reason": str(error).splitlines()[0]}
    except Exception as error:  # whatever a compiler or a missing package throws
        tried |= {"status": "failed", "reason": f"{type(error).__name__}: {str(error).strip().splitlines()[:1]}"[:300]}
    tried |= {"gradient_checkpointing": peer.checkpointing, "trial_s": time.perf_counter() - began}
    peer.forget()
    print(json.dumps(tried), flush=True)
    return tried


class Trials:
    """Settings that were tried, and the fastest that works."""

    def __init__(self, peer, until, only):
        self.peer, self.until, self.only = peer, until, only
        self.tried, self.best, self.best_s = [], None, None

    def attempt(self, setting, least=0.0):
        """Tries a setting unless that, or the window after it, would take more time than there is."""
        if self.only and setting.name not in self.only:
            return
        window_s = self.best_s * self.peer.job["ga"] * (self.peer.num_steps + 0.5) if self.best else 0.0
        spare = self.until - time.monotonic() - window_s
        if spare < least:
            reason = f"{spare:.0f} s were left for it"
            self.tried.append({"setting": setting.name, "status": "no time", "reason": reason})
            return
        found = attempt(self.peer, setting, spare)
        self.tried.append(found)
        if found["status"] == "ok" and (self.best is None or found["microbatch_s"] < self.best_s):
            self.best, self.best_s = setting, found["microbatch_s"]

    def all(self):
        """Attention first, then torch.compile with the best attention, as long as the window still fits."""
        attentions = ["sdpa", "sdpa_cudnn"] if self.peer.device == "cuda" else ["sdpa"]
        if importlib.util.find_spec("flash_attn"):
            attentions.append("flash_attention_2")
        for attention in attentions:
            self.attempt(Setting(attention))
        attention = self.best.attention if self.best else attentions[0]
        for compiled, least in LEAST_SECONDS.items():
            self.attempt(Setting(attention, compiled), least)


def try_settings(peer, until, only):
    """The trials; all once more with gradient checkpointing where nothing fits without."""
    trials = Trials(peer, until, only)
    trials.all()
    if trials.best is None and any(found["status"] == "oom" for found in trials.tried):
        peer.checkpoint()
        trials.all()
    return trials


def run_window(peer, steps, warmup, until):
    """Seconds of each counted step, and the losses of all. Fewer steps than asked where time runs out."""
    samples, losses = [], []
    for number in range(steps):
        tokens = peer.tokens(peer.job["gbs"])
        peer.wait()
        began = time.perf_counter()
        loss = peer.step(tokens)
        peer.wait()
        took = time.perf_counter() - began
        losses.append(float(loss))
        if number >= warmup:
            samples.append(took)
        print(f"step {number + 1}/{steps}: {took:.4f} s, loss {losses[-1]:.4f}", flush=True)
        if samples and time.monotonic() + took > until:
            break
    return samples, losses


def describe(peer, flops_per_token, convention):
    job = peer.job
    row = {"peer": "transformers + peft", "method": "measured", "status": "failed", "reason": None}
    row |= {key: job[key] for key in ("model", "task", "precision", "num_gpus", "gbs", "mbs", "ga", "seq_len",
                                      "lora_rank", "lora_alpha", "lora_targets")}
    row |= {"trained_parameters": peer.num_trained, "weights_dtype": "bfloat16", "adapter_dtype": peer.adapter_dtype,
            "optimizer": "AdamW, fused", "flops_per_token": flops_per_token, "flops_convention": convention,
            "device": torch.cuda.get_device_name() if peer.device == "cuda" else "cpu",
            "versions": {"torch": torch.__version__, "transformers": transformers.__version__, "peft": peft.__version__,
                         "python": sys.version.split()[0]}}
    return row


def figures(row, peer, samples, losses, warmup):
    """The row's numbers from the counted steps."""
    step_time_s = statistics.median(samples)
    tokens_per_s = row["gbs"] * row["seq_len"] / step_time_s
    peak = torch.cuda.max_memory_allocated() / GIB if peer.device == "cuda" else None
    finite = all(loss == loss and abs(loss) != float("inf") for loss in losses)
    return {"status": "ok" if finite else "failed", "reason": None if finite else "a loss is not finite",
            "step_time_s": step_time_s, "tokens_per_s_per_gpu": tokens_per_s,
            "model_tflops_per_gpu": tokens_per_s * row["flops_per_token"] / 1e12,
            "window": f"steps {warmup + 1}-{warmup + len(samples)} of {warmup + len(samples)}", "samples_s": samples,
            "losses": losses, "loss_ok": finite, "peak_memory_gib": peak}


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--perfbench", required=True, help="the executable")
    parser.add_argument("--output", required=True, type=pathlib.Path, help="the row, as JSON")
    parser.add_argument("--device", default="cuda", choices=("cuda", "cpu"))
    parser.add_argument("--steps", type=int, default=30, help="global steps, warm-up included")
    parser.add_argument("--warmup_steps", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=600.0, help="for all of it; trials come out of it, too")
    parser.add_argument("--settings", default="", help="only these, separated by commas, such as sdpa+compile_layers")
    parser.add_argument("--tiny", action="store_true", help="a tiny model on a CPU: sdpa alone, nothing is compiled")
    parser.add_argument("flags", nargs="+", help="flags of perfbench that say what the job is")
    return parser.parse_args()


def main():
    asked, began = parse(), time.monotonic()
    until = began + asked.seconds
    catalog = pathlib.Path(__file__).resolve().parents[1] / "model_configs"
    data = pathlib.Path(os.environ.get("PERFBENCH_DATA") or catalog)
    job, flops_per_token, convention = job_and_flops(asked.perfbench, asked.flags)
    model = asked.flags[asked.flags.index("--model") + 1]
    if asked.tiny:
        torch.set_num_threads(1)
    peer = Peer(job, config_of(model, data), asked.device, asked.steps)
    row = describe(peer, flops_per_token, convention)
    only = [name for name in asked.settings.split(",") if name] or (["sdpa"] if asked.tiny else [])
    trials = try_settings(peer, until, only)
    row["settings"], best = trials.tried, trials.best
    if best is None:
        row["reason"] = "no setting works"
    else:
        row["setting"], row["gradient_checkpointing"] = best.name, peer.checkpointing
        peer.use(best)
        peer.warm()
        peer.optimizer.zero_grad(set_to_none=True)
        samples, losses = run_window(peer, asked.steps, asked.warmup_steps, until)
        row |= figures(row, peer, samples, losses, asked.warmup_steps)
    asked.output.write_text(json.dumps(row, indent=1) + "\n")
    if row["status"] != "ok":
        print(f"peer_hf_lora: {row['reason']}", file=sys.stderr)
        return 3
    print(f"note: {row['setting']}, {row['step_time_s']:.4g} s a step")
    return 0


if __name__ == "__main__":
    sys.exit(main())
