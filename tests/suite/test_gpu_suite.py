"""gpu_package.sh and gpu_suite.sh: what is packed, what runs, what comes of it, and that nothing stops the rest."""

import json
import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import tarfile
import time

import pytest

FIRST = ["libraries", "doctor", "smoke", "gpu_tests", "parity", "lora_llama3_8b", "slice_lora_llama3_8b", "calibrate"]
SECOND = ["peer_llama3_8b", "lora_qwen2p5_7b", "slice_llama3_8b", "slice_llama3_70b", "accuracy", "peer_qwen2p5_7b",
          "slice_mixtral_8x7b", "slice_nemotron4_15b", "sanitizer"]
PARTS = FIRST + SECOND
BESIDE = {"results.tar.gz", "summary.txt", "rows.json", "peer.json", "slices.json", "calibration.json", "accuracy.json",
          "machine.json"}


def parts_of(out):
    return {part["name"]: part for part in json.loads((out / "machine.json").read_text())["parts"]}


def test_a_package_holds_what_a_bare_machine_lacks(package):
    manifest = json.loads((package / "manifest.json").read_text())
    assert manifest["version"] and manifest["made"] and manifest["needs"].startswith("GLIBC_2.")
    libraries = {file.name.split(".")[0] for file in (package / "lib").iterdir()}
    assert {"libcsv", "libxxhash", "libfmt"} <= libraries
    assert not [n for n in libraries if n.startswith(("libc10", "libtorch", "libcud", "libnccl", "libstdc++", "libm"))]
    lines = [line.split("\t") for line in (package / "gpu_tests.txt").read_text().splitlines()]
    assert ["gpu.ops", "ops_tests", "--gtest_filter=*Gpu*"] in lines
    assert all(os.access(package / "tests" / binary, os.X_OK) for _, binary, _ in lines)
    assert (package / "folders/llama_fp32/verify_flags").read_text() == "-c fp32 --steps 3\n"
    assert (package / "folders/qwen2_lora_bf16/adapter_model.safetensors").exists()
    # Every library is found in the package or on any machine: no path of this one is needed.
    answer = subprocess.run([package / "perfbench", "--version"], capture_output=True, text=True,
                            env={"LD_LIBRARY_PATH": str(package / "lib")}, timeout=30)
    assert answer.returncode == 0, answer.stderr


def test_a_package_overwrites_nothing(run, tmp_path):
    (tmp_path / "mine").write_text("")
    done = run("gpu_package.sh", "--no-build", tmp_path)
    assert done.returncode == 2 and "is not empty" in done.stderr


def test_the_whole_suite_on_a_cpu(run, package, tmp_path):
    out = tmp_path / "out"
    asked = [part for part in PARTS if part != "peer_llama3_8b"]  # one peer will do
    done = run(package / "gpu_suite.sh", "--device", "cpu", "--tiny", "--parts", ",".join(asked), out)
    parts = parts_of(out)
    assert list(parts) == asked, done.stderr
    for name in ("libraries", "doctor", "smoke", "parity", "peer_qwen2p5_7b"):
        assert parts[name]["status"] == "ok", parts[name]
    for name in ("lora_llama3_8b", "lora_qwen2p5_7b"):  # on a busy machine so few steps may vary too much for a row
        assert parts[name]["status"] == "ok" or "exit 3" in parts[name]["why"], parts[name]
    assert parts["gpu_tests"]["status"] == parts["sanitizer"]["status"] == "missing"
    for name in (*(part for part in asked if part.startswith("slice_")), "calibrate"):  # where there is a way
        assert parts[name]["status"] in ("ok", "missing"), parts[name]
    assert done.returncode == 1  # some are missing

    rows = {row["model"]: row for row in json.loads((out / "rows.json").read_text())}
    assert set(rows) == {"llama3_8b", "qwen2p5_7b"}
    assert all((row["method"], row["task"], row["stack"]) == ("measured", "lora", "perfbench") for row in rows.values())
    assert all(row["window"] == "steps 2-4 of 4" and row["loss_ok"] for row in rows.values())
    (peer,) = json.loads((out / "peer.json").read_text())
    ours = rows["qwen2p5_7b"]
    assert (peer["status"], peer["loss_ok"], peer["setting"], peer["window"]) == ("ok", True, "sdpa", ours["window"])
    assert all(peer[key] == ours[key] for key in ("gbs", "mbs", "ga", "seq_len", "task", "precision"))
    flops = json.loads((out / "machine.json").read_text())["flops_per_token"]["qwen2p5_7b"]
    assert peer["model_tflops_per_gpu"] == pytest.approx(peer["tokens_per_s_per_gpu"] * flops / 1e12)

    assert {file.name for file in out.iterdir()} <= BESIDE
    assert done.stdout == (out / "summary.txt").read_text() and done.stdout.startswith("A trial with tiny models")
    assert parts["parity"]["why"] == "3 of 3 folders agree with transformers and peft"
    (tmp_path / "results").mkdir()
    subprocess.run(["tar", "-xzf", out / "results.tar.gz", "-C", tmp_path / "results"], check=True)
    (folder,) = (unpacked.name for unpacked in (tmp_path / "results").iterdir())
    assert folder.endswith("-cpu")
    names = {str(file.relative_to(tmp_path / "results" / folder)) for file in (tmp_path / "results").rglob("*")}
    assert {"rows.csv", "machine.json", "logs/doctor.log", "logs/gpu_tests.log"} <= names
    for file in (tmp_path / "results").rglob("*"):
        assert not file.is_file() or str(package) not in file.read_text(), file


