"""--mode measure on the CPU: whole global steps of a small Llama through the engine."""

import csv
import json
import re
import resource

import pytest

# About 10 million parameters: two tables of 8192 x 320, and four layers of 1.2 million.
LLAMA = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "vocab_size": 8192,
    "hidden_size": 320,
    "intermediate_size": 896,
    "num_hidden_layers": 4,
    "num_attention_heads": 8,
    "num_key_value_heads": 4,
    "max_position_embeddings": 2048,
    "tie_word_embeddings": False,
    "hidden_act": "silu",
    "rms_norm_eps": 1e-5,
    "rope_theta": 10000.0,
    "attention_bias": False,
    "mlp_bias": False,
}
LAYOUT = ("--num_gpus", 4, "-tp", 2, "-pp", 2, "-gb", 4, "-mb", 1, "--seq_len", 64)
QUICK = ("--steps", 6, "--warmup", 2)


@pytest.fixture
def llama(tmp_path):
    (tmp_path / "llama").mkdir()
    (tmp_path / "llama/config.json").write_text(json.dumps(LLAMA))
    return ("--mode", "measure", "--device", "cpu", "--model", "llama/config.json", *LAYOUT)


@pytest.mark.parametrize("dtype", ["fp32", "bf16", "fp8"])
def test_a_row_of_four_ranks(perfbench, llama, engine, dtype):
    answer = perfbench(*llama, *QUICK, "-c", dtype, "--json")
    assert answer.code == 0, answer
    row = answer.json
    assert (row["method"], row["status"], row["system"], row["stack"]) == ("measured", "ok", "cpu", "perfbench")
    assert row["precision"] == {"fp8": "fp8cs"}.get(dtype, dtype)
    assert row["loss_ok"] is True
    assert row["mfu"] is None and row["peak_tflops"] is None
    assert row["window"] == "steps 3-6 of 6" and len(row["samples_s"]) == 4
    assert min(row["samples_s"]) <= row["step_time_s"] <= max(row["samples_s"])
    assert row["tokens_per_s_per_gpu"] == pytest.approx(4 * 64 / row["step_time_s"] / 4)
    assert row["rank_spread"] >= 1.0
    # Predicted exactly, rank by rank.
    assert row["peak_memory_gib"] == row["predicted_peak_memory_gib"] > 0
    assert not [note for note in row["notes"] if "not as planned" in note]
    for stage in (0, 1):
        sums = [sum(e["gib"] for e in row[key] if e["stage"] == stage) for key in ("memory", "predicted_memory")]
        assert sums[0] == pytest.approx(sums[1], rel=1e-12)


def test_sharded_parameters_take_the_memory_that_is_planned(perfbench, llama, engine):
    answer = perfbench(*llama, "-pp", 1, "-fsdp", 1, "-c", "bf16", "--steps", 3, "--warmup", 1, "--json")
    assert answer.code == 0, answer
    row = answer.json
    assert (row["status"], row["fsdp"], row["dp"], row["loss_ok"]) == ("ok", True, 2, True)
    assert row["peak_memory_gib"] == row["predicted_peak_memory_gib"] > 0
    assert not [note for note in row["notes"] if "not as planned" in note]


@pytest.fixture
def mixtral(tmp_path):
    (tmp_path / "mixtral").mkdir()
    config = LLAMA | {"architectures": ["MixtralForCausalLM"], "model_type": "mixtral", "hidden_size": 64,
                      "intermediate_size": 96, "num_hidden_layers": 2, "num_local_experts": 8,
                      "num_experts_per_tok": 2}
    (tmp_path / "mixtral/config.json").write_text(json.dumps({k: config[k] for k in config if k[-5:] != "_bias"}))
    return ("--mode", "measure", "--device", "cpu", "--model", "mixtral/config.json", "--num_gpus", 4, "-ep", 4,
            "-gb", 4, "-mb", 1, "--seq_len", 16, "-c", "fp32")


