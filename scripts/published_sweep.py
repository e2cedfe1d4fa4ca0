"""The published rows that perfbench predicts, from `perfbench sweep` over the config tables. Standard library only."""

import collections
import json
import os
import pathlib
import subprocess
import tempfile

SOURCE = pathlib.Path(__file__).resolve().parents[1]
BINARY = pathlib.Path(os.environ.get("PERFBENCH_BINARY", SOURCE / "build/perfbench"))
TABLES = ("gb200", "b200", "h100")

# Rows that no sane model hits: they are predicted, and left out of fits and of means.
ODD_ROWS = {
    "001-28": "its tokens/s contradict its TFLOP/s, and the TFLOP/s those of its neighbours",
    "001-34": "678 tokens/s against 966 on GB200: 0.70 where all other pairs of these systems are 0.84 to 0.98",
}


def sweep(data=SOURCE / "model_configs", perfbench=BINARY, systems=TABLES):
    """All rows of the systems' tables as JSON objects, with the data files of the folder `data`."""
    data = pathlib.Path(data).resolve()
    tables = [data / f"model_configs_{system}.csv" for system in systems]
    with tempfile.TemporaryDirectory() as out:
        command = [perfbench, "sweep", *tables, "--out", out, "--json"]
        environment = {**os.environ, "PERFBENCH_DATA": str(data)}
        done = subprocess.run(list(map(str, command)), env=environment, capture_output=True, text=True, timeout=600)
        if done.returncode != 0:
            raise SystemExit(done.stderr)
        rows = json.loads((pathlib.Path(out) / "rows.json").read_text())
    return rows


def published(rows):
    """By the published row's name: the row that compares with it, in the order of the names."""
    found = {}
    for row in rows:
        if row.get("published") and row["published"].get("tokens_per_s_per_gpu"):
            found.setdefault(row["published"]["row"], row)
    return collections.OrderedDict(sorted(found.items()))


def is_predicted(row):
    return row.get("ratio_to_published") is not None
