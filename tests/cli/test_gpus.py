"""GPUs that are missing, and those of an engine that only says that it has some (tests/unit/engine/gpu_engine.cpp)."""

import csv
import json
import pathlib

import pytest

MEASURE = ("--mode", "measure", "--model", "llama3_8b", "-ng", 1, "-tp", 1, "-pp", 1, "-cp", 1, "-gb", 2, "-mb", 1)
SMALL = ("--seq_len", 512, "-c", "bf16", "--task", "lora")
QUICK = ("--steps", 6, "--warmup", 2)


def problem_of(answer):
    """The one line of a machine that lacks something."""
    assert (answer.code, answer.out) == (4, ""), answer
    lines = answer.err.splitlines()
    assert len([line for line in lines if line.startswith("perfbench: error: ")]) == 1
    assert all(line.startswith(("perfbench: error: ", "  hint: ")) for line in lines)
    return answer.err


def no_gpu():
    return not any(pathlib.Path(path).exists() for path in ("/proc/driver/nvidia/version", "/dev/nvidia0"))


@pytest.mark.skipif(not no_gpu(), reason="NOT TESTED: this machine has an NVIDIA driver")
def test_cuda_that_is_absent_is_one_line(perfbench, tmp_path):
    for flags in (("-g", "h100"), ("--device", "cuda"), ("--device", "cuda", "-g", "h100")):
        text = problem_of(perfbench(*MEASURE, *flags, "--out", "out"))
        assert text.startswith("perfbench: error: --device cuda: ")
        assert "--mode simulate" in text and "--device cpu" in text
    table = pathlib.Path(__file__).resolve().parents[2] / "model_configs/model_configs_h100.csv"
    problem_of(perfbench("sweep", table, "--mode", "measure", "--device", "cuda", "--out", "sweep"))
    assert not (tmp_path / "sweep").exists()


@pytest.mark.skipif(not no_gpu(), reason="NOT TESTED: this machine has an NVIDIA driver")
def test_auto_on_a_machine_without_a_driver_simulates_and_says_so(perfbench):
    for mode in ((), ("--mode", "auto")):
        row = perfbench("--model", "llama3_8b", "-g", "h100", *mode, "--json").json
        notes = [note for note in row["notes"] if "mode auto" in note]
        assert notes == ["mode auto: simulated, because this machine has no NVIDIA driver"]
        assert row["method"] == "simulated"


def test_a_row_measured_on_a_gpu_has_its_telemetry(on_gpus, tmp_path):
    answer = on_gpus(*MEASURE, *SMALL, *QUICK, "--device", "cuda", "--out", "out", "--json")
    assert answer.code == 0, answer
    row = answer.json
    assert (row["system"], row["origins"]["system"]) == ("h200", "device NVIDIA H200")
    assert (row["method"], row["status"], row["step_time_s"]) == ("measured", "ok", 0.25)
    assert (row["throttled"], row["sm_clock_mhz"], row["power_w"], row["temperature_c"]) == (True, 1755, 698.5, 61)
    throttled = next(note for note in row["notes"] if note.startswith("throttled"))
    assert "GPU 0 in 100 % of " in throttled and "(sw_thermal 100 %)" in throttled
    assert any(note.startswith("power-capped") and "median SM clock 1755 MHz" in note for note in row["notes"])
    assert row["peak_memory_gib"] == 5
    assert {"stage": 0, "category": "allocated", "gib": 5} in row["memory"]
    with open(tmp_path / "out/telemetry.csv") as file:
        readings = list(csv.DictReader(file))
    assert readings[0]["sm_clock_mhz"] == "1755" and readings[0]["clock_reasons"] == "sw_power_cap sw_thermal"
    versions = json.loads((tmp_path / "out/run.json").read_text())["versions"]
    assert (versions["cuda"], versions["nccl"]) == ("13.0", "2.28")


def test_without_nvml_a_row_is_measured_all_the_same(on_gpus):
    row = on_gpus(*MEASURE, *SMALL, *QUICK, "--device", "cuda", "--json", FAKE_NVML_INIT="9").json
    assert (row["status"], row["throttled"], row["sm_clock_mhz"]) == ("ok", None, None)
    assert any(note.startswith("no telemetry of the GPUs: ") and "Driver Not Loaded" in note for note in row["notes"])


