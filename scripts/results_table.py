#!/usr/bin/env python3
"""What was measured on GPUs, from results/<date>-<gpu>/, as the table of README.md.

    scripts/results_table.py           # rewrites what stands between the markers
    scripts/results_table.py --check   # exit status 1 where that is not what results/ says

Of several folders of one GPU the newest counts. Standard library only.
"""

import argparse
import csv
import json
import pathlib
import re
import sys

SOURCE = pathlib.Path(__file__).resolve().parents[1]
BEGIN, END = "<!-- begin: scripts/results_table.py -->", "<!-- end: scripts/results_table.py -->"
FOLDER = re.compile(r"(\d{4}-\d\d-\d\d)-([a-z0-9_]+)$")
NOTHING = ("Nothing has been measured on a GPU yet; `scripts/gpu_suite.sh` is what does it "
           "([docs/gpu_suite.md](docs/gpu_suite.md)).")

# The published rows of the jobs that scripts/gpu_suite.sh runs.
AUTOMODEL, NEMO = "automodel_h100_bf16.csv", "nemo_2504_fp8.csv"
PUBLISHED_LORA = {"llama3_8b": (AUTOMODEL, "000-08"), "qwen2p5_7b": (AUTOMODEL, "000-09")}
PUBLISHED_SLICES = {("pretrain", "llama3_8b"): (NEMO, "001-18"), ("lora", "llama3_8b"): (AUTOMODEL, "000-08"),
                    ("pretrain", "llama3_70b"): (NEMO, "001-19"), ("pretrain", "nemotron4_15b"): (NEMO, "001-21")}


def number(text):
    return float(text.replace(",", ""))


def published(data, place):
    """A row of data/published: its system, its model as printed, tokens/s and TFLOP/s of a GPU."""
    table, name = place
    with (data / "published" / table).open(newline="") as file:
        row = next(row for row in csv.DictReader(file) if row["row"] == name)
    tokens = next(v for k, v in row.items() if k.replace(" ", "").lower() == "tokens/sec/gpu")
    tflops = next(v for k, v in row.items() if k.lower().startswith("model tflop"))
    return {"row": name, "system": row["system"], "model": row["Model"], "tokens_per_s": number(tokens),
            "tflops": number(tflops)}


def read_json(path, default):
    return json.loads(path.read_text()) if path.exists() else default


def read(folder):
    """What a folder of results holds; an absent file is an absent part."""
    found = {"machine": read_json(folder / "machine.json", {})}
    for part in ("rows", "peer"):
        found[part] = {row["model"]: row for row in read_json(folder / f"{part}.json", [])}
    found["slices"] = {(row["task"], row["model"]): row for row in read_json(folder / "slices.json", [])}
    return found


def runs_of(path):
    """The ids of the runs that a file of a result is of: a table, or JSON of one object or a list of them."""
    with path.open(newline="") as file:
        found = json.load(file) if path.suffix == ".json" else list(csv.DictReader(file))
    return {row.get("run") or None for row in (found if isinstance(found, list) else [found])}


def mixed(paths):
    """Which of the files that are there are of other runs than the first: "rows.json and rows.csv", or ""."""
    runs = [(path.name, runs_of(path)) for path in paths if path.exists()]
    others = [name for name, ids in runs if ids != runs[0][1]]
    return " and ".join([runs[0][0], *others]) if others else ""


def or_dash(value, form):
    return "-" if value is None else form.format(value)


def ratio(value, reference):
    return None if value is None or not reference else value / reference


def throttled(row):
    return {True: "**yes**", False: "no", None: "not known"}[row.get("throttled")]


def tokens_of(row):
    return row["tokens_per_s_per_gpu"] if row and row.get("status") == "ok" else None


def lora_line(model, found, data):
    row, peer, reference = found["rows"].get(model), found["peer"].get(model), published(data, PUBLISHED_LORA[model])
    tokens, peer_tokens = tokens_of(row), tokens_of(peer)
    flops = found["machine"].get("flops_per_token", {}).get(model)  # by the convention of the published table
    tflops = tokens * flops / 1e12 if tokens and flops else None
    cells = [reference["model"] + " LoRA", or_dash(tokens and row["step_time_s"], "{:.2f}"), or_dash(tokens, "{:,.0f}"),
             or_dash(tflops, "{:.0f}"), f"{reference['tokens_per_s']:,.0f}", f"{reference['tflops']:.0f}",
             or_dash(ratio(tokens, reference["tokens_per_s"]), "{:.3f}"), or_dash(peer_tokens, "{:,.0f}"),
             or_dash(ratio(tokens, peer_tokens), "{:.3f}"),
             or_dash(tokens and row.get("peak_memory_gib"), "{:.1f}"), throttled(row) if tokens else row_status(row)]
    return "| " + " | ".join(cells) + " |"


def row_status(row):
    if row is None:
        return "not measured"
    return f"{row['status']}: {row.get('reason') or row.get('feature') or 'no reason'}"