@pytest.fixture
def stand_in(source, tmp_path):
    """stand_in(commands) -> a package whose perfbench runs these commands of a shell."""

    def make(commands):
        folder = tmp_path / "stand_in"
        (folder / "tests").mkdir(parents=True)
        for name in ("gpu_suite.sh", "gpu_summary.py", "results_table.py"):
            shutil.copy(source / "scripts" / name, folder)
        (folder / "model_configs").symlink_to(source / "model_configs")
        (folder / "manifest.json").write_text("{}")
        (folder / "gpu_tests.txt").write_text("gpu.ops\tops_tests\t--gtest_filter=*Gpu*\n")
        for file in (folder / "perfbench", folder / "tests/ops_tests"):
            file.write_text(f"#!/bin/bash\n{commands}\n")
            file.chmod(file.stat().st_mode | stat.S_IXUSR)
        return folder

    return make


HELP = """case "$*" in
  --help) printf '  %s\\n' 'perfbench calibrate F' 'perfbench accuracy F' '--stage S'; exit ;;
esac
"""


def test_a_part_that_fails_stops_no_other(run, stand_in, tmp_path):
    package = stand_in('case "$*" in *automodel*) echo {} ;; *llama3_8b*) echo "the GPU is full" >&2; exit 3 ;; esac')
    done = run(package / "gpu_suite.sh", "--parts", "lora_llama3_8b,lora_qwen2p5_7b,parity", package, tmp_path / "out")
    parts = parts_of(tmp_path / "out")
    assert [(p["name"], p["status"]) for p in parts.values()] == [
        ("parity", "missing"), ("lora_llama3_8b", "failed"), ("lora_qwen2p5_7b", "ok")]
    assert parts["lora_llama3_8b"]["why"] == "exit 3; the GPU is full"
    assert done.returncode == 1 and "exit 3; the GPU is full" in done.stdout


def test_tests_that_were_all_skipped_are_no_success(run, stand_in, tmp_path):
    package = stand_in('echo "[  PASSED  ] 0 tests."; echo "[  SKIPPED ] 44 tests."')
    done = run(package / "gpu_suite.sh", "--parts", "gpu_tests", package, tmp_path / "out")
    assert parts_of(tmp_path / "out")["gpu_tests"]["status"] == "missing" and done.returncode == 1


