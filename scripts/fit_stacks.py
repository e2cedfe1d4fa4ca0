#!/usr/bin/env python3
"""Fits constants of the stacks to the published dense rows, and says how well they predict rows that were left out.

For each stack a handful of constants with priors, by robust least squares (Huber) on the logarithm of predicted over
published tokens/s. The simulator itself is the model: `perfbench sweep` runs with changed stack files. All other
constants stay as the files have them.

    scripts/fit_stacks.py                # prints the fit and the errors on left-out rows, models and systems
    scripts/fit_stacks.py --write        # and writes the constants into model_configs/stacks and left_out.csv

Standard library only.
"""

import argparse
import csv
import dataclasses
import json
import math
import pathlib
import shutil
import statistics
import sys
import tempfile

import published_sweep

HUBER = 0.05  # errors above 5 % count linearly
ROW = 0.05    # what an error of a row is measured by: one of 5 % costs as much as a constant one deviation off
STEP = 0.25   # of the numerical derivatives, in deviations of the prior


@dataclasses.dataclass
class Constant:
    prior: float
    deviation: float  # of the constant's logarithm
    source: str       # of the prior


RESIDUALS = "residuals of a per-op model over the NeMo {} rows"
MEGATRON, AUTOMODEL = RESIDUALS.format("25.04"), RESIDUALS.format("AutoModel")

FITTED = {
    "megatron": {
        "gemm_fp8": Constant(0.89, 0.04, MEGATRON),
        "attention": Constant(0.99, 0.10, MEGATRON + " on Hopper"),
        "tp_exposed_overlapped": Constant(0.44, 0.30, MEGATRON),
        "op_gap_s": Constant(8.25e-6, 0.40, MEGATRON + ": 165 us for an attention or MLP sub-layer, forward and "
                             "backward, spread over about 20 compute ops"),
        "dp_exposed": Constant(0.20, 0.40, MEGATRON),
        "step_fixed_s": Constant(0.08, 0.40, MEGATRON + ": clipping, logging and data of NeMo's loop"),
    },
    "automodel": {
        "gemm_bf16": Constant(0.72, 0.08, AUTOMODEL + ", which run eagerly"),
        "tp_exposed": Constant(5.5, 0.30, AUTOMODEL + ": two rows of tp 2 without sequence parallelism; the ideal "
                               "time of the collective is the unit"),
    },
}


class Simulator:
    """perfbench with changed constants of one stack, over the published dense rows of that stack."""

    def __init__(self, stack, perfbench, folder):
        self.stack, self.perfbench = stack, perfbench
        self.data = pathlib.Path(folder) / stack
        shutil.copytree(published_sweep.SOURCE / "model_configs", self.data)
        self.file = self.data / "stacks" / f"{stack}.json"
        self.original = json.loads(self.file.read_text())
        for system in published_sweep.TABLES:  # rows of this stack only
            table = self.data / f"model_configs_{system}.csv"
            with table.open(newline="") as file:
                rows = list(csv.DictReader(file))
            kept = [row for row in rows if row["stack"] == stack]
            with table.open("w", newline="") as file:
                writer = csv.DictWriter(file, rows[0].keys())
                writer.writeheader()
                writer.writerows(kept)
        self.tables = [system for system in published_sweep.TABLES
                       if len((self.data / f"model_configs_{system}.csv").read_text().splitlines()) > 1]
        self.cache = {}

    def rows(self, values):
        """By published row: the predicted row, with constants as in `values` (name -> number)."""
        key = tuple(sorted(values.items()))
        if key not in self.cache:
            stack = json.loads(json.dumps(self.original))
            for name, value in values.items():
                stack["constants"][name]["value"] = value
            self.file.write_text(json.dumps(stack))
            rows = published_sweep.sweep(self.data, self.perfbench, self.tables)
            self.cache[key] = {name: row for name, row in published_sweep.published(rows).items()
                               if published_sweep.is_predicted(row)}
        return self.cache[key]

    def errors(self, values, names):
        """log(predicted / published) of the named rows."""
        rows = self.rows(values)
        return [math.log(rows[name]["ratio_to_published"]) for name in names]


