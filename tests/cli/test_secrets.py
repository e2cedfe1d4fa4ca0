"""Secrets go nowhere: not to the screen, not to a file, not to the list of processes."""

import json
import os
import pathlib
import re
import signal
import subprocess

import pytest

MARKER = "hf_MARKERmarker0123456789"
OTHER = "plain-marker-secret"
MAIN = ("--model", "llama3_8b", "--gpu", "h100", "-cp", 1)
FORMS = ((), ("--json",), ("--csv",), ("--markdown",), ("-d",), ("-d", "--json"), ("--mode", "measure"))

# Every value holds SECRET, and nothing else of this test does.
SECRET = "SEKRET"
VARIABLES = {
    "HF_TOKEN": "SEKRET01",
    "WANDB_API_KEY": "SEKRET02",
    "PASSWD": "SEKRET03",
    "DB_PASS": "SEKRET04",
    "GITHUB_PAT": "SEKRET05",
    "HTTPS_PROXY": "http://user:SEKRET06@proxy:3128",
    "DATABASE_URL": "postgres://u:SEKRET07@h/db",
    "SLACK_WEBHOOK": "https://hooks.slack.com/services/T000/B000/SEKRET08",
    "AUTHORIZATION": "Bearer SEKRET09",
    "SENTRY_DSN": "https://SEKRET10@sentry.io/1",
    "SAS": "?sig=SEKRET11",
    "JWT": "eyJhbGciOiJIUzI1NiJ9.eyJTRUtSRVQifQ.SEKRET12",
    "NVIDIA_API_KEY": "SEKRET13",
    "SLURM_JWT": "SEKRET14",
    "ANYTHING_ELSE": "SEKRET15",
    "SSH_KEY": "-----BEGIN OPENSSH PRIVATE KEY-----\nSEKRET16\n-----END OPENSSH PRIVATE KEY-----\n",
    # The names of these are on the list of what is recorded.
    "NCCL_DEBUG": "hf_SEKRET20abcdefghijklmnop",
    "NCCL_NET": "http://user:SEKRET21@proxy",
    "FI_PROVIDER": "https://host/x?X-Amz-Signature=SEKRET22",
    "CUDA_CACHE_PATH": "ghp_SEKRET23abcdefghijklmnop",
    "OMP_PLACES": "AKIASEKRET2401234567",
    "TORCH_LOGS": "token=SEKRET25",
    "NVTE_DEBUG": "Authorization: Basic SEKRET26==",
}
FLAGS = (
    ("-hf", "SEKRET30", "-wdk", "SEKRET31"),
    ("-hf=SEKRET32", "--wandb_key=SEKRET33", "--hf-token", "--SEKRET34"),
    ("-i", "https://u:SEKRET35@nvcr.io/nvidia/nemo:25.04", "-cm", "/a:/b", "https://h/x?sig=SEKRET36:/c"),
    ("-i", "oauthtoken:SEKRET37@nvcr.io/nvidia/nemo:25.04", "-l", "/logs/glpat-SEKRET38abcdefghijkl"),
    ("--additional_slurm_params", "export=ALL,HF_TOKEN=SEKRET39;comment=SEKRET40;qos=high"),
    ("--additional_slurm_params=mail-user=SEKRET41", "-nh", "xoxb-1-2-SEKRET42"),
)


def everything(answer, tmp_path):
    files = "".join(path.read_text() for path in tmp_path.rglob("*") if path.is_file() and path.name != "env_vars.json")
    return answer.out + answer.err + files


def test_no_output_or_file_holds_a_secret(perfbench, tmp_path):
    (tmp_path / "env_vars.json").write_text(
        '{"HF_TOKEN": "%s", "WANDB_API_KEY": "%s", "NCCL_DEBUG": "INFO"}' % (MARKER, OTHER)
    )
    spellings = (
        ("-hf", MARKER, "-wdk", OTHER),
        (f"-hf={MARKER}", f"--wandb_key={OTHER}"),
        ("--hf-token", MARKER, "--wandb-key", OTHER),
        (f"--hf={OTHER}", f"-wandb_key={OTHER}"),
    )
    for i, secrets in enumerate(spellings):
        for form in FORMS:
            answer = perfbench(*MAIN, *secrets, *form, "--env_vars", "env_vars.json", "--out", f"out{i}")
            assert answer.code in ((0, 3, 4) if "measure" in form else (0, 3)), answer.err  # 4: without a GPU
            text = everything(answer, tmp_path)
            assert MARKER not in text and OTHER not in text
    assert "INFO" in (tmp_path / "out0" / "run.json").read_text()
    assert '"***"' in (tmp_path / "out0" / "run.json").read_text()


@pytest.mark.parametrize("flags", FLAGS, ids=range(len(FLAGS)))
def test_no_variable_and_no_flag_leaves_the_program(perfbench, tmp_path, flags):
    (tmp_path / "env_vars.json").write_text(json.dumps(VARIABLES))
    for form in FORMS:
        answer = perfbench(*MAIN, *flags, *form, "--env_vars", "env_vars.json", "--out", "out", env=VARIABLES)
        assert answer.code in ((0, 3, 4) if "measure" in form else (0, 3)), answer.err  # 4: without a GPU
        assert SECRET not in everything(answer, tmp_path)
    record = json.loads((tmp_path / "out/run.json").read_text())
    assert set(record["env_vars"]) == set(VARIABLES)
    kept = {name for name, value in record["env_vars"].items() if value != "[not recorded]"}
    assert kept == {name for name, value in VARIABLES.items() if int(re.search(r"SEKRET(\d\d)", value)[1]) >= 20}
    assert SECRET not in perfbench("--version", env=VARIABLES).out


