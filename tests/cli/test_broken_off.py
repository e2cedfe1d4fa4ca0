"""Runs that hang, are stopped by a signal or run out of memory, on the engine of tests/unit/engine/gpu_engine.cpp."""

import csv
import json
import signal
import time

import pytest

JOB = ("--model", "llama3_8b", "-ng", 1, "-tp", 1, "-pp", 1, "-cp", 1, "-gb", 2, "-mb", 1, "--seq_len", 512, "-c", "bf16")
DEVICE = ("--device", "cuda", "--step_timeout_s", 1)
MEASURE = ("--mode", "measure", *JOB, "--task", "lora", *DEVICE, "--steps", 6, "--warmup", 1)
SLICE = ("--mode", "slice", *JOB, "--task", "lora", *DEVICE, "--steps", 4, "--warmup", 1)
PARTIAL = {"step_time_s": None, "tokens_per_s_per_gpu": None, "samples_s": [0.25], "window": "steps 2-2 of 2"}


def part_of(row, keys):
    return {key: row[key] for key in keys}


def written_row(folder):
    return json.loads((folder / "rows.json").read_text())[0]


def test_a_rank_that_hangs_ends_the_run(on_gpus, tmp_path):
    begin = time.monotonic()
    answer = on_gpus(*MEASURE, "--json", "--out", "out", FAKE_FAULT="hang")
    assert time.monotonic() - begin < 30
    assert answer.code == 124, answer
    row = answer.json
    assert (row["status"], row["feature"]) == ("timeout", "step 3")
    assert row["reason"].startswith("nothing has gone on for 1 s: rank 0 (stage 0): ")
    assert row["reason"].endswith(", forward of chunk 0, microbatch 1")
    assert part_of(row, PARTIAL) == PARTIAL
    assert any("left behind" in note for note in row["notes"])
    assert written_row(tmp_path / "out") == row


def test_an_engine_that_does_not_close_takes_nothing_from_the_row(on_gpus):
    answer = on_gpus(*MEASURE, "--json", FAKE_FAULT="hang in close")
    assert answer.code == 0, answer
    row = answer.json
    assert (row["status"], row["step_time_s"], len(row["samples_s"])) == ("ok", 0.25, 5)
    assert any("left behind" in note for note in row["notes"])


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_signal_ends_the_run_after_its_step(on_gpus, tmp_path, name):
    answer = on_gpus(*MEASURE, "--json", "--out", "out", FAKE_FAULT=name)
    assert answer.code == 128 + signal.Signals[name], answer
    row = answer.json
    assert (row["status"], row["feature"], row["reason"]) == ("interrupted", name, "after 3 of 6 steps")
    assert row["samples_s"] == [0.25, 0.25] and row["step_time_s"] is None
    assert row["loss_ok"] is True
    assert written_row(tmp_path / "out") == row


def test_a_second_signal_ends_it_at_once(on_gpus, tmp_path):
    answer = on_gpus(*MEASURE, "--out", "out", FAKE_FAULT="SIGINT twice")
    assert answer.code == -signal.SIGINT
    assert not (tmp_path / "out/rows.json").exists()


def test_an_ignored_signal_stays_ignored(on_gpus):
    answer = on_gpus(
        *MEASURE, "--json", FAKE_FAULT="SIGINT twice", before=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN)
    )
    assert (answer.code, answer.json["status"]) == (0, "ok")


def test_host_memory_that_runs_out_is_oom(on_gpus):
    answer = on_gpus(*MEASURE, "--json", FAKE_FAULT="bad_alloc")
    assert answer.code == 3, answer
    row = answer.json
    assert (row["status"], row["feature"]) == ("oom", "host memory")
    assert row["reason"].startswith("an allocation of this process failed; ")


@pytest.mark.parametrize("fault, code, status", [("hang", 124, "timeout"), ("SIGINT", 130, "interrupted")])
def test_a_slice_that_breaks_off(on_gpus, fault, code, status):
    answer = on_gpus(*SLICE, "--json", FAKE_FAULT=fault)
    assert answer.code == code, answer
    row = answer.json
    assert (row["method"], row["status"], row["step_time_s"]) == ("slice", status, None)
    assert row["reason"].startswith("slice of stage 0: ")


@pytest.mark.parametrize("fault, code", [("hang", 124), ("SIGTERM", 143)])
def test_calibrate_keeps_the_kernels_so_far(on_gpus, tmp_path, fault, code):
    answer = on_gpus("calibrate", *JOB, *DEVICE, "-o", "kernels.json", FAKE_FAULT=fault)
    assert answer.code == code, answer
    table = json.loads((tmp_path / "kernels.json").read_text())
    assert len(table["kernels"]) == (2 if fault == "hang" else 3)
    assert table["left_out"] > 10
    why = "a kernel hangs" if fault == "hang" else "stopped by SIGTERM"
    assert f"{table['left_out']} left out: {why}\n" in answer.out
    if fault == "hang":
        assert "does not end within 1 s" in answer.err


@pytest.fixture
def two_rows(tmp_path, source):
    header = (source / "model_configs/model_configs_h200.csv").read_text().splitlines()[0].split(",")
    cells = dict.fromkeys(header, "") | {"task": "lora", "model": "llama3", "size": "8b", "system": "h200", "dtype": "bf16"}
    cells |= {"num_gpus": "1", "mbs": "1", "gbs": "2", "tp_size": "1", "pp_size": "1"}
    with open(tmp_path / "table.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, header)
        writer.writeheader()
        for seq_len in ("512", "1024"):
            writer.writerow(cells | {"seq_len": seq_len})
    return ("sweep", "table.csv", "--mode", "measure", *DEVICE, "--steps", 6, "--warmup", 1, "--out", "out", "--json")


def test_a_sweep_goes_on_behind_the_row_that_hung(on_gpus, two_rows, tmp_path):
    first = on_gpus(*two_rows, FAKE_FAULT="hang")
    assert (first.code, first.out) == (124, ""), first
    assert "stopped by a rank that hangs in this process after 1 of 2 rows" in first.err
    second = on_gpus(*two_rows)
    assert second.code == 0, second
    assert (second.json["done_before"], second.json["run_now"]) == (1, 1)
    assert (second.json["counts"]["timeout"], second.json["counts"]["ok"]) == (1, 1)
    rows = json.loads((tmp_path / "out/rows.json").read_text())
    assert [row["status"] for row in rows] == ["timeout", "ok"]
    assert rows[0]["samples_s"] == [0.25]


def test_a_sweep_runs_the_interrupted_row_again(on_gpus, two_rows):
    first = on_gpus(*two_rows, FAKE_FAULT="SIGINT")
    assert (first.code, first.out) == (130, ""), first
    assert "stopped by SIGINT after 0 of 2 rows" in first.err
    second = on_gpus(*two_rows).json
    assert (second["done_before"], second["run_now"], second["counts"]["ok"]) == (0, 2, 2)
