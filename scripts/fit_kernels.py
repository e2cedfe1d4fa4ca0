#!/usr/bin/env python3
"""Fits the constants of model_configs/kernels/ to measured kernel and collective times.

usage: fit_kernels.py MEASURED OUT [--report FILE.md]

MEASURED holds, for each system in SYSTEMS, three comma-separated tables:
  gemm_SYSTEM.csv               gemm_dtype,m,n,k,latency_ms
  attention_forward_SYSTEM.csv  batch_size,isl,num_heads,num_key_value_heads,head_dim,latency_ms
  nccl_SYSTEM.csv               op_name,num_gpus,message_size,latency_ms   (elements of 2 bytes, whole buffer)
OUT receives one JSON file per system and default.json, the medians over the systems. The formulas below are those of
src/cost/; src/cost/*.h explains every constant. Every fifth shape is held out of a fit and gives its stated error.
Needs numpy and scipy.
"""

import argparse
import csv
import json
import pathlib

import numpy as np
from scipy.optimize import least_squares

# Data-sheet peaks to which the constants are relative: dense BF16 and FP8 FLOP/s, HBM bytes/s, NVLink bytes/s of one
# GPU in one direction. They are the figures of model_configs/systems/.
SYSTEMS = {
    "h100": {"bf16": 989e12, "fp8": 1979e12, "memory": 3.35e12, "nvlink": 450e9},
    "h200": {"bf16": 989e12, "fp8": 1979e12, "memory": 4.8e12, "nvlink": 450e9},
    "b200": {"bf16": 2250e12, "fp8": 4500e12, "memory": 8e12, "nvlink": 900e9},
    "gb200": {"bf16": 2500e12, "fp8": 5000e12, "memory": 8e12, "nvlink": 900e9},
    "gb300": {"bf16": 2500e12, "fp8": 5000e12, "memory": 8e12, "nvlink": 900e9},
}

DATA = "ai-dynamo/aiconfigurator (Apache-2.0, commit 095f58a, 2026-08-21)"
KERNELS = f"fitted to the TensorRT-LLM 1.3.0rc20 kernel times of {DATA}"
NCCL = f"fitted to the NCCL 2.29.2 times inside one node of {DATA}"
ASSUMED = "assumed, not measured"

# Not measured, of attention: the backward's FLOP/s per FLOP/s of the forward. See REPORT_TAIL.
BACKWARD_RATE = {"h100": 0.8, "h200": 0.8, "b200": 0.68, "gb200": 0.68, "gb300": 0.68, "default": 0.8}
UNMEASURED_ATTENTION = (
    f"backward_flops and backward_rate: {ASSUMED}; 0.68 on Blackwell, 0.8 elsewhere, so that one constant of a stack "
    "serves both: residuals of a per-op model over the NeMo 25.04 training rows ask for 0.87 of the forward's rate "
    "on Blackwell, for 0.99 on Hopper; packed_work: the same residuals, 2.5 to 3 agree with the packed rows")

HUBER = 0.05  # residuals above 5 % count linearly: the tables hold odd kernel choices and throttled runs
PRIOR = 1.0   # a constant one deviation off its prior costs as much as this many points at 5 %

# name: (prior, its standard deviation as a factor's logarithm)
GEMM = {
    "launch_s": (3e-6, 0.5), "peak_share": (0.75, 0.3), "half_m": (60, 0.4), "half_n": (60, 0.4), "half_k": (60, 0.6),
    "sustained_drop": (0.2, 0.1), "sustained_flops": (20e12, 0.7), "memory_share": (0.8, 0.05),
}
QUANTIZE = {"launch_s": (3e-6, 0.7), "bytes_per_element": (6, 1.0)}
ATTENTION = {
    "launch_s": (10e-6, 0.5), "half_keys": (350, 0.5), "half_blocks": (100, 0.5), "prepare_passes": (1.2, 0.3),
    "peak_share_64": (0.5, 0.3), "peak_share_128": (0.6, 0.3), "peak_share_256": (0.65, 0.3),
}
COLLECTIVE = {
    "latency_s": (5e-6, 0.5), "latency_per_rank_s": (1e-6, 0.7), "bandwidth_share": (0.85, 0.3),
    "local_share": (0.4, 0.7), "ramp_bytes": (2e6, 1.0),
}
COLLECTIVES = {"all_gather": "all_gather", "reduce_scatter": "reduce_scatter", "all_reduce": "all_reduce",
               "all_to_all": "alltoall"}


def gemm_s(c, peak, hw, x, element_bytes):
    m, n, k = x["m"], x["n"], x["k"]
    flops = 2 * m * n * k
    sustained = 1 - c["sustained_drop"] * flops / (flops + c["sustained_flops"])
    share = c["peak_share"] * m / (m + c["half_m"]) * n / (n + c["half_n"]) * k / (k + c["half_k"]) * sustained
    moved = element_bytes * (m * k + n * k) + 2 * m * n
    return c["launch_s"] + np.maximum(flops / (peak * share), moved / (hw["memory"] * c["memory_share"]))


