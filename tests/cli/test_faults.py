"""Files and descriptors under faults: closed and full ones.

A command that writes reports it, exits with its code, keeps the old files and leaves no other.
"""

import csv
import fcntl
import json
import os
import resource
import subprocess

import pytest

ROW = ("--model", "llama3_8b", "--gpu", "h100", "--mode", "simulate")
TABLE = (
    "task,model,size,system,dtype,num_gpus,seq_len,tp_size,pp_size,cp_size,ep_size,vp_size,mbs,gbs,etp_size,"
    "cuda_graphs,use_mcore_fsdp,recompute_layers,activation_offload_layers,recompute_modules\n"
    "pre_train,llama3,8b,b200,bf16,8,8192,1,1,2,1,1,1,128\n"  # b200 in a table of h100 is a warning
    "pre_train,llama3,70b,h100,fp8,64,8192,4,8,1,1,5,1,128\n"
)
DOCUMENT = "| Model | #-GPUs | GBS | MBS | Sequence Length | TP | PP | CP | VP | Tokens / sec / GPU |\n|" + "---|" * 10
DOCUMENT += "\n| LLAMA3-8B | 8 | 128 | 1 | 8192 | 1 | 1 | 2 | 1 | 14201 |\n"
IMPORT = ("import", "in.md", "--gpu", "h100", "--task", "pretrain", "-c", "fp8cs")


@pytest.fixture
def work(tmp_path, perfbench):
    """A folder with an input of each kind."""
    (tmp_path / "model_configs_h100.csv").write_text(TABLE)
    (tmp_path / "in.md").write_text(DOCUMENT)
    (tmp_path / "folder").mkdir()
    assert perfbench("sweep", "model_configs_h100.csv", "--out", "swept").code == 0
    return tmp_path


def run(binary, *args, cwd, closed=(), file_bytes=None, **files):
    def prepare():
        for number in closed:
            os.close(number)
        if file_bytes is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (file_bytes, file_bytes))

    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | files
    variables = {k: v for k, v in os.environ.items() if k != "NEMORUN_HOME"}
    return subprocess.run(
        [binary, *args], cwd=cwd, text=True, preexec_fn=prepare, env=variables, timeout=60, check=False, **pipes
    )


def contents(folder):
    return {str(f.relative_to(folder)): f.read_bytes() for f in folder.rglob("*") if f.is_file() and not f.is_symlink()}


# Descriptors


@pytest.mark.parametrize("closed", [(0,), (1,), (2,), (0, 1), (0, 2), (1, 2), (0, 1, 2)])
def test_no_file_of_a_sweep_gets_a_closed_descriptor(binary, work, closed):
    done = run(binary, "sweep", "model_configs_h100.csv", "--out", "out", cwd=work, closed=closed)
    assert done.returncode == (3 if 1 in closed else 0)
    if 1 in closed and 2 not in closed:
        assert "perfbench: error: standard output: " in done.stderr
    expected, found = contents(work / "swept"), contents(work / "out")
    for name in ("journal.jsonl", "rows.csv", "rows.json", "rows.md"):
        assert found[name] == expected[name], name
    assert sorted(found) == sorted(expected)


PRINTING = [
    ROW,
    ("--help",),
    ("--version",),
    ("check", "model_configs_h100.csv"),
    ("export", "model_configs_h100.csv"),
    ("show", "program", *ROW[:4]),
    ("list", "models"),
    ("completion", "bash"),
    ("audit",),
    IMPORT,
    ("diff", "swept", "swept"),
    ("doctor",),
]


@pytest.mark.parametrize("args", PRINTING)
def test_what_cannot_be_printed_is_3(binary, work, args):
    with open("/dev/full", "w") as full, (work / "small").open("w") as small:
        closed = run(binary, *args, cwd=work, closed=(1,))
        on_full_disk = run(binary, *args, cwd=work, stdout=full)
        too_large = run(binary, *args, cwd=work, stdout=small, file_bytes=10)
    for done in (closed, on_full_disk, too_large):
        assert done.returncode == 3, done
        assert "perfbench: error: standard output: " in done.stderr


def test_a_row_is_kept_when_it_cannot_be_printed(binary, work):
    assert run(binary, *ROW, "--out", "out", cwd=work, closed=(1,)).returncode == 3
    assert sorted(contents(work / "out")) == ["rows.csv", "rows.json", "run.json"]


def test_what_standard_error_cannot_take_changes_nothing(binary, work):
    with open("/dev/full", "w") as full:
        done = run(binary, "sweep", "model_configs_h100.csv", "--out", "out", cwd=work, stderr=full)
        assert done.returncode == 0 and "2 rows: " in done.stdout
        assert run(binary, "check", "none.csv", cwd=work, stderr=full).returncode == 2
    assert contents(work / "out")["rows.csv"] == contents(work / "swept")["rows.csv"]


# Full disks: a limit on the size of files stands in for one.

