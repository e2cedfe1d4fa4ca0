"""perfbench diff: the verdicts of rows.csv files, and what CI is told."""

import csv
import json
import random
import statistics
import xml.etree.ElementTree

import junitparser
import pytest

COMMAND = ("--model", "llama3_70b", "--gpu", "h100", "-tp", "4", "-pp", "8", "--mode", "simulate")


def read(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def write(path, rows):
    with open(path, "w", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys(), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


@pytest.fixture
def rows(perfbench, tmp_path):
    """One simulated row, as the main form writes it to old/rows.csv."""
    answer = perfbench(*COMMAND, "--out", "old")
    assert answer.code == 0, answer
    return read(tmp_path / "old" / "rows.csv")


def changed(rows, **values):
    """The rows with the first one changed: a number multiplies what is there, a text replaces it."""
    first = dict(rows[0])
    for name, value in values.items():
        first[name] = value if isinstance(value, str) else repr(float(first[name]) * value)
    return [first, *rows[1:]]


def measured(rows, seconds, seed, cv=0.01):
    """The row as it would be measured in 20 steps with 1 % of noise."""
    noise = random.Random(seed)
    samples = [noise.gauss(seconds, cv * seconds) for _ in range(20)]
    median = statistics.median(samples)
    tokens = 128 * 8192 / 64 / median
    return changed(
        rows,
        method="measured",
        window="steps 11-30 of 30",
        step_time_s=repr(median),
        tokens_per_s_per_gpu=repr(tokens),
        model_tflops_per_gpu="",
        flops_convention="",
        samples_s=json.dumps(samples),
    )


def test_a_file_against_itself_is_the_same(perfbench, rows):
    answer = perfbench("diff", "old", "old/rows.csv")
    assert (answer.code, answer.err) == (0, "")
    assert answer.out == "baseline old/rows.csv\nnew      old/rows.csv\n1 row: 1 SAME\n"


def test_ten_percent_slower_fails_and_names_the_row(perfbench, rows, tmp_path):
    write(tmp_path / "new.csv", changed(rows, step_time_s=1.1, tokens_per_s_per_gpu=1 / 1.1))
    answer = perfbench("diff", "old", "new.csv")
    assert answer.code == 1
    assert "SLOWER    llama3_70b pretrain fp8cs on 64 x h100, " in answer.out
    assert "+10.0 % (threshold 2 %)" in answer.out
    assert perfbench("diff", "old", "new.csv", "--threshold", "step_time_s=11%", "--threshold",
                     "tokens_per_s_per_gpu=11").code == 0
    assert perfbench("diff", "new.csv", "old").code == 0
    assert perfbench("diff", "new.csv", "old", "--strict").code == 1


def test_more_memory_fails_too(perfbench, rows, tmp_path):
    write(tmp_path / "new.csv", changed(rows, peak_memory_gib=1.03))
    answer = perfbench("diff", "old", "new.csv", "--json")
    assert answer.code == 1
    verdicts = {metric["name"]: metric["verdict"] for metric in answer.json["rows"][0]["metrics"]}
    assert verdicts["peak_memory_gib"] == "SLOWER" and verdicts["step_time_s"] == "SAME"


def test_noise_of_measured_rows_is_no_regression(perfbench, rows, tmp_path):
    for seed in range(5):
        write(tmp_path / "a.csv", measured(rows, 10.0, seed))
        write(tmp_path / "b.csv", measured(rows, 10.0, 100 + seed))
        write(tmp_path / "slow.csv", measured(rows, 11.0, 200 + seed))
        same, slow = perfbench("diff", "a.csv", "b.csv"), perfbench("diff", "a.csv", "slow.csv")
        assert same.code == 0 and "1 SAME" in same.out
        assert slow.code == 1 and "1 SLOWER" in slow.out


def test_runs_that_vary_by_a_fifth_are_told_apart_by_repeats_alone(perfbench, rows, tmp_path):
    """Of one run each, 15 pairs: noise is not called a change, and the way out of it is told."""
    for seed in range(15):
        write(tmp_path / "a.csv", measured(rows, 10.0, seed, cv=0.22))
        write(tmp_path / "b.csv", measured(rows, 10.0, 100 + seed, cv=0.22))
        answer = perfbench("diff", "a.csv", "b.csv", "--strict", "--json")
        assert answer.code == 0 and answer.json["counts"]["AMBIGUOUS"] == 1, answer
        metric = answer.json["rows"][0]["metrics"][0]
        low, high = metric["interval"]
        assert low < metric["change"] < high and high - low > 0.2
        assert " on both sides would" in metric["reason"] and "settle it" in metric["reason"]

    noise = random.Random(1)
    for name, seconds in (("a.csv", 10.0), ("b.csv", 10.2), ("slow.csv", 13.0)):
        repeats = [noise.gauss(seconds, 0.01 * seconds) for _ in range(5)]
        row = changed(measured(rows, 10.0, seconds, cv=0.22), step_time_s=repr(statistics.median(repeats)),
                      tokens_per_s_per_gpu="", repeats_s=json.dumps(repeats))
        write(tmp_path / name, row)
    assert "1 SAME" in perfbench("diff", "a.csv", "b.csv").out
    slow = perfbench("diff", "a.csv", "slow.csv")
    assert slow.code == 1 and "1 SLOWER" in slow.out and "(95 %: +" in slow.out


@pytest.mark.parametrize("name", ["status", "method", "precision", "flops_convention", "task", "schema_version"])
def test_a_cell_that_every_row_has_must_not_be_lost(refused, rows, tmp_path, name):
    write(tmp_path / "new.csv", changed(rows, **{name: ""}))
    for files in (("old", "new.csv"), ("new.csv", "old"), ("new.csv", "new.csv")):
        assert f"new.csv:2: {name}=: must not be empty" in refused("diff", *files)
    write(tmp_path / "new.csv", changed(rows, **{name: "unknown"}))
    assert f"new.csv:2: {name}=unknown: must be " in refused("diff", "old", "new.csv")


def test_a_row_without_a_name_is_not_compared(refused, rows, tmp_path):
    for name in ("model", "system"):
        write(tmp_path / "new.csv", changed(rows, **{name: ""}))
        assert f"new.csv: a row has no {name}" in refused("diff", "new.csv", "new.csv")


def test_paths_that_lead_nowhere_are_told(refused, rows, tmp_path):
    (tmp_path / "loop").symlink_to("loop")
    for path, why in (("loop", "Too many levels of symbolic links"), ("loop/x", "Too many levels of symbolic links"),
                      ("n" * 300, "File name too long"), ("d/" * 3000, "File name too long")):
        for files in ((path, path), ("old", path), (path, "old")):
            error = refused("diff", *files)
            assert error.startswith(f"perfbench: error: {path[:50]}") and why in error
        error = refused("baseline", "update", "h100", "--out", path)
        assert error.startswith(f"perfbench: error: {path[:50]}") and why in error


@pytest.mark.parametrize("value", ["nan", "0", "-1"])
def test_a_number_that_is_none_is_invalid(perfbench, rows, tmp_path, value):
    write(tmp_path / "new.csv", changed(rows, step_time_s=value))
    answer = perfbench("diff", "old", "new.csv")
    assert answer.code == 1 and "1 INVALID" in answer.out


def test_what_counts_differently_is_not_compared(refused, rows, tmp_path):
    for name, value in (("method", "measured"), ("flops_convention", "other"), ("schema_version", "9")):
        write(tmp_path / "new.csv", changed(rows, **{name: value}))
        assert name in refused("diff", "old", "new.csv")
    write(tmp_path / "new.csv", changed(rows, system="b200"))
    assert "system: h100 in old/rows.csv, b200 in new.csv" in refused("diff", "old", "new.csv")
    write(tmp_path / "new.csv", rows + rows)
    assert "stands more than once" in refused("diff", "old", "new.csv")


def test_bad_input_is_told(refused, rows, tmp_path):
    assert "takes two files or folders, 1 given" in refused("diff", "old")
    assert "missing.csv" in refused("diff", "old", "missing.csv")
    assert '"fast" is no percentage' in refused("diff", "old", "old", "--threshold", "step_time_s=fast")
    (tmp_path / "empty").mkdir()
    assert "empty/rows.csv" in refused("diff", "old", "empty")


def test_junit_is_what_parsers_read(perfbench, rows, tmp_path):
    write(tmp_path / "new.csv", changed(rows, step_time_s=1.1))
    assert perfbench("diff", "old", "new.csv", "--junit", "new.xml").code == 1
    root = xml.etree.ElementTree.parse(tmp_path / "new.xml").getroot()
    assert root.tag == "testsuites" and root.get("failures") == "1"
    suite, = junitparser.JUnitXml.fromfile(str(tmp_path / "new.xml"))
    case, = suite
    assert (suite.tests, suite.failures, suite.errors, suite.skipped) == (1, 1, 0, 0)
    assert case.name.startswith("llama3_70b pretrain fp8cs on 64 x h100")
    result, = case.result
    assert isinstance(result, junitparser.Failure) and result.type == "SLOWER" and "+10.0 %" in result.message


def test_github_gets_a_summary_and_annotations(perfbench, rows, tmp_path):
    write(tmp_path / "new.csv", changed(rows, step_time_s=1.1))
    summary = tmp_path / "summary.md"
    summary.write_text("before\n")
    answer = perfbench("diff", "old", "new.csv", "--json",
                       env={"GITHUB_STEP_SUMMARY": str(summary), "GITHUB_ACTIONS": "true"})
    assert answer.code == 1 and answer.json["counts"]["SLOWER"] == 1
    assert answer.err.startswith("::error title=perfbench SLOWER::llama3_70b pretrain")
    assert summary.read_text().startswith("before\n## perfbench diff: failed\n")
    assert "| SLOWER | llama3_70b pretrain" in summary.read_text()

    summary.write_text("x" * (1024 * 1024 - 50))  # no room: the verdict stands all the same
    answer = perfbench("diff", "old", "new.csv", env={"GITHUB_STEP_SUMMARY": str(summary), "GITHUB_ACTIONS": "false"})
    assert answer.code == 1 and "warning" in answer.err and "::" not in answer.err
    assert summary.stat().st_size == 1024 * 1024 - 50


def test_the_same_inputs_give_the_same_bytes(perfbench, rows, tmp_path):
    write(tmp_path / "new.csv", changed(rows, step_time_s=1.1))
    answers = [perfbench("diff", "old", "new.csv", "--json", "--junit", f"{i}.xml") for i in range(2)]
    assert answers[0] == answers[1]
    assert (tmp_path / "0.xml").read_bytes() == (tmp_path / "1.xml").read_bytes()