def quantize_s(c, hw, elements):
    return c["launch_s"] + c["bytes_per_element"] * elements / hw["memory"]


def attention_s(c, hw, x):
    b, s, h, kv, d = (x[n] for n in ("batch_size", "isl", "num_heads", "num_key_value_heads", "head_dim"))
    keys, blocks = s / 2, b * h * s / 128
    share = np.interp(np.log2(d), [6, 7, 8], [c["peak_share_64"], c["peak_share_128"], c["peak_share_256"]])
    share = share * keys / (keys + c["half_keys"]) * blocks / (blocks + c["half_blocks"])
    prepare = c["prepare_passes"] * 2 * b * s * (h + kv) * d * 2 / hw["memory"]
    return c["launch_s"] + 4 * b * h * s * keys * d / (hw["bf16"] * share) + prepare


def collective_s(c, hw, x, passes):
    r, size = x["num_gpus"], 2 * x["message_size"]
    wire = passes * (r - 1) / r * size
    local = c["local_share"] * passes * size / r
    ramp = 1 + np.sqrt(c["ramp_bytes"] / wire)
    rate = hw["nvlink"] * c["bandwidth_share"]
    return c["latency_s"] + c["latency_per_rank_s"] * (r - 1) + (wire + local) * ramp / rate


def read(path):
    """Columns as arrays: numbers where they are numbers."""
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    columns = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    return {k: v if k in ("gemm_dtype", "op_name") else v.astype(float) for k, v in columns.items()}


def select(x, mask):
    return {name: column[mask] for name, column in x.items()}


def fit(model, x, priors, weight):
    """Robust least squares on the log error. Returns the constants, rounded as they are written."""
    names = list(priors)
    centre = np.log([priors[n][0] for n in names])
    width = np.array([priors[n][1] for n in names])
    train = np.arange(len(weight)) % 5 != 4
    log_measured = np.log(x["latency_ms"] / 1e3)

    def residual(p):
        error = np.log(model(dict(zip(names, np.exp(p))), x)) - log_measured
        return np.concatenate([(error * weight)[train], HUBER * PRIOR * (p - centre) / width])

    found = least_squares(residual, centre, loss="huber", f_scale=HUBER, ftol=1e-13, xtol=1e-12, gtol=1e-12)
    return {n: float(f"{v:.4g}") for n, v in zip(names, np.exp(found.x))}


def signed_errors(predicted_s, x):
    return 100 * (predicted_s / (x["latency_ms"] / 1e3) - 1)


def held_out(count):
    return np.arange(count) % 5 == 4


def summary(errors, held):
    size = np.abs(errors[held])
    return {"points": len(errors), "held_out": int(held.sum()),
            "median_error_percent": round(float(np.median(size)), 1),
            "p90_error_percent": round(float(np.quantile(size, 0.9)), 1)}


class Problem:
    """One table with the formula that explains it and its constants' priors."""

    def __init__(self, name, x, weight, model, priors, regions):
        self.name, self.x, self.weight, self.model, self.priors = name, x, weight, model, priors
        self.regions = regions  # label -> mask, for the report

    def errors(self, constants):
        return signed_errors(self.model(constants, self.x), self.x)


def bins(x, key, edges, unit=""):
    labels = [f"{key} {low:g} to {high:g}{unit}" for low, high in zip(edges, edges[1:])]
    return {label: (x[key] >= low) & (x[key] < high) for label, low, high in zip(labels, edges, edges[1:])}


def gemm_problem(folder, system, dtype):
    hw = SYSTEMS[system]
    x = read(folder / f"gemm_{system}.csv")
    x = select(x, x["gemm_dtype"] == {"bf16": "bfloat16", "fp8": "fp8"}[dtype])
    x["PFLOP"] = 2e-15 * x["m"] * x["n"] * x["k"]
    least = np.minimum(np.minimum(x["m"], x["n"]), x["k"])
    training = least >= 1024
    regions = {"all m, n, k >= 1024": training}
    for key in "mnk":
        regions |= bins(x, key, [512, 1024, 2048, 4096, 8192, 16384, 1e6])
    regions |= bins(x, "PFLOP", [0, 1e-4, 1e-3, 5e-3, 2e-2, 1])
    priors = dict(GEMM)
    if dtype == "fp8":
        priors |= {f"quantize_{k}": v for k, v in QUANTIZE.items()}

    def model(c, x):
        seconds = gemm_s(c, hw[dtype], hw, x, 1 if dtype == "fp8" else 2)
        if dtype == "fp8":
            seconds = seconds + quantize_s({k: c[f"quantize_{k}"] for k in QUANTIZE}, hw, x["m"] * x["k"])
        return seconds

    return Problem(f"gemm {dtype}", x, np.where(training, 1.0, 0.3), model, priors, regions)