def solve(matrix, right):
    """x of matrix x = right, by elimination with pivots."""
    n = len(right)
    rows = [list(matrix[i]) + [right[i]] for i in range(n)]
    for i in range(n):
        pivot = max(range(i, n), key=lambda r: abs(rows[r][i]))
        rows[i], rows[pivot] = rows[pivot], rows[i]
        for r in range(n):
            if r != i:
                factor = rows[r][i] / rows[i][i]
                rows[r] = [a - factor * b for a, b in zip(rows[r], rows[i])]
    return [rows[i][n] / rows[i][i] for i in range(n)]


class Fit:
    """Unknowns are deviations of the constants from their priors: 0 is the prior, 1 one standard deviation above."""

    def __init__(self, simulator, constants):
        self.simulator, self.constants = simulator, constants
        self.slopes = None  # of every row's error, by unknown; taken at the priors and kept

    def values(self, unknowns):
        return {name: float(f"{c.prior * math.exp(c.deviation * u):.4g}")
                for (name, c), u in zip(self.constants.items(), unknowns)}

    def errors(self, unknowns, names):
        return self.simulator.errors(self.values(unknowns), names)

    def derivatives(self, unknowns, names):
        base = self.errors(unknowns, names)
        columns = []
        for i in range(len(unknowns)):
            moved = list(unknowns)
            moved[i] += STEP
            columns.append([(a - b) / STEP for a, b in zip(self.errors(moved, names), base)])
        self.slopes = {name: [column[r] for column in columns] for r, name in enumerate(names)}

    def step(self, unknowns, names):
        """One step of Gauss-Newton; rows above the Huber limit are weighted down."""
        n = len(unknowns)
        normal = [[1.0 if i == j else 0.0 for j in range(n)] for i in range(n)]
        right = [-u for u in unknowns]
        for name, error in zip(names, self.errors(unknowns, names)):
            weight = min(1.0, HUBER / max(abs(error), 1e-12)) / ROW**2
            slope = self.slopes[name]
            for i in range(n):
                right[i] -= weight * slope[i] * error
                for j in range(n):
                    normal[i][j] += weight * slope[i] * slope[j]
        return [u + d for u, d in zip(unknowns, solve(normal, right))]

    def run(self, names, start, steps):
        unknowns = list(start)
        for _ in range(steps):
            unknowns = self.step(unknowns, names)
        return unknowns


def ratios(fit, unknowns, names):
    return {name: math.exp(error) for name, error in zip(names, fit.errors(unknowns, names))}


def left_out(fit, names, start, groups):
    """Predicted / published of each row, from a fit that saw none of its group."""
    found = {}
    for group in groups:
        rest = [name for name in names if name not in group]
        found |= ratios(fit, fit.run(rest, start, 2), group)
    return found


def summary(title, found):
    errors = [100.0 * abs(ratio - 1.0) for ratio in found.values()]
    worst = max(found, key=lambda name: abs(found[name] - 1.0))
    return (f"{title:<22} MAPE {statistics.fmean(errors):4.1f}  median {statistics.median(errors):4.1f}  "
            f"worst {100.0 * (found[worst] - 1.0):+5.1f} % ({worst})")


def grouped(rows, names, column):
    return [[n for n in names if rows[n][column] == word] for word in sorted({rows[n][column] for n in names})]


def quantile(values, share):
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    low = math.floor(place)
    return ordered[low] + (place - low) * (ordered[min(low + 1, len(ordered) - 1)] - ordered[low])