def test_a_binary_whose_tests_were_all_skipped_beside_another_is_a_failure(run, stand_in, tmp_path):
    package = stand_in('echo "[  PASSED  ] 43 tests."')
    with (package / "gpu_tests.txt").open("a") as file:
        file.write("gpu.parity\tparity_tests\t--gtest_filter=*Gpu*\n")
    idle = package / "tests/parity_tests"
    idle.write_text('#!/bin/bash\necho "[  PASSED  ] 0 tests."; echo "[  SKIPPED ] 7 tests, listed below:"\n')
    idle.chmod(0o755)
    run(package / "gpu_suite.sh", "--parts", "gpu_tests", package, tmp_path / "out")
    part = parts_of(tmp_path / "out")["gpu_tests"]
    assert part["status"] == "failed" and part["why"] == "exit 1; all tests were skipped of: gpu.parity"


def test_a_test_that_fails_is_seen(run, stand_in, tmp_path):
    package = stand_in('echo "[  PASSED  ] 43 tests."; echo "[  FAILED  ] 1 test."; exit 1')
    run(package / "gpu_suite.sh", "--parts", "gpu_tests", package, tmp_path / "out")
    assert parts_of(tmp_path / "out")["gpu_tests"]["status"] == "failed"


GTEST = """case "$*" in
  *--gtest_filter=OnGpu.Second/bf16*) echo "alone, CUDA_LAUNCH_BLOCKING=$CUDA_LAUNCH_BLOCKING"; exit 1 ;;
esac
echo "[ RUN      ] OnGpu.First/fp32"
echo "[       OK ] OnGpu.First/fp32 (3 ms)"
echo "[ RUN      ] OnGpu.Second/bf16"
"""


def log_of(out, part):
    with tarfile.open(out / "results.tar.gz") as tar:
        (name,) = (name for name in tar.getnames() if name.endswith(f"logs/{part}.log"))
        return tar.extractfile(name).read().decode()


@pytest.mark.parametrize(
    "end",
    [
        'echo "[  FAILED  ] OnGpu.Second/bf16, where GetParam() = bf16 (5 ms)"; echo "[ RUN      ] OnGpu.Third/x"; exit 1',
        "exec sleep 60",
        "kill -SEGV $$",
    ],
    ids=["fails", "hangs", "crashes"],
)
def test_the_first_test_that_fails_runs_again_alone_and_in_step(run, stand_in, tmp_path, end):
    package = stand_in(GTEST + end)
    script = package / "gpu_suite.sh"
    script.write_text(re.sub("(?m)^gpu_tests .*", "gpu_tests 1 22 1", script.read_text()))
    run(script, "--parts", "gpu_tests", package, tmp_path / "out")
    assert parts_of(tmp_path / "out")["gpu_tests"]["status"] == "failed"
    log = log_of(tmp_path / "out", "gpu_tests")
    assert "[ RUN      ] OnGpu.Second/bf16" in log
    assert "== OnGpu.Second/bf16 again, alone, CUDA_LAUNCH_BLOCKING=1\nalone, CUDA_LAUNCH_BLOCKING=1\n" in log


def test_nothing_follows_a_smoke_test_that_failed(run, stand_in, tmp_path):
    package = stand_in('case "$*" in verify*) exit 1 ;; *) echo {} ;; esac')
    (package / "folders/llama_fp32").mkdir(parents=True)
    (package / "folders/llama_fp32/verify_flags").write_text("-c fp32\n")
    done = run(package / "gpu_suite.sh", "--call", 1, package, tmp_path / "out")
    parts = parts_of(tmp_path / "out")
    assert done.returncode == 1 and list(parts) == FIRST
    assert [parts[name]["status"] for name in FIRST] == ["ok", "ok", "failed"] + ["not tried"] * 5
    assert parts["gpu_tests"]["why"] == "the smoke test failed"


def test_a_part_has_a_time_limit_and_what_has_no_time_is_named(run, stand_in, tmp_path):
    package = stand_in('case "$*" in *doctor*) echo looking; sleep 60 ;; esac')
    script = package / "gpu_suite.sh"
    script.write_text(re.sub("(?m)^doctor .*", "doctor 12 2 1", script.read_text()))
    began = time.monotonic()
    run(script, "--seconds", 4, "--parts", "doctor,gpu_tests", package, tmp_path / "out")
    assert time.monotonic() - began < 30
    parts = parts_of(tmp_path / "out")
    assert (parts["doctor"]["status"], parts["gpu_tests"]["status"]) == ("timeout", "no time")
    assert parts["doctor"]["why"].startswith("more than 2 s") and parts["gpu_tests"]["why"].endswith("it needs 10")


