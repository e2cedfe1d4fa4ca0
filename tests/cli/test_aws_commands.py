"""The commands of the NeMo on AWS document, as NeMo's scripts would read them."""

import csv
import shlex

FIELDS = "model task system precision num_gpus gbs mbs seq_len tp pp cp vp ep fsdp ga".split()


def test_commands_are_the_golden_jobs(perfbench, source):
    jobs = []
    with open(source / "model_configs/published/aws_commands.csv", newline="") as file:
        for row in csv.DictReader(file):
            command = row["command"].replace("$(whoami)", "someone").replace("$HF_TOKEN", "a-token")
            words = shlex.split(command, comments=True)  # a shell cuts the comment
            answer = perfbench("--compat", "nemo", *words, "--dryrun", "--json")
            assert answer.code == 0, (command, answer.err)
            job = answer.json
            jobs.append(
                " ".join(
                    [row["row"], row["variant"]]
                    + [str(int(v) if isinstance(v, bool) else v) for v in (job[field] for field in FIELDS)]
                )
            )
    golden = (source / "tests/golden/aws_jobs.txt").read_text().splitlines()
    assert jobs == [line for line in golden if not line.startswith("#")]
    assert len(jobs) == 20


def test_left_out_values_come_from_nemo(perfbench):
    answer = perfbench(
        "--compat",
        "nemo",
        "python",
        "-m",
        "scripts.performance.llm.finetune_llama3_8b",
        "--gpu",
        "b200",
        "-c",
        "fp8",
        "-d",
        "--json",
    )
    assert answer.code == 0, answer.err
    job = answer.json
    assert (job["task"], job["precision"]) == ("lora", "fp8ds")
    assert job["origins"]["task"] == "NeMo's default"
    assert job["origins"]["model"] == "flag finetune_llama3_8b"


def test_nemo_defaults_are_h100_and_bf16(perfbench):
    job = perfbench("--compat", "nemo", "pretrain_llama3_70b", "-ng", 64, "-d", "--json").json
    assert (job["system"], job["precision"]) == ("h100", "bf16")
    assert job["origins"]["system"] == "NeMo's default"