LORA_HEAD = ("| job | step s | tokens/s | TFLOP/s | published tokens/s | published TFLOP/s | ratio "
             "| peer tokens/s | over peer | peak GiB | throttled |\n"
             "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---|")

SLICE_HEAD = ("| slice of | step s | measured s | modelled s | TFLOP/s while measured "
              "| tokens/s/GPU | published | ratio | throttled |\n"
              "|---|---:|---:|---:|---:|---:|---:|---:|---|")


def slice_line(job, row, data):
    reference, tokens = published(data, PUBLISHED_SLICES[job]), tokens_of(row)
    layout = "".join(f" {axis.upper()}{row[axis]}" for axis in ("tp", "pp", "cp", "vp") if row.get(axis, 1) > 1)
    task = " LoRA" if row["task"] == "lora" else ""
    gpus = "1 GPU" if row["num_gpus"] == 1 else f"{row['num_gpus']} GPUs"
    cells = [f"{reference['model']}{task} {row['precision'].upper()}, {gpus}{layout}"]
    times = ("step_time_s", "measured_s", "modelled_s")
    cells += [or_dash(row.get(key) if tokens else None, "{:.3f}") for key in times]
    cells += [or_dash(compute_tflops(row) if tokens else None, "{:.0f}"), or_dash(tokens, "{:,.0f}"),
              f"{reference['tokens_per_s']:,.0f}", or_dash(ratio(tokens, reference["tokens_per_s"]), "{:.3f}"),
              throttled(row) if tokens else row_status(row)]
    return "| " + " | ".join(cells) + " |"


def compute_tflops(row):
    """The step's model FLOPs over the time of the kernels that were measured alone."""
    if not row.get("measured_s") or row.get("model_tflops_per_gpu") is None:
        return None
    return row["model_tflops_per_gpu"] * row["step_time_s"] / row["measured_s"]


def peer_sentence(found):
    rows = [row for row in found["peer"].values() if row.get("status") == "ok"]
    if not rows:
        return "The peer, transformers + peft, did not run."
    versions, settings = rows[0]["versions"], " and ".join(sorted({row["setting"] for row in rows}))
    if any(row["gradient_checkpointing"] for row in rows):
        settings += ", with gradient checkpointing because memory ran out"
    return (f"Peer: transformers {versions['transformers']} + peft {versions['peft']} + PyTorch {versions['torch']} "
            f"at its fastest setting, {settings}.")


def tables(folder, data=SOURCE / "model_configs"):
    """The text of one folder of results."""
    found = read(folder)
    machine = found["machine"]
    systems = " and ".join(sorted({published(data, place)["system"].upper() for place in PUBLISHED_LORA.values()}))
    text = [f"{machine.get('gpu', 'an unknown GPU')}, {machine.get('date', 'no date')}, perfbench "
            f"{machine.get('package', {}).get('version', '?')}; the published rows are of {systems}. "
            "TFLOP/s by the convention of the published table."]
    text += ["", LORA_HEAD, *(lora_line(model, found, data) for model in PUBLISHED_LORA), "", peer_sentence(found)]
    slices = [slice_line(job, found["slices"][job], data) for job in PUBLISHED_SLICES if job in found["slices"]]
    if slices:
        text += ["", "One rank's share of larger rows on one GPU: its kernels measured, everything between ranks "
                 "modelled. TFLOP/s by the row's own convention, over the time of the measured kernels alone.",
                 "", SLICE_HEAD, *slices]
    return "\n".join(text)


def newest(results):
    """The newest folder of each GPU."""
    found = {}
    for folder in sorted(results.iterdir()) if results.is_dir() else ():
        match = FOLDER.match(folder.name)
        if match and (folder / "machine.json").exists():
            found[match[2]] = folder
    return [found[gpu] for gpu in sorted(found)]


def section(results, data):
    folders = newest(results)
    for folder in folders:
        suite = read(folder)["machine"].get("suite", {})
        if suite.get("tiny") or suite.get("device") != "cuda":
            raise SystemExit(f"{folder}: is a trial of the suite and no result of a GPU")
        for part in ("rows", "slices"):
            if names := mixed([folder / f"{part}.json", folder / f"{part}.csv"]):
                raise SystemExit(f"{folder}: {names} are of different runs")
    return "\n\n".join(tables(folder, data) for folder in folders) or NOTHING


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--source", type=pathlib.Path, default=SOURCE, help="the repository")
    args = parser.parse_args()
    readme = args.source / "README.md"
    doc = readme.read_text()
    before, rest = doc.split(BEGIN)
    after = rest.split(END)[1]
    new = f"{before}{BEGIN}\n{section(args.source / 'results', args.source / 'model_configs')}\n{END}{after}"
    if not args.check:
        readme.write_text(new)
    elif new != doc:
        print(f"{readme} is not what results/ says: run scripts/results_table.py", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
