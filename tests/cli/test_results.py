"""Where results go: --out, or a folder of its own for each run under NEMORUN_HOME."""

import datetime
import json
import re
import subprocess

import pytest

ROW = ("--model", "llama3_70b", "--gpu", "h100", "-tp", "4", "-pp", "8")


@pytest.fixture
def home(tmp_path):
    return tmp_path / "home"


def test_a_row_says_where_it_was_written(perfbench):
    assert perfbench(*ROW, "--out", "r").out.endswith("\nresults: rows.csv, rows.json and run.json in r\n")
    assert "results: " not in perfbench(*ROW).out
    answer = perfbench(*ROW, "--out", "r", "--json")
    assert answer.json["status"] == "ok"
    assert answer.err == "results: rows.csv, rows.json and run.json in r\n"


def test_each_run_has_a_folder_of_its_own_and_latest_names_the_last(perfbench, home):
    day = datetime.datetime.now(datetime.timezone.utc).date()
    for layout in (("-gb", 128), ("-gb", 256), ("-gb", 256)):
        answer = perfbench(*ROW, *layout, env={"NEMORUN_HOME": str(home)})
        assert answer.code == 0
    runs = sorted(f.name for f in (home / "perfbench").iterdir() if not f.is_symlink())
    names = [re.fullmatch(r"(\d{4}-\d\d-\d\d)-llama3_70b-(\d)", name) for name in runs]
    assert [name[2] for name in names] == ["1", "2", "3"]
    assert datetime.date.fromisoformat(names[0][1]) - day <= datetime.timedelta(days=1)
    assert answer.out.endswith(f"in {home}/perfbench/{runs[2]}\n")
    latest = home / "perfbench/latest"
    assert latest.is_symlink() and latest.readlink().name == runs[2]
    assert [json.loads((home / "perfbench" / run / "rows.json").read_text())[0]["gbs"] for run in runs] == [128, 256, 256]


def test_runs_at_once_share_no_folder(binary, home):
    command = [binary, *ROW, "--json"]
    running = [subprocess.Popen(command, env={"NEMORUN_HOME": home}, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                text=True) for _ in range(8)]
    said = [process.communicate(timeout=60)[1] for process in running]
    assert [process.returncode for process in running] == [0] * 8, said
    folders = {text.split(" in ")[1].strip() for text in said}
    assert len(folders) == 8
    for folder in folders:
        assert perfbench_files(folder) == ["rows.csv", "rows.json", "run.json"]
    assert str((home / "perfbench/latest").resolve()) in folders


def perfbench_files(folder):
    return sorted(subprocess.run(["ls", "-A", folder], capture_output=True, text=True, check=True).stdout.split())


def test_what_fails_makes_no_folder(perfbench, home):
    environment = {"NEMORUN_HOME": str(home)}
    assert perfbench("--model", "llama3_7b", "--gpu", "h100", env=environment).code == 2
    assert list((home / "perfbench").iterdir()) == []


def test_a_row_that_is_not_ok_has_its_folder(perfbench, home):
    answer = perfbench(*ROW, "-fr", "ss", env={"NEMORUN_HOME": str(home)})
    assert answer.code == 3 and "results: " in answer.out
    assert json.loads((home / "perfbench/latest/rows.json").read_text())[0]["status"] == "unsupported"


def test_a_folder_called_latest_is_left_and_said(perfbench, home):
    (home / "perfbench/latest/mine").mkdir(parents=True)
    answer = perfbench(*ROW, env={"NEMORUN_HOME": str(home)})
    assert answer.code == 0 and "perfbench: warning: " in answer.err and "latest: does not name " in answer.err
    assert (home / "perfbench/latest/mine").is_dir()
    assert not [f for f in (home / "perfbench").iterdir() if f.name.startswith(".")]