def test_running_out_of_memory_is_a_row(on_gpus):
    answer = on_gpus(*MEASURE, *SMALL, *QUICK, "--device", "cuda", "--json", FAKE_FAULT="oom")
    assert answer.code == 3
    row = answer.json
    assert (row["status"], row["feature"]) == ("oom", "device memory")
    assert row["reason"] == "rank 0 asked for 2.00 GiB, and 0.50 GiB are free"


@pytest.mark.parametrize(
    "args, variables, parts",
    [
        (("-ng", 2), {}, ("2 ranks need 2 GPUs, and 1 is visible (NVIDIA H200): NCCL takes one rank per GPU",)),
        ((), {"FAKE_GPUS": ""}, ("no GPU is visible", "CUDA_VISIBLE_DEVICES")),
        (
            ("-ng", 2),
            {"FAKE_NCCL": "0", "FAKE_GPUS": "NVIDIA H200,NVIDIA H200"},
            ("NCCL cannot be used: no libnccl", "hint: install it"),
        ),
        ((), {"FAKE_GPU_GIB": "10"}, ("device memory: a rank of stage 0 needs ", "and NVIDIA H200 has 10.00 GiB")),
        (("-ng", 2), {"FAKE_GPUS": "NVIDIA H200,NVIDIA B200"}, ("GPU 0 is NVIDIA H200, and GPU 1 is NVIDIA B200",)),
    ],
)
def test_what_the_machine_lacks_is_said_before_any_work(on_gpus, args, variables, parts):
    text = problem_of(on_gpus(*MEASURE, *SMALL, "-g", "h200", *args, **variables))
    for part in parts:
        assert part in text


def test_another_system_than_the_gpus_is_bad_input(on_gpus):
    answer = on_gpus(*MEASURE, *SMALL, "-g", "h100")
    assert (answer.code, answer.out) == (2, "")
    assert "-g: is h100, and the GPUs here are NVIDIA H200, system h200" in answer.err
    answer = on_gpus(*MEASURE, *SMALL, "--device", "cuda", FAKE_GPUS="NVIDIA GeForce RTX 4090")
    assert answer.code == 2 and "--gpu: is needed: no file of " in answer.err


def test_rows_of_other_machines_are_rows_of_a_sweep(on_gpus, tmp_path, source):
    lines = (source / "model_configs/model_configs_h200.csv").read_text().splitlines()
    (tmp_path / "table.csv").write_text("\n".join(lines[:2]) + "\n")
    answer = on_gpus("sweep", "table.csv", "--mode", "measure", "--device", "cuda", "--out", "out", "--json")
    assert answer.code == 0, answer
    row = json.loads((tmp_path / "out/rows.json").read_text())[0]
    assert (row["status"], row["feature"]) == ("unsupported", "devices")
    assert "NCCL takes one rank per GPU" in row["reason"]


def test_variables_of_a_run_are_set_before_the_engine_is_loaded(on_gpus, tmp_path):
    def with_variables(*args, **variables):
        (tmp_path / "env.json").write_text(json.dumps(variables))
        return on_gpus(*args, "--env_vars", "env.json", FAKE_GPUS="NVIDIA H200")

    measured = (*MEASURE, *SMALL, *QUICK, "--device", "cuda", "--json")
    row = with_variables(*measured, FAKE_GPUS="NVIDIA B200", HF_TOKEN="x", LD_PRELOAD="/none").json
    assert (row["method"], row["system"]) == ("measured", "b200")
    note = "env.json: set before LibTorch was loaded: FAKE_GPUS, HF_TOKEN, LD_PRELOAD"
    assert f"{note}; too late for LD_PRELOAD: set these before perfbench starts" in row["notes"]
    assert "no GPU is visible" in problem_of(with_variables(*measured, "--mode", "slice", FAKE_GPUS=""))
    assert "no GPU is visible" in problem_of(with_variables("calibrate", "-o", "kernels.json", FAKE_GPUS=""))
    # A prediction asks no engine and sets nothing: these are another folder of data files, and none.
    row = with_variables("--model", "llama3_8b", "-g", "h100", "--mode", "simulate", "--json", PERFBENCH_DATA="/none").json
    assert row["method"] == "simulated" and "env.json: 1 variables, without effect on a prediction" in row["notes"]


@pytest.mark.parametrize(
    "gpus, variables, loading", [(1, {}, None), (2, {}, "EAGER"), (2, {"CUDA_MODULE_LOADING": "LAZY"}, "LAZY")]
)
def test_ranks_that_talk_to_each_other_load_their_kernels_first(on_gpus, tmp_path, gpus, variables, loading):
    flags = (*MEASURE, *SMALL, *QUICK, "-ng", gpus, "--device", "cuda", "--out", "out", "--json")
    answer = on_gpus(*flags, FAKE_GPUS=",".join(["NVIDIA H200"] * gpus), **variables)
    assert answer.code == 0, answer
    environment = json.loads((tmp_path / "out/run.json").read_text())["environment"]
    assert environment.get("CUDA_MODULE_LOADING") == loading


