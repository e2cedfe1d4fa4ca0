"""Slices, calibrate and accuracy: kernels that were measured on one device, here the CPU."""

import json

import pytest

LLAMA = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "vocab_size": 512,
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 8,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 512,
    "tie_word_embeddings": False,
    "hidden_act": "silu",
    "rms_norm_eps": 1e-5,
    "rope_theta": 10000.0,
    "attention_bias": False,
    "mlp_bias": False,
}
# 64 GPUs: tp 2, pp 4, dp 8.
JOB = ("--num_gpus", 64, "-tp", 2, "-pp", 4, "-gb", 256, "-mb", 1, "--seq_len", 32, "-c", "bf16")


@pytest.fixture
def llama(tmp_path):
    (tmp_path / "llama").mkdir()
    (tmp_path / "llama/config.json").write_text(json.dumps(LLAMA))
    return ("--model", "llama/config.json")


@pytest.fixture
def sliced(llama):
    return ("--mode", "slice", "--device", "cpu", *llama, *JOB, "--steps", 3, "--json")


def table(kernels, system="h100"):
    return {
        "format": 1,
        "measured_on": {
            "system": system,
            "device": "NVIDIA H100 80GB HBM3",
            "driver": "580.95.05",
            "date": "2026-01-31T12:00:00Z",
            "versions": {},
            "sm_clock_mhz": 1755,
            "throttled": True,
            "throttle_reasons": ["sw_power_cap"],
        },
        "left_out": 0,
        "skipped": 0,
        "kernels": [
            {"signature": signature, "seconds": seconds, "mad_s": 0, "runs": 3, "shape": shape}
            for signature, seconds, shape in kernels
        ],
    }


# The head of llama3_8b over one pack of 8192 tokens on h100: a product that its prediction has, too.
HEAD = (
    "matmul(bf16[8192,4096],bf16[128256,4096],-,-,-,bf16[8192,128256]) transpose_b=1",
    0.03,
    {"kind": "gemm", "m": 8192, "n": 128256, "k": 4096, "dtype": "bf16", "batch": 1},
)
ADD = ("add(bf16[8192,4096],bf16[8192,4096],bf16[8192,4096])", 1e-4, {"kind": "memory", "bytes": 201326592})


@pytest.fixture
def kernels(tmp_path):
    (tmp_path / "kernels.json").write_text(json.dumps(table([HEAD, ADD])))
    return ("--calibration", "kernels.json")


def test_a_slice_stands_for_64_ranks(perfbench, sliced, engine, tmp_path):
    answer = perfbench(*sliced, "--out", "out")
    assert answer.code == 0, answer
    row = answer.json
    assert (row["method"], row["status"], row["num_gpus"], row["gbs"]) == ("slice", "ok", 64, 256)
    assert row["measured_s"] > 0 and row["modelled_s"] > 0
    assert row["measured_s"] + row["modelled_s"] == pytest.approx(row["step_time_s"], rel=1e-12)
    assert sum(row["breakdown"].values()) == pytest.approx(row["step_time_s"], rel=1e-9)
    assert row["loss_ok"] is None and row["step_time_low_s"] is None
    notes = "\n".join(row["notes"])
    # Every kernel of every stage was measured: none is left to a model.
    assert "100.0 % of the kernel time; on CPU" in notes
    measured, known = notes.split(" kernels are measured")[0].splitlines()[-1].split(" of ")
    assert measured == known
    for stage in (0, 2, 3):
        assert f"slice of stage {stage}: a step of 8 microbatches took" in notes
    # The engine's bytes of each stage that was run are those of the plan.
    for stage in (0, 2, 3):
        sums = [sum(e["gib"] for e in row[key] if e["stage"] == stage) for key in ("memory", "predicted_memory")]
        assert sums[0] == pytest.approx(sums[1], rel=1e-12)
    written = json.loads((tmp_path / "out/kernels.json").read_text())
    assert written["measured_on"]["system"] == "cpu"
    assert "libtorch" in written["measured_on"]["versions"]
    assert any(k["signature"].startswith("adamw(") for k in written["kernels"])


def test_the_table_of_a_slice_predicts_the_same_step_again(perfbench, sliced, llama, engine):
    row = perfbench(*sliced, "--out", "out").json
    again = perfbench(
        "--mode", "simulate", "--gpu", "cpu", "--stack", "perfbench", *llama, *JOB, "--calibration", "out/kernels.json",
        "--json",
    ).json  # fmt: skip
    assert (again["method"], again["status"]) == ("simulated", "ok")
    assert again["step_time_s"] == row["step_time_s"]
    assert again["measured_s"] == row["measured_s"]


def test_one_stage_and_its_microbatches(perfbench, sliced, engine):
    row = perfbench(*sliced, "--stage", "middle", "--slice_microbatches", 3).json
    notes = "\n".join(row["notes"])
    assert "slice of stage 2: a step of 3 microbatches" in notes and "stage 0:" not in notes
    assert {entry["stage"] for entry in row["memory"]} == {2}


def test_other_stacks_are_not_sliced(perfbench, sliced):
    answer = perfbench(*sliced, "--stack", "megatron")
    assert answer.code == 3
    assert (answer.json["method"], answer.json["status"]) == ("slice", "unsupported")