WRITING = {
    "row": (*ROW, "--out", "old"),
    "sweep": ("sweep", "model_configs_h100.csv", "--out", "old"),
    "baseline": ("baseline", "update", "--table", "model_configs_h100.csv", "--out", "old"),
    "import": (*IMPORT, "-o", "old/file"),
    "export": ("export", "model_configs_h100.csv", "-o", "old/file"),
    "audit": ("audit", "--junit", "old/file"),
    "diff": ("diff", "swept", "swept", "--junit", "old/file"),
}


@pytest.mark.parametrize("file_bytes", [0, 10])
@pytest.mark.parametrize("command", WRITING)
def test_a_full_disk_is_3_and_old_files_stand(binary, work, command, file_bytes):
    (work / "old").mkdir()
    for name in ("file", "rows.csv", "rows.json", "run.json", "h100.csv"):
        (work / "old" / name).write_text("old\n")
    before = contents(work)
    done = run(binary, *WRITING[command], cwd=work, file_bytes=file_bytes)
    assert done.returncode == 3, done
    assert done.stderr.splitlines()[-2].startswith("perfbench: error: old"), done.stderr
    assert "File too large" in done.stderr
    after = contents(work)
    journal = after.pop("old/journal.jsonl", b"")
    assert journal == b"" and after == before


def test_a_row_is_printed_when_its_files_cannot_be_written(binary, perfbench, work):
    assert perfbench(*ROW, "--out", "old").code == 0
    assert perfbench(*ROW, "-gb", "256", "--out", "new").code == 0
    sizes = {name: len(text) for name, text in contents(work / "new").items()}
    assert sizes["rows.json"] == max(sizes.values())  # the others would fit
    before = contents(work / "old")
    for form in ((), ("--json",), ("--csv",), ("--markdown",)):
        done = run(binary, *ROW, "-gb", "256", *form, "--out", "old", cwd=work, file_bytes=sizes["rows.json"] - 1)
        assert done.returncode == 3 and "rows.json: could not write " in done.stderr
        assert "256" in done.stdout and "results: " not in done.stdout + done.stderr
        assert contents(work / "old") == before


def test_a_small_disk(binary, work):
    """A row whose files do not all fit, on a file system of its own."""
    mount = f"mount -t tmpfs -o size=8k none {work}/folder"
    if (tried := subprocess.run(["unshare", "-m", "sh", "-c", mount], capture_output=True, text=True)).returncode != 0:
        pytest.skip("this machine permits no mount namespace: " + tried.stderr)
    script = f'{mount} && "$@"; code=$?; ls -A folder; exit $code'
    done = run("unshare", "-m", "sh", "-c", script, "sh", binary, *ROW, "--csv", "--out", "folder", cwd=work)
    assert done.returncode == 3 and "No space left on device" in done.stderr
    (row,) = csv.DictReader(done.stdout.splitlines())  # and no name of a file behind it
    assert row["status"] == "ok"


def test_what_dead_processes_left_goes_and_what_live_ones_write_stays(perfbench, work):
    (work / "out").mkdir()
    (work / "out" / ".perfbench-7-1.tmp").write_text("half")
    (work / "out" / "notes.tmp").write_text("mine")
    with (work / "out" / ".perfbench-8-1.tmp").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert perfbench(*ROW, "--out", "out").code == 0
    assert sorted(f.name for f in (work / "out").iterdir()) == [
        ".perfbench-8-1.tmp",
        "notes.tmp",
        "rows.csv",
        "rows.json",
        "run.json",
    ]


# The run's id


def test_every_file_of_a_result_has_the_run(perfbench, work):
    answer = perfbench("sweep", "model_configs_h100.csv", "--out", "swept", "--json")
    run_id = answer.json["run"]
    with (work / "swept/rows.csv").open() as file:
        runs = {row["run"] for row in csv.DictReader(file)}
    runs |= {row["run"] for row in json.loads((work / "swept/rows.json").read_text())}
    runs |= {line.split("|")[-2].strip() for line in (work / "swept/rows.md").read_text().splitlines()[2:]}
    runs.add(json.loads((work / "swept/run.json").read_text())["run"])
    assert runs == {run_id} and len(run_id) == 12
    row = perfbench(*ROW, "--json").json["run"]
    assert row == perfbench(*ROW, "--json").json["run"] != perfbench(*ROW, "-gb", 256, "--json").json["run"]


def test_diff_refuses_files_of_two_runs(perfbench, refused, work):
    assert perfbench("diff", "swept", "swept").code == 0
    assert perfbench(*ROW, "--out", "row").code == 0
    (work / "swept/run.json").write_bytes((work / "row/run.json").read_bytes())
    error = refused("diff", "swept", "swept")
    assert "swept/rows.csv: has a row of run " in error and "swept/run.json is of run " in error
    assert perfbench("diff", "swept/rows.csv", "swept/rows.csv").code == 0
