"""The main form: perfbench --model M --gpu G ..."""

import csv
import io
import json
import re
import subprocess

import pytest

MAIN = ("--model", "llama3_70b", "--gpu", "h100", "-tp", 4, "-pp", 8)
KEYS = """method status model system task precision num_gpus gbs mbs seq_len tp pp cp vp ep ga step_time_s
          tokens_per_s_per_gpu
          model_tflops_per_gpu flops_convention mfu peak_tflops peak_memory_gib breakdown published""".split()


def test_json_has_the_row_and_the_published_one(perfbench):
    answer = perfbench(*MAIN, "--json")
    assert (answer.code, answer.err) == (0, "")
    row = answer.json
    assert set(KEYS) <= set(row)
    assert (row["method"], row["status"], row["num_gpus"], row["ga"]) == ("simulated", "ok", 64, 64)
    assert (row["precision"], row["vp"], row["gbs"]) == ("fp8cs", 5, 128)
    assert row["published"]["tokens_per_s_per_gpu"] == 1621
    assert sum(row["breakdown"].values()) == pytest.approx(row["step_time_s"], rel=1e-6)
    assert row["origins"]["tp"] == "flag -tp"
    assert re.fullmatch(r"model_configs_h100\.csv:\d+", row["origins"]["gbs"])
    assert re.match(r"row model_configs_h100\.csv:\d+ \(", row["row"])


@pytest.mark.parametrize("task", ["pretrain", "sft", "lora"])
def test_every_value_says_where_it_is_from(perfbench, task):
    text = perfbench("--model", "llama3_8b", "--gpu", "h100", "--task", task, "-rm", "mlp").out
    values = text.split("\nasked\n")[1].split("\nresult\n")[0].splitlines()[2:]
    origins = [re.split(r" {2,}", line.strip()) for line in values if line.strip()]
    assert len(origins) > 20 and all(len(columns) == 3 for columns in origins), origins


LORA = ("--model", "llama3_8b", "--gpu", "h100", "--task", "lora")


def test_asked_plainly_or_in_full_a_published_row_has_a_ratio(perfbench):
    plain = perfbench(*LORA, "--json").json
    in_full = ("--packed", 1, "-rl", 0, "-cg", 0, "--lora_rank", 16, "--lora_targets", "qkv_proj")
    full = perfbench(*LORA, *in_full, "--json").json
    for row in (plain, full):
        assert row["published"]["row"] == "001-37" and row["ratio_to_published"] > 0
        assert not any("published" in note for note in row["notes"])


@pytest.mark.parametrize(
    "flags, differs",
    [
        (("--lora_targets", "all"), "lora_targets qkv_proj there, down_proj/gate_proj/"),
        (("--lora_rank", 8), "lora_rank 16 there, 8 here"),
        (("--packed", 0), "packed 1 there, 0 here"),
        (("-rm", "mlp"), "recompute_modules none there, mlp here"),
        (("-rl", 4), "recompute_layers 0 there, 4 here"),
        (("-cg", 1), "cuda_graphs 0 there, 1 here"),
        (("--stack", "perfbench"), "stack megatron_2504 there, perfbench here"),
        (("-fr", "ds"), "precision fp8cs there, fp8ds here"),
        (("-gb", 64), "configs_h100.csv:25): gbs 32 there, 64 here"),
    ],
)
def test_a_changed_job_has_no_ratio_and_a_note_says_what_differs(perfbench, flags, differs):
    row = perfbench(*LORA, *flags, "--json").json
    assert (row["published"], row["ratio_to_published"]) == (None, None)
    note = next(note for note in row["notes"] if note.startswith("the nearest published row is 001-37 ("))
    assert differs in note