def test_what_counts_is_recorded(perfbench, tmp_path):
    variables = {"NCCL_ALGO": "Ring", "CUDA_VISIBLE_DEVICES": "0,1", "MY_NAME": "x"}
    (tmp_path / "env_vars.json").write_text('{"OMP_NUM_THREADS": "4", "MY_OTHER": "y"}')
    slurm = "qos=high;nodelist=n[1-4];comment=z"
    image = "nvcr.io/nvidia/nemo:25.04@sha256:0123"
    flags = ("--env_vars", "env_vars.json", "--additional_slurm_params", slurm, "-i", image, "-cm", "/a:/b")
    assert perfbench(*MAIN, *flags, "--out", "out", env=variables).code in (0, 3)
    record = json.loads((tmp_path / "out/run.json").read_text())
    assert record["env_vars"] == {"OMP_NUM_THREADS": "4", "MY_OTHER": "[not recorded]"}
    assert {"NCCL_ALGO": "Ring", "CUDA_VISIBLE_DEVICES": "0,1"}.items() <= record["environment"].items()
    assert not {"MY_NAME", "OMP_NUM_THREADS", "PATH"} & set(record["environment"])  # a prediction sets nothing
    command = " ".join(record["command"])
    assert f" -i {image} -cm /a:/b" in command
    assert " qos=high;nodelist=n[1-4];comment=[redacted] " in command


TABLE_HEADER = (
    "task,model,size,system,dtype,num_gpus,seq_len,tp_size,pp_size,cp_size,ep_size,vp_size,mbs,gbs,etp_size,"
    "cuda_graphs,use_mcore_fsdp,recompute_layers,activation_offload_layers,recompute_modules\n"
)
TABLE_ROW = "pre_train,llama3,8b,h100,bf16,8,8192,1,1,2,1,1,1,128\n"


@pytest.mark.parametrize(
    "cell, secret", [(",llama3,", "hf_SEKRET50abcdefghijklmnop"), (",128", "sk-SEKRET51abcdefghij"), (",h100,", "u:SEKRET52@h")]
)
def test_rows_of_tables_hold_no_secret(perfbench, tmp_path, cell, secret):
    named = cell.replace(cell.strip(","), secret)
    (tmp_path / "env_vars.json").write_text(TABLE_HEADER + TABLE_ROW + TABLE_ROW.replace(cell, named))
    table = "hf_SEKRET53abcdefghijklmnop.csv"  # which rows and messages name
    (tmp_path / table).symlink_to("env_vars.json")
    for command in (("check",), ("check", "--json"), ("sweep", "--out", "out"), ("sweep", "-d"), ("audit", "--junit", "x")):
        answer = perfbench(*command, table)
        (tmp_path / table).unlink()
        assert SECRET not in everything(answer, tmp_path), answer
        (tmp_path / table).symlink_to("env_vars.json")
    assert "[redacted]" in (tmp_path / "out/rows.csv").read_text()
    assert len((tmp_path / "out/journal.jsonl").read_text().splitlines()) == 2


def test_errors_hold_no_secret(perfbench, tmp_path):
    for args in (
        ("-hf", MARKER, "-tp", "four"),
        ("-hf", MARKER, "-hf"),
        ("-hff", MARKER),
        (f"--hf_tokn={OTHER}",),
        ("-d=1", "-hf", OTHER),
        ("-hf", MARKER, "--gpu", "h10"),
        ("doctor", "-hf", OTHER),
        (f"-hf{OTHER}",),
        (f"--hf_token{OTHER}", "-tp", 4),
        (f"-wdk{OTHER}=1",),
        ("-tp", MARKER),
        ("-c", MARKER),
        ("--gpu", MARKER),
        ("--table", f"https://u:{OTHER}@host/x.csv"),
        ("--stack", f"https://host/x?key={OTHER}"),
        (f"-iu:{OTHER}@host/image",),
        ("--where", f"token={OTHER}"),
        (f"Bearer {OTHER}",),
    ):
        answer = perfbench(*MAIN, *args)
        assert answer.code == 2, args
        assert MARKER not in everything(answer, tmp_path) and OTHER not in everything(answer, tmp_path), args


@pytest.mark.parametrize("text", ['{"HF_TOKEN": %s}', '{"HF_TOKEN": "%s}', '["%s"]', '{"HF_TOKEN": ["%s"]}', "%s"])
def test_a_broken_file_of_variables_is_not_quoted(refused, tmp_path, text):
    (tmp_path / "env_vars.json").write_text(text % OTHER)
    error = refused(*MAIN, "--env_vars", "env_vars.json")
    assert "env_vars.json" in error and OTHER not in error


@pytest.fixture
def deadline():
    """What waits for another process fails after a minute."""

    def give_up(*_):
        raise TimeoutError

    old = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(60)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, old)


@pytest.mark.parametrize("flags", FLAGS, ids=range(len(FLAGS)))
def test_the_list_of_processes_shows_no_secret(binary, tmp_path, deadline, flags):
    pipe = tmp_path / "env_vars.json"
    os.mkfifo(pipe)
    args = [str(arg) for arg in (binary, *MAIN, *flags, "--env_vars", pipe)]
    process = subprocess.Popen(args, stdout=subprocess.DEVNULL, cwd=tmp_path)
    with pipe.open("w") as writer:  # waits for the reader, which has parsed its flags by then
        shown = pathlib.Path(f"/proc/{process.pid}/cmdline").read_text().split("\0")[:-1]
        writer.write("{}")
    assert process.wait() in (0, 3)
    assert not [arg for arg in shown if SECRET in arg]
    assert len(shown) == len(args) and [len(arg) for arg in shown] == [len(arg) for arg in args]
    assert "--model" in shown and "llama3_8b" in shown