@pytest.mark.parametrize("gate", ["balanced", "topk", "random"])
def test_experts_of_four_ranks(perfbench, mixtral, engine, gate):
    # Steps so short vary: whether their times make a row is not asked here.
    row = perfbench(*mixtral, "--steps", 3, "--warmup", 1, "--moe_gate", gate, "--json").json
    assert (row["method"], row["moe_gate"], row["loss_ok"]) == ("measured", gate, True)
    assert not [note for note in row["notes"] if "not as planned" in note]
    uneven = [note for note in row["notes"] if "planned for equal loads" in note]
    if gate == "balanced":
        assert row["peak_memory_gib"] == row["predicted_peak_memory_gib"] > 0 and not uneven
    else:
        assert len(uneven) == 1


def test_a_ring_of_two_ranks_has_the_memory_of_the_plan(perfbench, llama, engine):
    row = perfbench(*llama, *QUICK, "-tp", 1, "-cp", 2, "-c", "bf16", "--json").json
    assert (row["status"], row["cp"], row["loss_ok"]) == ("ok", 2, True)
    assert row["peak_memory_gib"] == row["predicted_peak_memory_gib"] > 0


def losses(text):
    return re.findall(r"reduced_train_loss: (\S+)", text)


@pytest.mark.parametrize("again", [("-rl", 2), ("-rm", "mlp,core_attn")])
def test_recomputing_saves_memory_and_changes_no_loss(perfbench, llama, engine, again):
    plain, less = perfbench(*llama, *QUICK, "-c", "bf16"), perfbench(*llama, *QUICK, "-c", "bf16", *again)
    # Not the exit status: on a busy machine the times of so few steps vary too much to be a result.
    assert losses(less.out) == losses(plain.out) and len(losses(less.out)) == 6
    rows = [perfbench(*llama, *QUICK, "-c", "bf16", *flags, "--json").json for flags in ((), again)]
    assert rows[1]["peak_memory_gib"] == rows[1]["predicted_peak_memory_gib"] < rows[0]["peak_memory_gib"]


def test_nemo_lines_come_before_the_row(perfbench, llama, engine):
    answer = perfbench(*llama, *QUICK, "-c", "fp32")
    assert answer.code == 0, answer
    lines = [line for line in answer.out.splitlines() if line.startswith("Training epoch 0, iteration ")]
    assert [re.search(r"iteration (\d+)/5 ", line)[1] for line in lines] == [str(step) for step in range(6)]
    assert answer.out.index(lines[-1]) < answer.out.index(": measured, ok")
    assert all(re.search(r"train_step_timing in s: [\d.e-]+ \| .*consumed_samples: \d+$", line) for line in lines)
    # The same seed gives the same losses to every digit that is printed; another one does not.
    assert losses(perfbench(*llama, *QUICK, "-c", "fp32").out) == losses(answer.out)
    assert losses(perfbench(*llama, *QUICK, "-c", "fp32", "--seed", 2).out) != losses(answer.out)


def test_megatron_lines_go_to_standard_error_beside_json(perfbench, llama, engine):
    answer = perfbench(*llama, *QUICK, "--log-format", "megatron", "--json")
    assert answer.code == 0, answer
    assert answer.json["status"] == "ok"
    assert [int(n) for n in re.findall(r"iteration\s+(\d+)\s*/\s*6 ", answer.err)] == [1, 2, 3, 4, 5, 6]
    assert len(re.findall(r"elapsed time per iteration \(ms\): [\d.]+ \|", answer.err)) == 6
    bridge = re.findall(r"Step Time : ([\d.e-]+)s GPU utilization: ([\d.e-]+)MODEL_TFLOP/s/GPU", answer.err)
    assert len(bridge) == 6 and all(float(tflops) > 0 for _, tflops in bridge)
    assert len(re.findall(r"lm loss: \d\.\d+E[+-]\d+ ", answer.err)) == 6