def test_a_sweep_runs_again_what_other_variables_measured(on_gpus, tmp_path):
    header = "task,model,size,system,dtype,num_gpus,seq_len,tp_size,pp_size,cp_size,ep_size,vp_size,mbs,gbs,etp_size,"
    header += "cuda_graphs,use_mcore_fsdp,recompute_layers,activation_offload_layers,recompute_modules\n"
    (tmp_path / "table.csv").write_text(header + "lora,llama3,8b,h200,bf16,1,512,1,1,1,1,1,1,2\n")
    for value, run_now in (("0", 1), ("0", 0), ("1", 1)):
        (tmp_path / "env.json").write_text(json.dumps({"NCCL_NVLS_ENABLE": value}))
        flags = ("--mode", "measure", "--device", "cuda", *QUICK, "--env_vars", "env.json", "--out", "out", "--json")
        answer = on_gpus("sweep", "table.csv", *flags)
        assert (answer.code, answer.json["run_now"], answer.json["counts"]["ok"]) == (0, run_now, 1), answer
        row = json.loads((tmp_path / "out/rows.json").read_text())[0]
        assert "env.json: set before LibTorch was loaded: NCCL_NVLS_ENABLE" in row["notes"]
        record = json.loads((tmp_path / "out/run.json").read_text())
        assert record["environment"]["NCCL_NVLS_ENABLE"] == value


def test_flags_that_a_measurement_does_not_look_at(on_gpus):
    flags = ("-en", "-em", "-tb", "-wd", "-cg", 1, "-gn", 4, "-ms", 6)
    row = on_gpus(*MEASURE, *SMALL, "--warmup", 2, *flags, "--device", "cuda", "--json").json
    assert row["window"] == "steps 3-6 of 6"  # -ms has an effect
    assert "without effect on the step: -en, -em, -tb, -wd, -cg, -gn" in row["notes"]


def test_doctor_reads_the_gpus(on_gpus, perfbench, fakes):
    answer = on_gpus("doctor", FAKE_GPUS="NVIDIA H200,NVIDIA H200")
    assert answer.code == 0
    for line in ("NVML      driver 580.95.05", "kernels   built for compute capabilities 90a, 100a"):
        assert line in answer.out
    assert "GPUs now  0: NVIDIA H100 80GB HBM3, SM clock 1755 of 1980 MHz, 698.5 W, 61 C, 40.0 of 80.0 GiB" in answer.out
    assert "throttled: sw_power_cap sw_thermal, 1 process computes on it" in answer.out
    gpus = on_gpus("doctor", "--json", FAKE_GPUS="NVIDIA H200,NVIDIA H200").json["gpus"]
    assert [gpu["power_w"] for gpu in gpus] == [698.5, 71.25]
    assert [gpu["throttled"] for gpu in gpus] == [True, False]
    assert gpus[1]["clock_reasons"] == ["gpu_idle"] and gpus[1]["temperature_c"] is None
    assert any("nvmlDeviceGetTemperature" in why for why in gpus[1]["absent"])
    # Also where CUDA sees no device, as in a build without CUDA.
    report = perfbench("doctor", "--json", env={"LD_LIBRARY_PATH": str(fakes / "fake_nvml")}).json
    assert report["nvml"]["version"] == "driver 580.95.05" and len(report["gpus"]) == max(2, len(report["devices"]))


def test_doctor_says_why_gpus_cannot_be_used(on_gpus):
    answer = on_gpus("doctor", FAKE_GPUS="")
    assert answer.code == 0 and "The engine is usable." in answer.out  # on the CPU
    answer = on_gpus("doctor", FAKE_NCCL="0", FAKE_GPUS="NVIDIA H200,NVIDIA H200")
    assert answer.code == 0
    assert "The engine is usable on one GPU alone: NCCL cannot be used: no libnccl." in answer.out


def test_one_gpu_needs_no_nccl(on_gpus):
    assert "The engine is usable.\n" in on_gpus("doctor", FAKE_NCCL="0").out
    row = on_gpus(*MEASURE, *SMALL, *QUICK, "--device", "cuda", "--json", FAKE_NCCL="0").json
    assert row["status"] == "ok"
