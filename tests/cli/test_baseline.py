"""The committed baselines, and the commands that keep them."""

import csv
import pathlib
import re
import shlex
import shutil

import pytest
import yaml

SOURCE = pathlib.Path(__file__).resolve().parents[2]
SYSTEMS = tuple(sorted(path.stem[len("model_configs_"):] for path in SOURCE.glob("model_configs/model_configs_*.csv")))
EXAMPLES = ("b200", "gb200", "h100")  # of the example workflow


@pytest.fixture
def baselines(source):
    return source / "results" / "baselines"


def table(source, system):
    return source / "model_configs" / f"model_configs_{system}.csv"


def slower(path):
    """Makes the first row with a time 10 % slower; returns its model."""
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    row = next(row for row in rows if row["status"] == "ok")
    row["step_time_s"] = repr(float(row["step_time_s"]) * 1.1)
    with open(path, "w", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys(), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return row["model"]


def test_this_version_predicts_what_the_baselines_hold(perfbench, source):
    answer = perfbench("baseline", "check", env={"PERFBENCH_DATA": str(source / "model_configs")})
    assert answer.code == 0, answer.out + answer.err
    assert len(re.findall(r"^\d+ rows: \d+ SAME$", answer.out, re.M)) == len(SYSTEMS)


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_sweep_gives_the_rows_of_the_baseline(perfbench, source, baselines, tmp_path, system):
    assert perfbench("sweep", table(source, system), "--out", "new").code == 0
    answer = perfbench("diff", baselines / f"{system}.csv", "new")
    assert answer.code == 0, answer.out
    with open(tmp_path / "new" / "rows.csv", newline="") as file:
        rows = sum(1 for _ in csv.DictReader(file))
    with open(table(source, system), newline="") as file:
        assert rows == sum(1 for _ in csv.DictReader(file))  # unsupported rows are kept


def test_a_slower_row_fails_the_sweep(perfbench, source, tmp_path):
    assert perfbench("sweep", table(source, "h100"), "--out", "new").code == 0
    model = slower(tmp_path / "new" / "rows.csv")
    answer = perfbench("diff", source / "results" / "baselines" / "h100.csv", "new")
    assert answer.code == 1
    assert re.search(rf"^SLOWER +{model} ", answer.out, re.M) and "1 SLOWER" in answer.out


@pytest.mark.parametrize("system", SYSTEMS)
def test_baselines_name_no_machine_and_no_day(source, baselines, system):
    text = (baselines / f"{system}.csv").read_text()
    assert str(source) not in text
    assert not re.search(r"(?<![\w.])/(home|root|tmp|usr|opt|work)\b", text)
    assert not re.search(r"\b20\d\d-\d\d-\d\d\b", text)


def test_update_shows_what_changes_and_writes_whole(perfbench, source, baselines, tmp_path):
    data = {"PERFBENCH_DATA": str(source / "model_configs")}
    kept = tmp_path / "kept"
    shutil.copytree(baselines, kept)
    model = slower(kept / "h100.csv")
    check = perfbench("baseline", "check", "h100", "--out", kept, "--strict", env=data)
    assert check.code == 1 and re.search(rf"^FASTER +{model} ", check.out, re.M)
    answer = perfbench("baseline", "update", *SYSTEMS, "--out", kept, env=data)
    assert answer.code == 0
    assert re.search(rf"^FASTER +{model} ", answer.out, re.M)
    assert f"wrote {kept / 'h100.csv'}" in answer.out
    for system in set(SYSTEMS) - {"h100"}:  # the repository's are what this perfbench writes, byte by byte
        assert f"{kept / (system + '.csv')} is as it was" in answer.out
    assert (kept / "h100.csv").read_bytes() == (baselines / "h100.csv").read_bytes()
    assert perfbench("baseline", "check", "--out", kept, "--strict", env=data).code == 0


def test_a_new_baseline_and_one_that_cannot_be_compared(perfbench, source, tmp_path):
    data = {"PERFBENCH_DATA": str(source / "model_configs")}
    own = tmp_path / "mine.csv"
    shutil.copy(table(source, "gb200"), own)
    answer = perfbench("baseline", "update", "--table", own, "--out", "kept", env=data)
    assert answer.code == 0 and "kept/mine.csv is new: 53 rows" in answer.out
    (tmp_path / "kept" / "mine.csv").write_text("a,b\n1,2\n")
    answer = perfbench("baseline", "update", "--table", own, "--out", "kept", env=data)
    assert answer.code == 0 and "can't be compared with the new rows" in answer.out
    assert perfbench("baseline", "check", "--table", own, "--out", "kept", env=data).code == 0


def test_bad_words_are_refused(refused, source):
    data = {"PERFBENCH_DATA": str(source / "model_configs")}
    assert "perfbench baseline update" in refused("baseline", env=data)
    assert "perfbench baseline update" in refused("baseline", "upgrade", env=data)
    assert "h100" in refused("baseline", "update", "h1000", "--out", "kept", env=data)
    text = refused("baseline", "check", "--out", "kept", env=data)
    for system in SYSTEMS:
        assert f"{system}.csv: there is no baseline of" in text
    assert "give one of them" in refused("baseline", "check", "h100", "--table", "x.csv", env=data)


@pytest.mark.parametrize("system", EXAMPLES)
def test_the_example_workflow_works(perfbench, source, tmp_path, system):
    """Every command of examples/github-actions.yml that calls perfbench, in a copy of the data."""
    shutil.copytree(source / "model_configs", tmp_path / "model_configs")
    shutil.copytree(source / "results", tmp_path / "results")
    workflow = yaml.safe_load((source / "examples" / "github-actions.yml").read_text())
    job, = workflow["jobs"].values()
    assert set(job["strategy"]["matrix"]["system"]) == set(EXAMPLES)
    summary = tmp_path / "summary.md"
    called = 0
    for step in job["steps"]:
        command = step.get("run", "").replace("${{ matrix.system }}", system)
        if not command.startswith("scripts/run.sh "):
            continue
        answer = perfbench(*shlex.split(command)[1:], env={"GITHUB_STEP_SUMMARY": str(summary)})
        assert answer.code == 0, answer
        called += 1
    assert called == 2 and "## perfbench diff: passed" in summary.read_text()
    assert (tmp_path / "out" / f"{system}.xml").exists()