def test_a_sweep_measures_through_the_same_runner(perfbench, llama, engine, tmp_path, source):
    header = (source / "model_configs/model_configs_h100.csv").read_text().splitlines()[0].split(",")
    cells = dict.fromkeys(header, "")
    cells |= {"task": "pre_train", "model": "llama3", "size": "8b", "system": "h100", "dtype": "bf16"}
    cells |= {"num_gpus": "8", "seq_len": "8192", "mbs": "1", "gbs": "8", "tp_size": "1", "pp_size": "1"}
    with open(tmp_path / "table.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, header)
        writer.writeheader()
        writer.writerow(cells | {"num_gpus": "4096", "gbs": "4096"})
    answer = perfbench("sweep", "table.csv", "--out", "out", "--mode", "measure", "--device", "cpu", "--json")
    assert answer.code == 0, answer
    row = json.loads((tmp_path / "out/rows.json").read_text())[0]
    assert (row["system"], row["method"], row["status"]) == ("cpu", "measured", "oom")


def test_what_cannot_fit_is_a_row_with_the_plans_figures(perfbench, llama):
    answer = perfbench(*llama, "--model", "llama31_405b", "--seq_len", 8192, "-c", "bf16", "--json")
    assert answer.code == 3
    row = answer.json
    assert (row["status"], row["feature"], row["method"]) == ("oom", "host memory", "measured")
    assert re.search(r"the 4 ranks need [\d.]+ GiB together, [\d.]+ GiB of this machine's memory are free", row["reason"])
    assert row["predicted_peak_memory_gib"] > 500


def test_host_memory_that_runs_out_while_measuring_is_oom(perfbench, engine, tmp_path):
    """The plan fits this machine, but not the limit of the process: a table of weights alone is 256 MiB."""
    (tmp_path / "wide").mkdir()
    (tmp_path / "wide/config.json").write_text(json.dumps(LLAMA | {"vocab_size": 131072, "hidden_size": 512}))
    limit = 5 << 28  # 1.25 GiB
    answer = perfbench(
        *("--mode", "measure", "--device", "cpu", "--model", "wide/config.json", "--num_gpus", 1, "-tp", 1, "-pp", 1),
        *("-gb", 1, "-mb", 1, "--seq_len", 64, "-c", "fp32", "--steps", 2, "--warmup", 1, "--json"),
        before=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)),
    )
    assert answer.code == 3, answer
    row = answer.json
    assert (row["status"], row["feature"]) == ("oom", "host memory")
    assert re.search(r"rank 0: DefaultCPUAllocator: can't allocate memory: you tried to allocate \d+ bytes", row["reason"])


def test_without_an_engine_one_line_says_what_to_do(perfbench, llama, binary, tmp_path, source):
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    copy = folder / "perfbench"
    copy.write_bytes(binary.read_bytes())
    copy.chmod(0o755)
    answer = perfbench(*llama, env={"PERFBENCH_DATA": str(source / "model_configs")}, binary=copy)
    assert (answer.code, answer.out) == (4, "")
    assert [line.split(":")[1] for line in answer.err.splitlines() if line.startswith("perfbench")] == [" error"]


def test_what_the_engine_lacks_is_unsupported(perfbench, llama):
    answer = perfbench(*llama, "--stack", "megatron", "--json")
    assert (answer.code, answer.json["status"], answer.json["feature"]) == (3, "unsupported", "stack megatron_2504")
    answer = perfbench(*llama, "--model", "llama4_scout", "-tp", 1, "-pp", 1, "--json")
    assert (answer.code, answer.json["status"], answer.json["feature"]) == (3, "unsupported", "shared experts")


def test_the_cpu_is_not_simulated(perfbench):
    answer = perfbench("--model", "llama3_8b", "--gpu", "cpu", "-ng", 1, "-gb", 1, "--json")
    assert answer.code == 3
    row = answer.json
    assert (row["status"], row["feature"]) == ("unsupported", "simulation")
    assert row["reason"] == "system cpu has no data-sheet peaks; --mode measure times it"


@pytest.mark.parametrize(
    "args, parts",
    [
        (("--gpu", "h100"), ("--gpu: is h100, and --device cpu measures on system cpu",)),
        (("--steps", 4, "--warmup", 4), ("--warmup_steps: 4 of 4 steps leave none to time",)),
        (("--steps", 4, "-ms", 5), ("--steps: is 4, and --max_steps is 5",)),
        (("-c", "mxfp8"), ("cpu cannot run mxfp8", "it runs fp32, bf16, fp8cs")),
        (("--mode", "simulate"), ("--device: has a meaning with --mode measure only",)),
    ],
)
def test_bad_input_is_refused(refused, llama, args, parts):
    text = refused(*llama, *args)
    for part in parts:
        assert part in text