def attention_problem(folder, system):
    hw = SYSTEMS[system]
    x = read(folder / f"attention_forward_{system}.csv")
    x = select(x, x["head_dim"] <= 256)  # 512 is another kernel that no model here uses
    training = (x["isl"] >= 2048) & (x["num_heads"] >= 4)
    regions = {"seq >= 2048, heads >= 4": training}
    regions |= bins(x, "isl", [1024, 2048, 4096, 8192, 1e6])
    regions |= {f"head_dim {d:g}, seq >= 2048": training & (x["head_dim"] == d) for d in np.unique(x["head_dim"])}
    regions |= bins(x, "num_heads", [1, 4, 16, 1e6])
    regions |= {"batch x heads <= 4, seq >= 2048": (x["batch_size"] * x["num_heads"] <= 4) & (x["isl"] >= 2048)}
    weight = np.where(training, 1.0, 0.3) * np.where(x["head_dim"] == 192, 0.5, 1.0)
    return Problem("attention", x, weight, lambda c, x: attention_s(c, hw, x), ATTENTION, regions)


def collective_problem(folder, system, name):
    hw = SYSTEMS[system]
    x = read(folder / f"nccl_{system}.csv")
    x = select(x, x["op_name"] == COLLECTIVES[name])
    x["MiB"] = x["message_size"] / 2**19
    large = x["MiB"] >= 8
    regions = {"size >= 8 MiB": large}
    regions |= bins(x, "MiB", [0, 0.1, 1, 8, 64, 1024])
    regions |= {f"{r:g} ranks, size >= 8 MiB": large & (x["num_gpus"] == r) for r in np.unique(x["num_gpus"])}
    passes = 2 if name == "all_reduce" else 1
    weight = np.where(large, 2.0, np.where(x["MiB"] >= 1, 1.0, 0.5))
    return Problem(name, x, weight, lambda c, x: collective_s(c, hw, x, passes), COLLECTIVE, regions)


def problems(folder, system):
    found = [gemm_problem(folder, system, dtype) for dtype in ("bf16", "fp8")]
    found.append(attention_problem(folder, system))
    found += [collective_problem(folder, system, name) for name in COLLECTIVES]
    return {p.name: p for p in found}


def document(system, constants, fits, note):
    """The JSON file of one system: every block has its source, and its error where it was fitted."""
    fp8 = constants["gemm fp8"]

    def block(name, source, keys=None, fitted=True):
        values = {k: v for k, v in constants[name].items() if keys is None or k in keys}
        return values | {"source": source + note} | ({"fit": fits[name]} if fitted else {})

    attention_source = KERNELS + "; " + UNMEASURED_ATTENTION
    unmeasured = {"backward_flops": 2.5, "backward_rate": BACKWARD_RATE[system], "packed_work": 2.75}
    return {
        "system": system,
        "gemm": {"bf16": block("gemm bf16", KERNELS), "fp8": block("gemm fp8", KERNELS, GEMM)},
        "quantize": {k: fp8[f"quantize_{k}"] for k in QUANTIZE} | {
            "source": KERNELS + ", together with gemm.fp8, whose times include the dynamic quantisation of A" + note},
        "attention": block("attention", attention_source) | unmeasured,
        "memory": {"launch_s": 3e-6, "bandwidth_share": 0.9, "source": ASSUMED + ": between 0.8 and 1.0 of the peak"},
        "nvlink": {name: block(name, NCCL) for name in COLLECTIVES} | {
            "send": {"latency_s": 8e-6, "bandwidth_share": 0.75, "source": ASSUMED + ": as a large all-gather"}},
        "network": {"bandwidth_share": 0.9, "hop_latency_s": 12e-6, "source": ASSUMED + ": no times over a network"},
    }


def medians(per_system):
    """The median over the systems of every constant."""
    first = next(iter(per_system.values()))
    return {name: {key: float(f"{np.median([c[name][key] for c in per_system.values()]):.4g}") for key in first[name]}
            for name in first}


def report_row(system, problem, constants):
    """The report's line of one fit, with its worst region of at least five shapes."""
    errors = problem.errors(constants)
    typical = {label: mask for label, mask in problem.regions.items() if mask.sum() >= 5}
    first = next(iter(problem.regions))
    worst = max(typical, key=lambda label: abs(np.median(errors[typical[label]])))
    held = held_out(len(errors))
    every = summary(errors, held)
    large = summary(errors, held & problem.regions[first])
    tail = errors[problem.regions[worst]]
    return [problem.name, system, every["points"], every["held_out"], every["median_error_percent"],
            every["p90_error_percent"], large["median_error_percent"], large["p90_error_percent"], worst,
            f"{np.median(tail):+.1f}", f"{errors[np.argmax(np.abs(errors))]:+.0f}"]


