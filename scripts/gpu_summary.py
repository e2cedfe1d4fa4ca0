#!/usr/bin/env python3
"""Makes the result files of scripts/gpu_suite.sh from what its parts have left so far, and prints a summary.

    gpu_summary.py WORK OUT --data model_configs [--quiet]

OUT/results.tar.gz unpacks into a folder of results/; beside it lie the files of that folder that matter most. Standard
library only: it runs on the machine that measures.
"""

import argparse
import csv
import datetime
import io
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tarfile

sys.dont_write_bytecode = True
import results_table  # noqa: E402

LARGEST = 15 * 2**20  # bytes of a file in OUT: more may not travel
BESIDE = ("summary.txt", "rows.json", "peer.json", "slices.json", "calibration.json", "accuracy.json", "machine.json")


def load(path):
    """A JSON file; None where it is absent or was not finished."""
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError):
        return None


def fault_of(place):
    """What keeps the files in `place` from being one result; "" where nothing does."""
    try:
        names = results_table.mixed([place / name for name in ("run.json", "rows.json", "rows.csv", "telemetry.csv")])
    except (OSError, ValueError) as error:
        return str(error)
    return f"{names} are of different runs" if names else ""


def results_in(folder):
    """The results folder/<name>; one that a write which failed has left in parts is named and left out."""
    places = {place: fault_of(place) for place in sorted(folder.glob("*")) if place.is_dir()}
    for place, fault in places.items():
        if fault:
            print(f"{place}: {fault}: left out", file=sys.stderr)
    return [place for place, fault in places.items() if not fault]


def rows_of(places):
    """All rows of their rows.json."""
    return [row for place in places for row in load(place / "rows.json") or []]


def table_of(places):
    """All lines of their rows.csv under one header; "" without one."""
    header, lines = None, []
    for file in (place / "rows.csv" for place in places if (place / "rows.csv").exists()):
        with file.open(newline="") as text:
            first, *rest = list(csv.reader(text)) or [[]]
        if header in (None, first):
            header, lines = first, lines + rest
    out = io.StringIO()
    if header:
        csv.writer(out, lineterminator="\n").writerows([header, *lines])
    return out.getvalue()


def parts_in(work):
    names = ("name", "status", "seconds", "why")
    text = (work / "parts.tsv").read_text() if (work / "parts.tsv").exists() else ""
    return [dict(zip(names, line.split("\t"), strict=True)) for line in text.splitlines()]


def parity_in(work):
    """By folder: whether it agrees and what was worst, or why there is no answer."""
    found = {}
    for file in sorted((work / "parity").glob("*.json")):
        answer = load(file)
        if answer and answer.get("expect"):
            found[file.stem] = {key: answer["expect"][key] for key in ("agrees", "worst")}
        else:
            error = file.with_suffix(".err")
            found[file.stem] = {"agrees": False, "error": error.read_text().strip() if error.exists() else ""}
    return found


def flops_in(work):
    """By model: its FLOPs per token by the convention of the published table."""
    rows = [row for row in map(load, sorted((work / "convention").glob("*.json"))) if row]
    return {row["model"]: row["model_tflops_per_gpu"] * 1e12 / row["tokens_per_s_per_gpu"]
            for row in rows if row.get("tokens_per_s_per_gpu")}


def machine_of(work):
    suite, doctor = load(work / "suite.json") or {}, load(work / "doctor.json") or {}
    devices = doctor.get("devices") or []
    gpu = devices[0]["name"] if devices else "CPU"
    date = suite.get("began", "")[:10] or datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d")
    return {"gpu": gpu, "date": date, "suite": suite, "package": load(work / "manifest.json") or {}, "doctor": doctor,
            "parts": parts_in(work), "parity": parity_in(work), "flops_per_token": flops_in(work)}


def short_name(gpu):
    """"NVIDIA H100 80GB HBM3" -> "h100"; "cpu" where there is none."""
    words = [word for word in re.findall(r"[a-z0-9]+", gpu.lower()) if word != "nvidia"]
    return next((word for word in words if re.fullmatch(r"[a-z]+\d+[a-z]*", word)), "_".join(words) or "cpu")