def test_a_model_of_the_user_is_not_the_published_one_of_its_name(perfbench, source, tmp_path):
    config = json.loads((source / "model_configs/models/llama3_8b/config.json").read_text())
    for folder, ffn in (("same", config["intermediate_size"]), ("other", 8192)):
        (tmp_path / folder / "llama3_8b").mkdir(parents=True)
        (tmp_path / folder / "llama3_8b" / "config.json").write_text(json.dumps(config | {"intermediate_size": ffn}))
    flags = ("--gpu", "h100", "-c", "fp8cs", "-ng", 8, "-cp", 2, "-gb", 128, "--seq_len", 8192, "--json")

    def asked(folder):
        (tmp_path / "llama3_8b").unlink(missing_ok=True)
        (tmp_path / "llama3_8b").symlink_to(tmp_path / folder / "llama3_8b")
        return perfbench("--model", "./llama3_8b", *flags).json

    assert asked("same")["published"]["row"] == "001-18"
    other = asked("other")
    assert other["ratio_to_published"] is None
    assert any("another model by the same name (ffn 14336 there, 8192 here)" in note for note in other["notes"])


def test_a_row_of_another_stack_gives_nothing_of_its_software(perfbench):
    flags = ("--model", "qwen2p5_32b", "--gpu", "h100", "--task", "lora", "-ng", 8)
    own = perfbench(*flags, "-d", "--json").json
    assert (own["stack"], own["recompute_layers"], own["lbs"]) == ("automodel", 64, 8)
    job = perfbench(*flags, "--stack", "megatron", "-d", "--json").json
    assert (job["recompute_layers"], job["lbs"], job["packed"]) == (0, 16, True)
    assert (job["pp"], job["vp"], job["gbs"]) == (own["pp"], own["vp"], own["gbs"])
    why = rf"rule: none, since row {re.escape(own['origins']['pp'])} is of stack automodel"
    assert re.fullmatch(why, job["origins"]["recompute_layers"])
    text = perfbench(*flags, "--stack", "megatron").out
    assert re.search(rf"^ +recompute_layers +0 +{why}$", text, re.M), text


def test_terminal_form_says_where_values_come_from(perfbench):
    answer = perfbench(*MAIN)
    assert (answer.code, answer.err) == (0, "")
    for pattern in (
        r"^llama3_70b pretrain fp8cs on 64 x h100, stack megatron_2504: simulated, ok$",
        r"^  row model_configs_h100\.csv:\d+ \(.*-tp 4 -pp 8.*\)$",
        r"^ +tp +4 +flag -tp$",
        r"^ +gbs +128 +model_configs_h100\.csv:\d+$",
        r"^ +dp +2 +rule: .+$",
        r"^ +Tokens / sec / GPU +[\d,.]+ +1,621 +\d\.\d{3}$",
    ):
        assert re.search(pattern, answer.out, re.M), (pattern, answer.out)


def test_csv_is_a_header_and_a_line_with_the_json_names(perfbench):
    rows = list(csv.reader(io.StringIO(perfbench(*MAIN, "--csv").out)))
    assert len(rows) == 2 and len(rows[0]) == len(rows[1])
    assert set(rows[0]) == set(perfbench(*MAIN, "--json").json)


def test_markdown_has_the_headings_of_the_published_tables(perfbench):
    lines = perfbench(*MAIN, "--markdown").out.splitlines()
    assert len(lines) == 3
    for heading in (
        "Model",
        "#-GPUs",
        "GBS",
        "MBS",
        "Sequence Length",
        "TP",
        "PP",
        "CP",
        "VP",
        "EP",
        "Tokens / sec / GPU",
    ):
        assert f"| {heading} " in lines[0]


def test_spellings_mean_the_same(perfbench):
    wanted = perfbench(*MAIN, "-d", "--json").json
    for args in (
        ("--model=llama3_70b", "-g=h100", "-tp=4", "-pp=8"),
        ("--model", "LLAMA3-70B", "-gpu", "H100", "--tensor_parallel_size", 4, "--pipeline-parallel-size", "8.0"),
        ("pretrain_llama3_70b", "-g", "b200", "-g", "h100", "-tp", 2, "-tp", 4, "-pp", 8),
        ("python3", "-m", "scripts.performance.llm.pretrain_llama3_70b", "-g", "h100", "-tp", 4, "-pp", 8),
    ):
        job = perfbench(*args, "--dry-run", "--json").json
        assert {k: v for k, v in job.items() if k not in ("origins", "row")} == {
            k: v for k, v in wanted.items() if k not in ("origins", "row")
        }