def fit_stack(stack, perfbench, folder):
    simulator = Simulator(stack, perfbench, folder)
    fit = Fit(simulator, FITTED[stack])
    priors = [0.0] * len(FITTED[stack])
    rows = simulator.rows(fit.values(priors))
    names = [name for name in rows if name not in published_sweep.ODD_ROWS]
    print(f"\n{stack}: {len(names)} rows: {' '.join(names)}")
    print(summary("priors only", ratios(fit, priors, names)))
    fit.derivatives(priors, names)
    unknowns = fit.run(names, priors, 3)
    fit.derivatives(unknowns, names)
    unknowns = fit.run(names, unknowns, 3)
    inside = ratios(fit, unknowns, list(rows))
    print(summary("fitted", {name: inside[name] for name in names}))
    outside = left_out(fit, names, unknowns, [[name] for name in names])
    print(summary("row left out", outside))
    for column in ("model", "system"):
        groups = grouped(rows, names, column)
        if len(groups) > 1:
            print(summary(f"{column} left out", left_out(fit, names, unknowns, groups)))
    for (name, constant), u, value in zip(FITTED[stack].items(), unknowns, fit.values(unknowns).values()):
        print(f"  {name:<22} {constant.prior:<9g} -> {value:<9g} ({u:+.2f} deviations)")
    print("  row     fitted  left out")
    for name in sorted(rows, key=lambda n: -abs(inside[n] - 1.0)):
        row = rows[name]
        print(f"  {name}  {100 * (inside[name] - 1):+6.1f}  {100 * (outside.get(name, math.nan) - 1):+6.1f}  "
              f"{row['model']} {row['task']} {row['system']}{'  (odd)' if name not in names else ''}")
    return names, fit.values(unknowns), inside, outside


def likely_range(outside):
    """The 10th and the 90th percentile of published over predicted step times: what step_time_low and _high hold."""
    shares = list(outside.values())  # predicted tokens/s over published are published step times over predicted
    source = f"10th and 90th percentile of published over predicted step times, of {len(shares)} rows left out of the fit"
    return {"step_time_low": (min(1.0, float(f"{quantile(shares, 0.1):.3f}")), source),
            "step_time_high": (max(1.0, float(f"{quantile(shares, 0.9):.3f}")), source)}


def write_stack(stack, names, values, outside):
    path = published_sweep.SOURCE / "model_configs/stacks" / f"{stack}.json"
    lines = path.read_text().splitlines()
    entries = {}
    for name, value in values.items():
        constant = FITTED[stack][name]
        source = f"fitted by scripts/fit_stacks.py with the prior {constant.prior:g}: {constant.source}"
        entries[name] = {"value": value, "source": source, "fitted_on": names}
    for name, (value, source) in likely_range(outside).items():
        entries[name] = {"value": value, "source": source + ", by scripts/fit_stacks.py", "fitted_on": names}
    for name, entry in entries.items():
        at = next(i for i, line in enumerate(lines) if line.strip().startswith(f'"{name}": {{"value"'))
        comma = "," if lines[at].endswith(",") else ""
        lines[at] = f'    "{name}": {json.dumps(entry)}{comma}'
    path.write_text("\n".join(lines) + "\n")


def write_left_out(found):
    path = published_sweep.SOURCE / "results/left_out.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["row", "stack", "fitted_ratio", "left_out_ratio"])
        for stack, (_, _, inside, outside) in found.items():
            for name in sorted(inside):
                out = f"{outside[name]:.4f}" if name in outside else ""
                writer.writerow([name, stack, f"{inside[name]:.4f}", out])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--perfbench", type=pathlib.Path, default=published_sweep.BINARY)
    parser.add_argument("--stack", choices=FITTED, action="append", help="of all stacks, these only")
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    stacks = args.stack or list(FITTED)
    if args.write and len(stacks) < len(FITTED):
        parser.error("--write needs the fit of all stacks")
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for stack in stacks:
            found[stack] = fit_stack(stack, args.perfbench.resolve(), folder)
    if args.write:
        for stack, (names, values, _, outside) in found.items():
            write_stack(stack, names, values, outside)
        write_left_out(found)
    return 0


if __name__ == "__main__":
    sys.exit(main())