def dump(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=1) + "\n")


def fill(folder, work, machine):
    """The files of the results folder; only what there is."""
    dump(folder / "machine.json", machine)
    peers = [row for row in map(load, sorted((work / "peer").glob("*.json"))) if row]
    if peers:
        dump(folder / "peer.json", peers)
    for name in ("rows", "slices"):
        places = results_in(work / name)
        if rows := rows_of(places):
            dump(folder / f"{name}.json", rows)
        if table := table_of(places):
            (folder / f"{name}.csv").write_text(table)
    predicted = [row for row in map(load, sorted((work / "predicted").glob("*.json"))) if row]
    if predicted:
        dump(folder / "predicted.json", predicted)
    for name in ("calibration.json", "accuracy.json"):
        if load(work / name) is not None:
            shutil.copy(work / name, folder / name)
    for kind, pattern in (("telemetry", "*/*/telemetry.csv"), ("kernels", "slices/*/kernels.json")):
        for file in work.glob(pattern):
            (folder / kind).mkdir(exist_ok=True)
            shutil.copy(file, folder / kind / f"{file.parent.parent.name}_{file.parent.name}{file.suffix}")
    shutil.copytree(work / "logs", folder / "logs", dirs_exist_ok=True)


def hide_places(folder, places):
    """Results do not say in which folders of which machine they were made."""
    for file in folder.rglob("*"):
        if file.is_file():
            text = file.read_text(errors="replace")
            for place, name in places:
                text = text.replace(str(place), name)
            file.write_text(text)


def summary(folder, machine, data):
    lines = [results_table.tables(folder, data), "", "part                    status     seconds"]
    for part in machine["parts"]:
        lines.append(f"{part['name']:<23} {part['status']:<9} {part['seconds']:>8}  {part['why']}".rstrip())
    measured = {row["model"]: row for row in load(folder / "rows.json") or []}
    for row in load(folder / "predicted.json") or []:
        found = measured.get(row["model"], {}).get("step_time_s")
        if found and row.get("step_time_s"):
            error = 100 * (row["step_time_s"] / found - 1)
            lines.append(f"{row['model']}: {row['step_time_s']:.3f} s a step from the measured kernels, "
                         f"{found:.3f} s measured ({error:+.1f} %)")
    if machine["suite"].get("tiny"):
        lines.insert(0, "A trial with tiny models: no figure here is a result.\n")
    return "\n".join(lines) + "\n"


def pack(folder, out):
    """results.tar.gz; without logs and kernel tables where it would be too large."""
    for left_out in ((), ("logs",), ("logs", "kernels", "telemetry")):
        with tarfile.open(out / "results.tar.gz.new", "w:gz") as tar:
            tar.add(folder, folder.name, filter=lambda item: None if item.name.split("/")[1:2] and
                    item.name.split("/")[1] in left_out else item)
        if (out / "results.tar.gz.new").stat().st_size <= LARGEST:
            break
    os.replace(out / "results.tar.gz.new", out / "results.tar.gz")
    for name in BESIDE:
        if (folder / name).exists() and (folder / name).stat().st_size <= LARGEST:
            shutil.copy(folder / name, out / name)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=pathlib.Path)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--data", type=pathlib.Path, required=True)
    parser.add_argument("--quiet", action="store_true")
    args = parser.parse_args()
    machine = machine_of(args.work)
    folder = args.work / "results" / f"{machine['date']}-{short_name(machine['gpu'])}"
    shutil.rmtree(folder.parent, ignore_errors=True)
    folder.mkdir(parents=True)
    fill(folder, args.work, machine)
    hide_places(folder, ((args.work, "WORK"), (args.data.parent, "PACKAGE")))
    text = summary(folder, machine, args.data)
    (folder / "summary.txt").write_text(text)
    pack(folder, args.out)
    if not args.quiet:
        print(text, end="")


if __name__ == "__main__":
    main()