def test_flags_override_the_row_that_does_not_agree(perfbench):
    answer = perfbench("--model", "llama3_70b", "--gpu", "h100", "-tp", 8, "-pp", 4, "-vp", 5, "-d", "--json")
    assert answer.code == 0, answer.err
    job = answer.json
    assert (job["tp"], job["pp"], job["vp"], job["gbs"]) == (8, 4, 5, 128)
    assert "override" in job["row"]


def test_a_finetune_name_is_lora_unless_f_says_sft(perfbench):
    for args, task in (
        (("finetune_llama3_70b",), "lora"),
        (("finetune_llama3_70b", "-f", "sft"), "sft"),
        (("--model", "finetune_llama3_70b"), "lora"),
        (("--model", "llama3_70b", "-f", "sft"), "sft"),
    ):
        assert perfbench(*args, "-g", "h100", "-d", "--json").json["task"] == task


def test_dry_run_writes_nothing(perfbench, tmp_path):
    answer = perfbench(*MAIN, "-d", "--out", "results")
    assert answer.code == 0
    assert re.search(r"^tp +4 +flag -tp$", answer.out, re.M)
    assert list(tmp_path.iterdir()) == []


def test_out_writes_the_row_that_is_printed(perfbench, tmp_path):
    answer = perfbench(*MAIN, "--json", "--out", "some/results")
    folder = tmp_path / "some" / "results"
    assert sorted(p.name for p in folder.iterdir()) == ["rows.csv", "rows.json", "run.json"]
    assert json.loads((folder / "rows.json").read_text()) == [answer.json]
    record = json.loads((folder / "run.json").read_text())
    assert record["command"] == ["perfbench", *map(str, MAIN), "--json", "--out", "some/results"]


def test_nemorun_home_is_the_default_of_out(perfbench, tmp_path):
    assert perfbench(*MAIN, env={"NEMORUN_HOME": str(tmp_path / "home")}).code == 0
    assert (tmp_path / "home" / "perfbench" / "latest" / "rows.csv").exists()
    assert perfbench(*MAIN, "--out", "mine", env={"NEMORUN_HOME": str(tmp_path / "other")}).code == 0
    assert not (tmp_path / "other").exists()


def test_env_vars_are_recorded(perfbench, tmp_path):
    (tmp_path / "env_vars.json").write_text('{"NCCL_DEBUG": "INFO", "FI_PROVIDER": "efa"}')
    answer = perfbench(*MAIN, "--env_vars", "env_vars.json", "--out", "results", "--json")
    assert any("env_vars.json" in note for note in answer.json["notes"])
    record = json.loads((tmp_path / "results" / "run.json").read_text())
    assert record["env_vars"] == {"FI_PROVIDER": "efa", "NCCL_DEBUG": "INFO"}


def test_flags_without_effect_are_named_in_one_note(perfbench):
    flags = ("-a", "me", "-en", "-hf", "x", "--enable-nsys", "-en", "-ms", 50, "-tb", "-vb", 1, "-ubr", 0, "-gn", 8)
    notes = perfbench(*MAIN, *flags, "--json").json["notes"]
    assert "without effect on the step: -a, -en, -hf, --enable-nsys, -ms, -tb, -vb, -ubr" in notes
    assert not any("without effect" in note for note in perfbench(*MAIN, "--json").json["notes"])
    answer = perfbench("show", "program", *MAIN, "-cg", 1)
    assert (answer.code, answer.err) == (0, "perfbench: warning: without effect on a Program: -cg\n")


def test_a_partition_named_after_an_instance_says_whose_gpus_it_has(perfbench):
    notes = perfbench(*MAIN, "--partition", "p5en", "--json").json["notes"]
    assert (
        "p5en instances of AWS have NVIDIA H200 SXM5 141GB, system h200; system h100 was asked for, and that is what is "
        "predicted"
    ) in notes
    for partition in ("p5", "batch"):
        assert not any("instances" in note for note in perfbench(*MAIN, "-p", partition, "--json").json["notes"])