def test_calibrate_times_the_kernels_of_a_job(perfbench, llama, engine, tmp_path):
    answer = perfbench(
        "calibrate", "--device", "cpu", *llama, *JOB, "--output", "k.json", "--budget", 4,
    )  # fmt: skip
    assert answer.code == 0, answer
    assert "kernels of CPU in k.json" in answer.out
    written = json.loads((tmp_path / "k.json").read_text())
    assert written["measured_on"]["system"] == "cpu"
    ops = {k["signature"].split("(")[0] for k in written["kernels"]}
    # The job's own come first; what needs the states of a stage, or a peer, is not among them.
    assert {"embedding", "matmul", "attention", "attention_backward", "rope", "cross_entropy", "add"} <= ops
    assert not ops & {"adamw", "grad_norm", "all_gather", "reduce_scatter"}
    assert all(k["seconds"] > 0 and k["runs"] >= 3 for k in written["kernels"])

    row = perfbench(
        "--gpu", "cpu", "--stack", "perfbench", *llama, *JOB, "--calibration", "k.json", "--json"
    ).json  # fmt: skip
    assert row["status"] == "ok" and row["measured_s"] > 0
    assert any("has no data sheet" in note for note in row["notes"])


def test_a_prediction_takes_the_measured_time(perfbench, kernels):
    plain = perfbench("--model", "llama3_8b", "--gpu", "h100", "-c", "bf16", "-cp", 1, "--json").json
    row = perfbench("--model", "llama3_8b", "--gpu", "h100", "-c", "bf16", "-cp", 1, *kernels, "--json").json
    assert plain["measured_s"] is None and plain["step_time_low_s"] is not None
    # Once a microbatch each: the head's product, and the addition that closes the last residual.
    assert row["measured_s"] == pytest.approx(0.0301 * row["gbs"] / row["mbs"] / row["dp"])
    assert row["step_time_s"] > plain["step_time_s"]
    assert row["step_time_low_s"] is None
    assert any("throttled while its kernels were measured: sw_power_cap" in note for note in row["notes"])


def test_a_table_of_another_system_is_refused(refused, kernels):
    text = refused("--model", "llama3_8b", "--gpu", "b200", *kernels)
    assert "kernels of h100; the job is for b200" in text
    assert "--gpu h100" in text


def test_a_broken_table_is_refused_by_file_and_key(refused, tmp_path):
    broken = table([HEAD])
    broken["kernels"][0]["seconds"] = 0
    (tmp_path / "broken.json").write_text(json.dumps(broken))
    text = refused("--model", "llama3_8b", "--gpu", "h100", "--calibration", "broken.json")
    assert "broken.json: kernels[0].seconds: must be above 0" in text


def test_a_sweep_takes_measured_kernels(perfbench, kernels, source, tmp_path):
    answer = perfbench(
        "sweep", source / "model_configs/model_configs_h100.csv", "--where", "model=llama3_8b,dtype=bf16",
        "--out", "out", *kernels, "--json",
    )  # fmt: skip
    assert answer.code == 0, answer
    rows = json.loads((tmp_path / "out/rows.json").read_text())
    assert rows and all(row["measured_s"] is not None for row in rows)


def test_accuracy_names_the_worst_kernel_first(perfbench, kernels):
    answer = perfbench("accuracy", *kernels)
    assert answer.code == 0, answer
    lines = answer.out.splitlines()
    assert lines[0] == "kernels of NVIDIA H100 80GB HBM3 (h100), 2026-01-31T12:00:00Z, predicted for stack perfbench"
    report = perfbench("accuracy", *kernels, "--json").json
    errors = [abs(kernel["error"]) for kernel in report["kernels"]]
    assert errors == sorted(errors, reverse=True) and len(errors) == 2
    for kernel in report["kernels"]:
        assert kernel["error"] == pytest.approx(kernel["predicted_s"] / kernel["measured_s"] - 1)
    assert [line["op"] for line in report["by_op"]] == ["all", "add", "matmul"]
    one = perfbench("accuracy", *kernels, "--where", "op=add", "--json").json
    assert [kernel["op"] for kernel in one["kernels"]] == ["add"]


@pytest.mark.parametrize(
    "args, says",
    [
        (("--stage", "first"), "has a meaning with --mode slice only"),
        (("--mode", "measure", "--slice_microbatches", 4), "has a meaning with --mode slice only"),
        (("--mode", "slice", "--log_format", "nemo"), "has a meaning with --mode measure only"),
        (("--mode", "slice", "--calibration", "kernels.json"), "has a meaning for predictions only"),
        (("--budget", 3), "has no meaning for the main form"),
        (("calibrate", "--gpu", "h100"), "needs a file to write"),
        (("calibrate", "table.csv", "-tp", 2, "-o", "k.json"), "says of one job what the rows of a table say"),
        (("accuracy", "--calibration", "k.json", "--leave_out", "row"), "is of published rows"),
        (("accuracy", "--stack", "megatron"), "without --calibration the rows say it"),
    ],
)
def test_what_does_not_go_together(refused, args, says):
    assert says in refused(*args)


def test_calibrate_without_a_gpu_says_what_is_missing(perfbench, binary):
    report = perfbench("doctor", "--json").json
    if report["devices"]:
        pytest.skip("NOT TESTED: this machine has a GPU")
    answer = perfbench("calibrate", "--output", "k.json")
    assert answer.code == 4
    assert answer.err.startswith("perfbench: error: --device cuda: ")
    assert len(answer.err.splitlines()) == 2
