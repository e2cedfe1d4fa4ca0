"""results_table.py: README's table is what results/ says, and says nothing that was not measured."""

import json
import subprocess
import sys

import gpu_summary
import pytest
import results_table
from suite_paths import SOURCE

ROW = {"model": "llama3_8b", "status": "ok", "step_time_s": 8.0, "tokens_per_s_per_gpu": 16384.0,
       "peak_memory_gib": 60.25, "throttled": False}
PEER = {"model": "llama3_8b", "status": "ok", "tokens_per_s_per_gpu": 8192.0, "setting": "sdpa+compile_layers",
        "gradient_checkpointing": False, "versions": {"torch": "2.11.0", "transformers": "5.17.0", "peft": "0.21"}}
SLICE = {"model": "llama3_70b", "task": "pretrain", "status": "ok", "precision": "fp8cs", "num_gpus": 64,
         "tp": 4, "pp": 8, "cp": 1, "vp": 5, "step_time_s": 10.0, "measured_s": 7.5, "modelled_s": 2.5, "tokens_per_s_per_gpu": 1621.0,
         "model_tflops_per_gpu": 780.0, "throttled": None}
MACHINE = {"gpu": "NVIDIA H200", "date": "2026-01-02", "suite": {"device": "cuda", "tiny": False},
           "package": {"version": "0.1.0"}, "flops_per_token": {"llama3_8b": 32.0e9}}


@pytest.fixture
def repository(tmp_path):
    """repository(name, machine={...}, rows=[...], ...) writes results/<name> of a small repository; returns that."""
    (tmp_path / "model_configs").symlink_to(SOURCE / "model_configs")
    (tmp_path / "README.md").write_text(f"before\n{results_table.BEGIN}\n{results_table.END}\nafter\n")

    def add(name, **parts):
        (tmp_path / "results" / name).mkdir(parents=True)
        for part, value in parts.items():
            (tmp_path / "results" / name / f"{part}.json").write_text(json.dumps(value))
        return tmp_path

    add.folder = tmp_path
    return add


def script(folder, *args):
    return subprocess.run([sys.executable, SOURCE / "scripts/results_table.py", "--source", folder, *args],
                          capture_output=True, text=True, timeout=30)


def test_the_readme_of_this_repository_says_what_its_results_say():
    done = script(SOURCE, "--check")
    assert done.returncode == 0, done.stderr


def test_without_results_one_line_says_so(repository):
    assert script(repository.folder).returncode == 0
    text = (repository.folder / "README.md").read_text()
    assert text == f"before\n{results_table.BEGIN}\n{results_table.NOTHING}\n{results_table.END}\nafter\n"
    assert script(repository.folder, "--check").returncode == 0


def test_a_run_becomes_lines_beside_the_published_and_the_peer(repository):
    lora = SLICE | {"model": "llama3_8b", "task": "lora", "precision": "bf16", "num_gpus": 1, "pp": 1, "tp": 1, "vp": 1}
    folder = repository("2026-01-02-h200", machine=MACHINE, rows=[ROW], peer=[PEER], slices=[SLICE, lora])
    assert script(folder, "--check").returncode == 1  # not written yet
    assert script(folder).returncode == 0 and script(folder, "--check").returncode == 0
    lines = (folder / "README.md").read_text().splitlines()
    # 16384 tokens/s of 32 GFLOPs; published 12,472.87 tokens/s; the peer half as fast.
    assert "| Llama3 8B LoRA | 8.00 | 16,384 | 524 | 12,473 | 402 | 1.314 | 8,192 | 2.000 | 60.2 | no |" in lines
    assert "| Qwen2.5 7B LoRA | - | - | - | 14,110 | 423 | - | - | - | - | not measured |" in lines
    name = "LLAMA3-70B FP8CS, 64 GPUs TP4 PP8 VP5"
    assert f"| {name} | 10.000 | 7.500 | 2.500 | 1040 | 1,621 | 1,621 | 1.000 | not known |" in lines
    assert [line for line in lines if line.startswith("| Llama3 8B LoRA BF16, 1 GPU | 10.000 |")]
    assert [line for line in lines if line.startswith("NVIDIA H200, 2026-01-02") and "are of H100" in line]
    assert [line for line in lines if "fastest setting, sdpa+compile_layers." in line]


def test_what_went_wrong_is_said_and_has_no_figures(repository):
    rows = [ROW | {"throttled": True},
            {"model": "qwen2p5_7b", "status": "oom", "reason": "4 GiB too much", "step_time_s": None,
             "tokens_per_s_per_gpu": None}]
    folder = repository("2026-01-02-h200", machine=MACHINE, rows=rows)
    assert script(folder).returncode == 0
    text = (folder / "README.md").read_text()
    assert "| 60.2 | **yes** |" in text
    assert "| Qwen2.5 7B LoRA | - | - | - | 14,110 | 423 | - | - | - | - | oom: 4 GiB too much |" in text
    assert "transformers + peft, did not run" in text


def test_the_newest_folder_of_a_gpu_counts(repository):
    repository("2026-01-02-h200", machine=MACHINE, rows=[ROW])
    repository("2026-01-03-h200", machine=MACHINE | {"date": "2026-01-03"}, rows=[ROW | {"step_time_s": 7.0}])
    folder = repository("2026-01-01-h100", machine=MACHINE | {"gpu": "NVIDIA H100", "date": "2026-01-01"}, rows=[ROW])
    assert script(folder).returncode == 0
    text = (folder / "README.md").read_text()
    assert text.count("Llama3 8B LoRA |") == 2 and "| 7.00 |" in text and "2026-01-02" not in text


@pytest.mark.parametrize("suite", [{"device": "cpu", "tiny": False}, {"device": "cuda", "tiny": True}, {}])
def test_a_trial_is_no_result(repository, suite):
    done = script(repository("2026-01-02-cpu", machine=MACHINE | {"suite": suite}, rows=[ROW]))
    assert done.returncode == 1 and "is a trial of the suite" in done.stderr


def test_files_of_different_runs_are_refused_by_name(repository):
    folder = repository("2026-01-02-h200", machine=MACHINE, rows=[ROW | {"run": "0123456789ab"}])
    table = folder / "results/2026-01-02-h200/rows.csv"
    table.write_text("model,run\nllama3_8b,0123456789ab\n")
    assert script(folder).returncode == 0
    table.write_text("model,run\nllama3_8b,ba9876543210\n")
    done = script(folder)
    assert done.returncode == 1 and "2026-01-02-h200: rows.json and rows.csv are of different runs" in done.stderr


def test_a_result_in_parts_is_left_out_of_the_suites_and_named(tmp_path, capsys):
    for name, runs in (("whole", "aaa"), ("mixed", "aab"), ("cut", "aaa")):
        folder = tmp_path / name
        folder.mkdir()
        for file, run in zip(("run.json", "rows.json", "telemetry.csv"), runs, strict=True):
            text = f"seconds,run\n0.1,{run}\n" if file.endswith("csv") else json.dumps({"run": run, "model": name})
            (folder / file).write_text(text)
    (tmp_path / "cut/rows.json").write_text('[{"run"')
    assert gpu_summary.results_in(tmp_path) == [tmp_path / "whole"]
    said = capsys.readouterr().err
    assert f"{tmp_path}/mixed: run.json and telemetry.csv are of different runs: left out" in said
    assert f"{tmp_path}/cut: " in said
