"""Descriptors under faults: closed and full ones."""

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
