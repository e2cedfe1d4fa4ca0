"""The tables of docs/cost_model.md are what `perfbench accuracy` says."""

import os
import subprocess
import sys


def test_the_tables_of_the_cost_model_are_up_to_date(source, binary):
    done = subprocess.run(
        [sys.executable, source / "scripts/prediction_table.py", "--check"],
        env={**os.environ, "PERFBENCH_BINARY": str(binary)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
