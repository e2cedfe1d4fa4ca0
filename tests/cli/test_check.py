"""perfbench check and export, on tables as NeMo has them."""

import csv
import re

HEADER = (
    "task,model,size,system,dtype,num_gpus,seq_len,tp_size,pp_size,cp_size,ep_size,vp_size,"
    "mbs,gbs,etp_size,cuda_graphs,"
    "use_mcore_fsdp,recompute_layers,activation_offload_layers,recompute_modules"
)
GOOD = "pre_train,llama3,70b,h100,fp8,64.0,8192.0,4.0,8.0,1.0,1.0,5.0,1.0,128.0,,0,0,0,0,"
IMPOSSIBLE = "lora,llama31,405b,h100,bf16,32.0,2048.0,8.0,6.0,1.0,1.0,8.0,1.0,32.0,,0,0,0,0"  # and no last cell
UNKNOWN = "pre_train,unheard_of,8b,h100,bf16,8,8192,1,1,1,1,1,1,128,,0,0,0,0,"


def table(tmp_path, *rows, name="model_configs_h100.csv"):
    path = tmp_path / name
    path.write_text("\n".join([HEADER, *rows]) + "\n\n")
    return path.name


def test_every_row_is_a_job_or_named_with_its_rule(perfbench, tmp_path):
    answer = perfbench("check", table(tmp_path, GOOD, IMPOSSIBLE, UNKNOWN))
    assert (answer.code, answer.out) == (2, "")
    assert re.match(
        r"perfbench: error: model_configs_h100\.csv:3: .*48 does not divide num_gpus 32\n  hint: ", answer.err
    )


def test_unsupported_rows_are_no_mistake(perfbench, tmp_path):
    answer = perfbench("check", table(tmp_path, GOOD, UNKNOWN))
    assert (answer.code, answer.err) == (0, "")
    assert re.search(
        r"^model_configs_h100\.csv:2 +llama3_70b +pretrain +h100 +fp8cs +64 +tp4 pp8 vp5 +ok$", answer.out, re.M
    )
    assert re.search(r"^model_configs_h100\.csv:3 .* unsupported, feature=model$", answer.out, re.M)
    answer = perfbench("check", table(tmp_path, GOOD, UNKNOWN), "--json")
    assert (answer.code, answer.err) == (0, "")
    assert [(row["line"], row["status"], row["feature"]) for row in answer.json["rows"]] == [
        (2, "ok", None),
        (3, "unsupported", "model"),
    ]
    assert (answer.json["ok"], answer.json["unsupported"], answer.json["impossible"]) == (1, 1, 0)


def test_all_problems_of_all_files_at_once(perfbench, tmp_path):
    first = table(tmp_path, IMPOSSIBLE, IMPOSSIBLE.replace("bf16", "fp8"))
    second = table(tmp_path, GOOD.replace("64.0", "8.5"), GOOD, name="other.csv")
    answer = perfbench("check", first, second, "missing.csv")
    assert answer.code == 2
    for where in ("model_configs_h100.csv:2", "model_configs_h100.csv:3", "other.csv:2", "missing.csv"):
        assert f"perfbench: error: {where}: " in answer.err


def test_own_tables_hold_no_impossible_row(perfbench, source):
    tables = sorted((source / "model_configs").glob("model_configs_*.csv"))
    assert tables
    answer = perfbench("check", *tables, "--json")
    assert answer.code == 0, answer.err
    assert answer.json["ok"] > 0


def test_export_has_the_columns_of_nemo_only(perfbench, source, tmp_path):
    own = source / "model_configs" / "model_configs_h100.csv"
    answer = perfbench("export", own)
    assert answer.code == 0, answer.err
    rows = list(csv.reader(answer.out.splitlines()))
    assert ",".join(rows[0]).startswith(HEADER) and "stack" not in rows[0] and "fp8_recipe" not in rows[0]
    assert {len(row) for row in rows} == {len(rows[0])}
    assert perfbench("export", own, "-o", "nemo.csv").out == ""
    assert (tmp_path / "nemo.csv").read_text() == answer.out
    assert perfbench("check", "nemo.csv").code == 0
