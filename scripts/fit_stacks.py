#!/usr/bin/env python3
"""Writes the constants that published rows ask for into the data files, as `perfbench accuracy` fits them.

    scripts/fit_stacks.py            # prints what would change
    scripts/fit_stacks.py --write    # writes it, again and again until nothing moves

A constant with a "prior" in model_configs/physics.json or model_configs/stacks/*.json is fitted; step_time_low and
step_time_high of a stack that extends no other follow from the rows of releases that were left out. `perfbench accuracy`
linearises about the constants as they stand, hence the rounds. Standard library only.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys

SOURCE = pathlib.Path(__file__).resolve().parents[1]
BINARY = pathlib.Path(os.environ.get("PERFBENCH_BINARY", SOURCE / "build/perfbench"))
DATA = SOURCE / "model_configs"
STILL = 2e-3  # a constant that moves by less stands
MOST_ROUNDS = 8


def accuracy(perfbench, leave_out):
    """What `perfbench accuracy --json` says of the data files as they are."""
    command = [str(perfbench), "accuracy", "--leave_out", leave_out, "--json"]
    done = subprocess.run(command, env={**os.environ, "PERFBENCH_DATA": str(DATA)}, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(done.stderr)
    return json.loads(done.stdout)


def file_of(owner):
    return DATA / "physics.json" if owner == "physics" else DATA / "stacks" / f"{owner}.json"


def rounded(number):
    return float(f"{number:.4g}")


def root_stacks():
    """By the name of a software, the file of the stack that the others of it extend."""
    roots = {}
    for path in sorted((DATA / "stacks").glob("*.json")):
        stack = json.loads(path.read_text())
        if "extends" not in stack:
            roots[(stack.get("aliases") or [stack["name"]])[0]] = stack["name"]
    return roots


def changes(report):
    """{(owner, key): what the constant's object gets}."""
    found = {}
    for constant in report["constants"]:
        found[constant["owner"], constant["key"]] = {"value": rounded(constant["fitted"]),
                                                     "fitted_on": constant["documents"]}
    roots = root_stacks()
    for spread in report["spreads"]:
        documents = sorted({row["document"] for row in report["rows"] if row["software"] == spread["software"]})
        for key, word, side in (("step_time_low", "10th", "low"), ("step_time_high", "90th", "high")):
            value = float(f"{spread[side]:.3f}")
            found[roots[spread["software"]], key] = {
                "value": min(value, 1.0) if side == "low" else max(value, 1.0),
                "source": f"{word} percentile of published over predicted step times where whole releases are left out "
                          f"of the fit, widened for {len(documents)} documents (scripts/fit_stacks.py)",
                "fitted_on": documents}
    return found


def rewrite(owner, key, new):
    """Puts `new` into the constant's line; whether its value moves."""
    path = file_of(owner)
    lines = path.read_text().splitlines()
    at = next(i for i, line in enumerate(lines) if line.strip().startswith(f'"{key}": {{"value"'))
    entry = json.loads("{" + lines[at].strip().rstrip(",") + "}")[key]
    moved = abs(new["value"] - entry["value"]) > STILL * abs(entry["value"])
    if moved or entry.get("fitted_on") != new["fitted_on"] or entry["source"] != new.get("source", entry["source"]):
        entry.update(new)
        lines[at] = f'    "{key}": {json.dumps(entry)}{"," if lines[at].endswith(",") else ""}'
        path.write_text("\n".join(lines) + "\n")
    return moved


def print_changes(report):
    print(f"{'constant':<44} {'prior':>10} {'sd':>5} {'now':>10} {'fitted':>10} {'sd':>6} {'over folds':>23} rows")
    for c in report["constants"]:
        print(f"{c['owner'] + ' ' + c['key']:<44} {c['prior']:>10.4g} {c['prior_deviation']:>5.2f} {c['value']:>10.4g} "
              f"{c['fitted']:>10.4g} {c['fitted_deviation']:>6.3f} {c['least']:>11.4g} to{c['most']:>9.4g} {c['rows']}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--perfbench", type=pathlib.Path, default=BINARY)
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    for _ in range(MOST_ROUNDS):
        report = accuracy(args.perfbench, "release")
        if not args.write:
            break
        moved = [rewrite(owner, key, new) for (owner, key), new in changes(report).items()]
        if not any(moved):
            break
    else:
        print(f"the constants still move after {MOST_ROUNDS} rounds", file=sys.stderr)
        return 1
    print_changes(report)
    for group in report["groups"]:
        if group["rows"]:
            out = group["left_out"]
            print(f"{group['name']:<32} {group['rows']:>4} rows: MAPE {group['mape_percent']:5.1f}, release left out "
                  f"{out['mape_percent']:5.1f}, median {out['median_percent']:5.1f}, worst {out['worst_percent']:+6.1f} "
                  f"({out['worst_row']}), in range {out['coverage_percent'] or 0:3.0f} %")
    return 0


if __name__ == "__main__":
    sys.exit(main())