def test_a_system_without_kernels_of_its_own_says_whose_it_takes(perfbench):
    flags = ("--model", "llama3_8b", "-ng", 8, "-tp", 1, "-pp", 1, "-cp", 2, "-gb", 128, "-mb", 1, "--stack", "megatron")
    for system, kernels in (("h800", "h100"), ("b300", "gb300"), ("a100", "default"), ("h100", None)):
        notes = perfbench(*flags, "-c", "bf16", "--seq_len", 8192, "-g", system, "--json").json["notes"]
        found = [note for note in notes if note.startswith(f"no measured kernels of {system}")]
        assert len(found) == (kernels is not None) and all(f"kernels/{kernels}.json" in note for note in found)


def test_a_system_of_the_user_extends_one_of_the_catalog(perfbench, tmp_path):
    sheet = {
        "name": "slow",
        "extends": "h100",
        "aliases": [],
        "device_names": {"value": [], "source": "of no driver"},
        "nics_per_gpu": {"value": 0.25, "source": "two NICs for eight GPUs"},
    }
    (tmp_path / "slow.json").write_text(json.dumps(sheet))
    flags = ("--model", "llama3_8b", "-ng", 16, "-tp", 1, "-pp", 1, "-cp", 1, "-gb", 128, "-mb", 1, "-c", "bf16")
    slow = perfbench(*flags, "--seq_len", 4096, "-g", "slow.json", "--json").json
    fast = perfbench(*flags, "--seq_len", 4096, "-g", "h100", "-vp", 1, "--json").json
    assert slow["system"] == "slow.json" and slow["step_time_s"] > fast["step_time_s"]


def test_a_table_of_the_user_takes_the_place_of_the_own(perfbench, tmp_path, source):
    lines = (source / "model_configs" / "model_configs_h100.csv").read_text().splitlines()
    row = next(line for line in lines if line.startswith("pre_train,llama3,70b") and ",fp8," in line)
    (tmp_path / "mine.csv").write_text(lines[0] + "\n" + row.replace(",128,", ",256,") + "\n")
    job = perfbench("--model", "llama3_70b", "-g", "h100", "--table", "mine.csv", "-d", "--json").json
    assert (job["gbs"], job["origins"]["gbs"]) == (256, "mine.csv:2")


@pytest.mark.parametrize(
    "args, feature",
    [(("-fr", "ss"), "fp8_recipe ss")],
)
def test_what_cannot_be_done_is_a_row_that_says_so(perfbench, args, feature):
    answer = perfbench(*MAIN, *args, "--json")
    assert answer.code == 3
    assert (answer.json["status"], answer.json["feature"]) == ("unsupported", feature)


def test_auto_says_why_it_simulates(perfbench):
    assert any(note.startswith("mode auto: simulated, because") for note in perfbench(*MAIN, "--json").json["notes"])
    assert not any("mode" in note for note in perfbench(*MAIN, "--mode", "simulate", "--json").json["notes"])


def test_show_program(perfbench):
    answer = perfbench("show", "program", *MAIN)
    assert (answer.code, answer.err) == (0, "")
    assert answer.out.strip()


def test_a_row_that_does_not_fit_is_printed_and_exits_3(perfbench):
    answer = perfbench(
        "--model", "llama31_405b", "-g", "h100", "-ng", 8, "-tp", 8, "-pp", 1, "-cp", 1, "-vp", 1, "-gb", 8, "--json"
    )
    assert answer.code == 3, answer.err
    assert answer.json["status"] == "oom"


def test_main_command_is_quick_and_small(binary, tmp_path):
    if "asan" in str(binary):
        pytest.skip("NOT TESTED: sanitizers take their own time and memory")
    code = """
import os, resource, subprocess, sys
best = 1e9
for _ in range(5):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    best = min(best, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
print(best, after.ru_maxrss)
"""
    done = subprocess.run(
        ["python3", "-c", code, binary, *map(str, MAIN)], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    cpu_s, peak_kib = map(float, done.stdout.split())
    assert cpu_s < 0.050
    assert peak_kib < 50 * 1024
