#!/usr/bin/env python3
"""Predicted against published tokens/s/GPU of every dense row, as the tables of docs/cost_model.md.

    scripts/prediction_table.py           # rewrites what stands between the markers
    scripts/prediction_table.py --check   # exit status 1 where that is not what `perfbench sweep` says today

Standard library only.
"""

import argparse
import csv
import json
import pathlib
import statistics
import sys
import textwrap

import published_sweep

DOC = published_sweep.SOURCE / "docs/cost_model.md"
LEFT_OUT = published_sweep.SOURCE / "results/left_out.csv"
BEGIN, END = "<!-- begin: scripts/prediction_table.py -->", "<!-- end: scripts/prediction_table.py -->"
MOVED = 0.005  # a ratio that is this far from the fitted one: the fit is of another model

MODELS = {"gpt3_175b": "GPT3-175B", "llama3_8b": "LLAMA3-8B", "llama3_70b": "LLAMA3-70B", "llama31_405b": "LLAMA3-405B",
          "nemotron4_15b": "Nemotron-15B", "nemotron4_340b": "Nemotron-340B", "qwen2p5_7b": "Qwen2.5-7B",
          "qwen2p5_32b": "Qwen2.5-32B"}
GIB = 1024**3


def capacity_gib(system):
    data = json.loads((published_sweep.SOURCE / f"model_configs/systems/{system}.json").read_text())
    return data["memory_bytes"]["value"] / GIB


def left_out():
    if not LEFT_OUT.exists():
        return {}
    with LEFT_OUT.open(newline="") as file:
        return {row["row"]: row for row in csv.DictReader(file)}


def configuration(row):
    layout = [f"{axis} {row[axis]}" for axis in ("tp", "pp", "cp", "vp") if row[axis] > 1]
    layout += ["fsdp"] if row["fsdp"] and row["dp"] * row["cp"] > 1 else []
    task = "" if row["task"] == "pretrain" else f" {row['task']}"
    return f"{MODELS[row['model']]}{task}, {row['num_gpus']} {row['system'].upper()}" + "".join(f", {x}" for x in layout)


def percent(ratio):
    return f"{100 * (float(ratio) - 1):+.1f} %"


def memory(row):
    peak, capacity = row["peak_memory_gib"], capacity_gib(row["system"])
    return f"{peak:.0f} of {capacity:.0f}" + (" (!)" if peak > capacity else "")


def line(name, row, fits):
    published, ratio = row["published"]["tokens_per_s_per_gpu"], row["ratio_to_published"]
    out = fits.get(name, {}).get("left_out_ratio", "")
    return (f"| {name} | {configuration(row)} | {published:,.0f} | {row['tokens_per_s_per_gpu']:,.0f} | "
            f"{percent(ratio)} | {percent(out) if out else '-'} | {memory(row)} |")


def means(rows, fits):
    """A sentence on the errors of some rows."""
    errors = [100 * abs(row["ratio_to_published"] - 1) for row in rows.values()]
    text = f"{len(errors)} rows: MAPE {statistics.fmean(errors):.1f} %, median {statistics.median(errors):.1f} %, " \
           f"worst {max(errors):.1f} %"
    outside = [100 * abs(float(fits[n]["left_out_ratio"]) - 1) for n in rows if fits.get(n, {}).get("left_out_ratio")]
    if outside:
        text += f"; each left out of its own fit: {statistics.fmean(outside):.1f} %, " \
                f"{statistics.median(outside):.1f} %, {max(outside):.1f} %"
    return text + "."


def prose(text):
    """A paragraph of the document."""
    return textwrap.fill(text, 120, break_on_hyphens=False)


HEAD = """| row | configuration | published | predicted | error | left out | peak GiB |
|---|---|---:|---:|---:|---:|---:|"""


def section(title, rows, fits):
    sound = {name: row for name, row in rows.items() if name not in published_sweep.ODD_ROWS}
    ordered = sorted(rows, key=lambda name: -abs(rows[name]["ratio_to_published"] - 1))
    return "\n".join([prose(f"{title}, {means(sound, fits)}"), "", HEAD, *(line(n, rows[n], fits) for n in ordered)])


def tables():
    rows, fits = published_sweep.published(published_sweep.sweep()), left_out()
    dense = {n: r for n, r in rows.items() if published_sweep.is_predicted(r) and r["model"] in MODELS}
    stale = [n for n, r in dense.items()
             if abs(r["ratio_to_published"] - float(fits.get(n, {}).get("fitted_ratio", 0))) > MOVED]
    nemo = {n: r for n, r in dense.items() if r["stack"] == "megatron"}
    automodel = {n: r for n, r in dense.items() if r["stack"] == "automodel"}
    odd = [f"{name}: {why}" for name, why in published_sweep.ODD_ROWS.items()]
    text = "\n\n".join([section("NeMo 25.04, FP8, stack megatron", nemo, fits),
                        prose("Outside the fit and the means: " + "; ".join(odd) + "."),
                        section("NeMo AutoModel, LoRA in BF16, stack automodel", automodel, fits)])
    return text, stale


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    args = parser.parse_args()
    doc = DOC.read_text()
    before, rest = doc.split(BEGIN)
    after = rest.split(END)[1]
    text, stale = tables()
    new = f"{before}{BEGIN}\n{text}\n{END}{after}"
    if not args.check:
        DOC.write_text(new)
    elif new != doc:
        print(f"{DOC} is not what perfbench predicts: run scripts/prediction_table.py", file=sys.stderr)
        return 1
    if stale:
        print(f"the left-out errors of {' '.join(stale)} are of another model: run scripts/fit_stacks.py --write",
              file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
