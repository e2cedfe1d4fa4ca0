#!/usr/bin/env python3
"""How well perfbench predicts the published rows, as the tables of docs/cost_model.md.

    scripts/prediction_table.py           # rewrites what stands between the markers
    scripts/prediction_table.py --check   # exit status 1 where that is not what `perfbench accuracy` says today

Standard library only.
"""

import argparse
import sys

import fit_stacks

DOC = fit_stacks.SOURCE / "docs/cost_model.md"
BEGIN, END = "<!-- begin: scripts/prediction_table.py -->", "<!-- end: scripts/prediction_table.py -->"
TABLES = {"nemo_2504_fp8": "NeMo 25.04, FP8", "automodel_h100_bf16": "NeMo AutoModel, BF16"}


def percent(number):
    return f"{number:+.1f} %"


def size(number):
    return f"{number:.1f} %"


def table(heads, lines):
    rules = "|".join("---:" if head.startswith(">") else "---" for head in heads)
    cells = ["| " + " | ".join(head.lstrip(">") for head in heads) + " |", f"|{rules}|"]
    return "\n".join(cells + ["| " + " | ".join(line) + " |" for line in lines])


def groups(by_row, by_release):
    lines = []
    for row, release in zip(by_row["groups"], by_release["groups"]):
        if not row["rows"]:
            lines.append([f"`{row['name']}`", "0"] + ["-"] * 7)
            continue
        out = release["left_out"]
        coverage, copied = out["coverage_percent"], release["copied"]
        lines.append([f"`{row['name']}`", str(row["rows"]), size(row["mape_percent"]), size(row["left_out"]["mape_percent"]),
                      size(out["mape_percent"]), size(out["median_percent"]),
                      f"{percent(out['worst_percent'])} ({out['worst_row']})",
                      "-" if coverage is None else f"{coverage:.0f} %",
                      size(copied["mape_percent"]) if copied else "-"])
    return table(["group", ">rows", ">MAPE", ">row left out", ">release left out", ">its median", ">its worst", ">in range",
                  ">copied"], lines)


def constants(report):
    lines = [[f"`{c['key']}` of {c['owner']}", f"{c['fitted']:.4g}, {c['fitted_deviation']:.3f}",
              f"{c['prior']:.4g}, {c['prior_deviation']:.2f}", f"{c['least']:.4g} to {c['most']:.4g}", str(c["rows"])]
             for c in report["constants"]]
    return table(["constant", ">value, sd of log", ">prior, sd", ">over left-out releases", ">rows"], lines)


def rows(report, document):
    found = [row for row in report["rows"] if row["document"] == document]
    found.sort(key=lambda row: -abs(row["error_percent"]))
    lines = [[row["row"], row["configuration"], f"{row['published']:,.0f}", f"{row['predicted']:,.0f}",
              percent(row["error_percent"]), "odd" if row["odd"] else percent(row["left_out_percent"]),
              f"{row['peak_memory_gib']:.0f} of {row['capacity_gib']:.0f}" + ("" if row["fits"] else " (!)")]
             for row in found]
    return table(["row", "configuration", ">published", ">predicted", ">error", ">left out", ">peak GiB"], lines)


def text():
    by_row, by_release = (fit_stacks.accuracy(fit_stacks.BINARY, what) for what in ("row", "release"))
    parts = [groups(by_row, by_release), constants(by_release)]
    for document, title in TABLES.items():
        parts += [f"{title}; left out: the row itself.", rows(by_row, document)]
    return "\n\n".join(parts)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    args = parser.parse_args()
    doc = DOC.read_text()
    before, rest = doc.split(BEGIN)
    new = f"{before}{BEGIN}\n{text()}\n{END}{rest.split(END)[1]}"
    if not args.check:
        DOC.write_text(new)
    elif new != doc:
        print(f"{DOC} is not what perfbench predicts: run scripts/prediction_table.py", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
