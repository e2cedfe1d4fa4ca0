"""One status for a row, whoever is asked: sweep, check, list, the main form and the dry runs."""

import json
import shutil

import pytest

OOM = ("--model", "llama3_70b", "--gpu", "h100", "-tp", 1, "-pp", 1, "-vp", 1, "-ng", 8, "-gb", 8)
ROW = ("--model", "llama3_70b", "--gpu", "h100", "-tp", 4, "-pp", 8)  # 64 GPUs: 8 nodes
# "impossible" is what check and list call a row that failed by a rule.
SWEPT = {"ok": "ok", "oom": "oom", "unsupported": "unsupported", "impossible": "failed"}


@pytest.fixture
def tables(source):
    return sorted((source / "model_configs").glob("model_configs_*.csv"))


@pytest.fixture
def data(source, tmp_path):
    """data(edit) -> the variables for a copy of model_configs whose systems/h100.json `edit` has changed."""

    def changed(edit):
        folder = tmp_path / "data"
        shutil.copytree(source / "model_configs", folder, dirs_exist_ok=True)
        path = folder / "systems" / "h100.json"
        sheet = json.loads((source / "model_configs" / "systems" / "h100.json").read_text())
        edit(sheet)
        path.write_text(json.dumps(sheet))
        return {"PERFBENCH_DATA": str(folder)}

    return changed


def test_check_list_and_sweep_agree_on_every_row_of_the_tables(perfbench, tables, tmp_path):
    assert perfbench("sweep", *tables, "--out", "out", "--json").code == 0
    swept = {
        row["row"]: (row["status"], row["feature"], row["reason"])
        for row in json.loads((tmp_path / "out" / "rows.json").read_text())
    }
    checked = perfbench("check", *tables, "--json").json["rows"]
    places = [f"{row['file'].rsplit('/', 1)[-1]}:{row['line']}" for row in checked]
    assert dict(zip(places, ((SWEPT[r["status"]], r["feature"], r["reason"]) for r in checked))) == swept
    listed = perfbench("list", "configs", "--json").json
    assert [(r["row"], r["status"], r["feature"]) for r in listed] == [
        (place, r["status"], r["feature"]) for place, r in zip(places, checked)
    ]
    planned = perfbench("sweep", *tables, "--dry-run", "--json").json["rows"]
    assert {r["row"]: r["status"].replace("planned", "ok") for r in planned} == {k: v[0] for k, v in swept.items()}
    assert {status for status, _, _ in swept.values()} >= {"ok", "oom", "unsupported"}


def test_what_does_not_fit_is_said_before_it_is_run(perfbench, tables):
    row = perfbench(*OOM, "--json")
    assert (row.code, row.json["status"]) == (3, "oom")
    planned = perfbench(*OOM, "--dry-run", "--json")
    assert planned.code == 0
    for key in ("status", "feature", "reason"):
        assert planned.json[key] == row.json[key]
    line = perfbench(*OOM, "--dry-run").out.splitlines()[-1]
    assert line == f"status of a prediction: oom, {row.json['feature']}: {row.json['reason']}"
    text = perfbench("check", *tables).out
    oom = perfbench("list", "configs", "--where", "status=oom", "--json").json
    assert f" {len(oom)} oom, " in text.splitlines()[-1] and f"oom, feature={oom[0]['feature']}" in text


NEEDED = {
    "memory_bandwidth_bytes_per_s": lambda sheet: sheet["memory_bandwidth_bytes_per_s"],
    "nvlink_bandwidth_bytes_per_s": lambda sheet: sheet["nvlink_bandwidth_bytes_per_s"],
    "nvlink_domain_gpus": lambda sheet: sheet["nvlink_domain_gpus"],
    "nic_bandwidth_bytes_per_s": lambda sheet: sheet["nic_bandwidth_bytes_per_s"],
    "nics_per_gpu": lambda sheet: sheet["nics_per_gpu"],
    "peak_flops_per_s.bf16": lambda sheet: sheet["peak_flops_per_s"]["bf16"],
    "peak_flops_per_s.fp8": lambda sheet: sheet["peak_flops_per_s"]["fp8"],
}


@pytest.mark.parametrize("key", NEEDED)
def test_a_number_that_nobody_knows_makes_the_row_unsupported(perfbench, data, key):
    env = data(lambda sheet: NEEDED[key](sheet).update(value=None, source="no source"))
    answer = perfbench(*ROW, "--json", env=env)
    assert (answer.code, answer.err) == (3, "")
    assert (answer.json["status"], answer.json["feature"]) == ("unsupported", key)
    assert answer.json["reason"] == f"a time needs {key}, which the system's data sheet does not give"
    assert answer.json["step_time_s"] is None and answer.json["breakdown"] == {}


def test_a_number_that_the_job_does_not_need_does_not_matter(perfbench, data):
    def forget_nics(sheet):
        for key in ("nic_bandwidth_bytes_per_s", "nics_per_gpu", "sm_count"):
            sheet[key].update(value=None, source="no source")

    one_node = ("--model", "llama3_8b", "--gpu", "h100", "-ng", 8, "-gb", 8, "-c", "bf16", "--json")
    before = perfbench(*one_node).json
    after = perfbench(*one_node, env=data(forget_nics)).json
    assert after["status"] == "ok" and after["step_time_s"] == before["step_time_s"]


def test_an_unknown_capacity_is_no_fit(perfbench, data):
    def forget(sheet):
        for key in ("memory_bytes", "cuda_memory_bytes"):
            sheet[key].update(value=None)

    answer = perfbench(*OOM, "--json", env=data(forget))
    assert (answer.code, answer.json["status"]) == (0, "ok")
    assert "whether the job fits is not known: the data sheet of h100 gives no memory_bytes" in answer.json["notes"]


def test_a_broken_file_of_constants_is_named_by_check_and_list(perfbench, source, tables, data, tmp_path):
    env = data(lambda sheet: None)
    kernels = tmp_path / "data" / "kernels" / "h100.json"
    text = kernels.read_text()
    for broken in ("null", "0", "-1.0", "1e308", '"fast"'):
        constants = json.loads(text)
        constants["memory"]["launch_s"] = "HERE"
        kernels.write_text(json.dumps(constants).replace('"HERE"', broken))
        answer = perfbench(*ROW, env=env)
        assert (answer.code, answer.out) == (2, "")
        assert "kernels/h100.json: memory.launch_s: " in answer.err
        table = source / "model_configs" / "model_configs_h100.csv"
        assert "kernels/h100.json: memory.launch_s: " in perfbench("check", table, env=env).err
        statuses = {row["status"] for row in perfbench("list", "configs", "--json", env=env).json}
        assert "impossible" in statuses and "ok" in statuses  # the other systems' rows are as they were