REPORT_HEAD = """# Kernel constants and how well they fit

Generated by `scripts/fit_kernels.py`; the formulas and the meaning of each constant are in the headers of `src/cost/`.

Data: {data};
TensorRT-LLM 1.3.0rc20 kernels on one GPU, and NCCL 2.29.2 inside one node. perfbench carries the constants of
`model_configs/kernels/`, not the tables. Every constant is relative to a data-sheet peak, so a system that was not
measured borrows those of one with the same chip, or `default.json`, the median over the measured systems.

A fit is a robust least squares (Huber, 5 %) on the logarithm of the time, with priors. Every fifth shape is held out;
all errors but the last two columns are absolute errors of the held-out shapes in percent. Training size means
m, n, k >= 1024 for matrix products; sequences >= 2048 and at least 4 heads for attention; 8 MiB and more for
collectives. The worst region is the one of at least five shapes whose median error is largest; errors with a sign are
predicted over measured minus one, so a minus means that the model is too fast.

"""

REPORT_TAIL = """
## What was not measured

- Backward kernels: attention's backward is 2.5 times the forward's FLOPs at 0.8 of its rate on Hopper, 0.68 on
  Blackwell. 0.8 is assumed; 0.68 follows from it: training rows ask for 0.99 of the forward table and that backward on
  Hopper, for 0.87 on Blackwell, and only the backward is not measured there. The other layouts of a matrix product in
  the backward, and clocks under a training load, are a factor of the stack.
- Attention within packed sub-sequences of some 200 tokens: 2.75 times the work that is kept, at the rate of the pack
  as one sequence. Training rows agree with 2.5 to 3; tiles of 128 x 128 alone waste 2.3.
- Network: 0.9 of the line rate and 12 us per hop between NVLink domains are assumed.
- Memory-bound kernels: 0.9 of the HBM peak is assumed.
- More than 8 ranks in one NVLink domain: the curves are extended.
- Shapes below 512 in m, n or k, full (not causal) attention, and head sizes between the measured ones are extended or
  interpolated.

## Known weak places

- All-reduce of 8 Hopper GPUs is reduced in the switch, that of 2 and 4 is not: one curve lies between them.
- NCCL changes its protocol between 8 and 64 MiB on Blackwell, between 0.1 and 1 MiB on Hopper: the measured rate is not
  monotone there, and the curve is 5 to 15 % too fast on the former, as much too slow on the latter. An all-to-all of
  0.1 to 1 MiB takes a quarter longer than the curve.
- Attention of few heads (batch x heads <= 4) is up to 15 % slower than the curve.
- Large matrix products run at lower clocks; `sustained_drop` covers the mean, not a particular cooling.
"""


def markdown(header, rows):
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    return "\n".join(lines + ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("measured", type=pathlib.Path)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--report", type=pathlib.Path)
    args = parser.parse_args()

    tables = {system: problems(args.measured, system) for system in SYSTEMS}
    constants, documents, rows = {}, {}, []
    for system, parts in tables.items():
        constants[system] = {n: fit(p.model, p.x, p.priors, p.weight) for n, p in parts.items()}
        fits = {n: summary(p.errors(constants[system][n]), held_out(len(p.weight))) for n, p in parts.items()}
        documents[system] = document(system, constants[system], fits, "")

    default, fits = medians(constants), {}
    for name in default:
        errors = [parts[name].errors(default[name]) for parts in tables.values()]
        held = np.concatenate([held_out(len(e)) for e in errors])
        fits[name] = summary(np.concatenate(errors), held)
    documents["default"] = document("default", default, fits, "; the median over h100, h200, b200, gb200 and gb300")

    for system, text in documents.items():
        (args.out / f"{system}.json").write_text(json.dumps(text, indent=2) + "\n")
    if args.report:
        for name in default:
            for system, parts in tables.items():
                rows.append(report_row(system, parts[name], constants[system][name]))
        header = ["Kernel", "System", "Shapes", "Held out", "Median", "p90", "Median, training size",
                  "p90, training size", "Worst region", "Its median", "Worst shape"]
        default_rows = [[n, f["points"], f["held_out"], f["median_error_percent"], f["p90_error_percent"]]
                        for n, f in fits.items()]
        args.report.write_text(
            REPORT_HEAD.format(data=DATA) + markdown(header, rows)
            + "\nThe medians of `default.json` against every system's held-out shapes:\n\n"
            + markdown(["Kernel", "Shapes", "Held out", "Median", "p90"], default_rows) + REPORT_TAIL)


if __name__ == "__main__":
    main()