def test_a_suite_that_is_stopped_leaves_its_results(stand_in, tmp_path):
    package = stand_in('case "$*" in doctor) sleep 60 ;; *) echo {} ;; esac')
    out = tmp_path / "out"
    suite = subprocess.Popen([package / "gpu_suite.sh", "--parts", "parity,doctor", package, out],
                             stderr=subprocess.PIPE, stdout=subprocess.PIPE,
                             env=os.environ | {"PYTHON": fake_torch(tmp_path)})
    time.sleep(1.5)
    suite.send_signal(signal.SIGTERM)
    suite.communicate(timeout=20)
    assert suite.returncode == 1
    assert tarfile.open(out / "results.tar.gz").getnames()


def test_relative_paths_to_python_count_from_where_the_suite_is_called(stand_in, tmp_path):
    package = stand_in("echo {}")
    fake_torch(tmp_path)
    done = subprocess.run([package / "gpu_suite.sh", "--parts", "doctor", package, "out"], cwd=tmp_path, timeout=60,
                          capture_output=True, text=True, env=os.environ | {"PYTHON": "./python3", "PYTHONPATH": "site"})
    assert parts_of(tmp_path / "out")["doctor"]["status"] == "ok", done.stderr


def fake_torch(tmp_path):
    """A python3 that finds a torch."""
    (tmp_path / "site/torch").mkdir(parents=True)
    (tmp_path / "site/torch/__init__.py").write_text("")
    script = tmp_path / "python3"
    script.write_text(f'#!/bin/bash\nPYTHONPATH={tmp_path}/site exec {sys.executable} "$@"\n')
    script.chmod(0o755)
    return str(script)


def test_the_plan_is_printed_and_nothing_runs(run, stand_in, tmp_path):
    package = stand_in(HELP + f"touch {tmp_path}/ran")
    done = run(package / "gpu_suite.sh", "--dry", package, tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert planned(done) == PARTS
    row = ("--mode measure --device cuda --step_timeout_s 25 --model qwen2p5_7b --task lora --stack perfbench --num_gpus 1 -tp 1 -pp 1 "
           "-c bf16 -mb 2 --packed false -gb 32 --seq_len 4096 --steps 4 --warmup_steps 1")
    assert row in done.stdout and "-ng 64 -tp 4 -pp 8 -vp 5" in done.stdout
    assert not (tmp_path / "ran").exists() and not list((tmp_path / "out").iterdir())
    assert planned(run(package / "gpu_suite.sh", "--dry", "--call", 1, package, tmp_path / "out")) == FIRST
    second = planned(run(package / "gpu_suite.sh", "--dry", "--call", 2, package, tmp_path / "out"))
    assert second == ["libraries", "doctor"] + SECOND


def planned(done):
    return [line.split(",")[0] for line in done.stdout.splitlines() if ", at most " in line]


@pytest.mark.parametrize(
    ("args", "code", "text"),
    [
        (("--parts", "doktor"), 2, "doktor is no part"),
        (("--device", "tpu"), 2, "neither cuda nor cpu"),
        (("--seconds", "soon"), 2, "soon is no number"),
        (("--call", "3"), 2, "3 is neither 1 nor 2"),
        (("--fast",), 2, "--fast: unknown argument"),
    ],
)
def test_bad_input_is_refused(run, stand_in, tmp_path, args, code, text):
    done = run(stand_in("") / "gpu_suite.sh", *args, stand_in_place(tmp_path), tmp_path / "out")
    assert done.returncode == code and text in done.stderr


def stand_in_place(tmp_path):
    return tmp_path / "stand_in"


def test_a_python_without_torch_is_named(run, stand_in, tmp_path):
    package = stand_in("")
    done = run(package / "gpu_suite.sh", package, tmp_path / "out", env={"PYTHON": sys.executable, "PYTHONPATH": ""})
    assert done.returncode == 4 and "has no torch" in done.stderr
