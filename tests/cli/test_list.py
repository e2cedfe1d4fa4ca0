"""perfbench list: what the data files hold, filtered, as a table and as JSON."""

import csv
import shutil

import pytest

KINDS = ("models", "systems", "configs", "stacks", "published")


@pytest.fixture
def listed(perfbench):
    """listed("models", ...) -> the objects of --json."""

    def run(*args, env=None):
        answer = perfbench("list", *args, "--json", env=env)
        assert answer.code == 0, answer
        return answer.json

    return run


@pytest.mark.parametrize("kind", KINDS)
def test_table_json_and_names_agree(perfbench, listed, kind):
    items = listed(kind)
    names = perfbench("list", kind, "--names")
    assert names.code == 0
    first = next(iter(items[0]))
    assert names.out.splitlines() == [item[first] for item in items]
    text = perfbench("list", kind).out
    assert text.splitlines()[-1].startswith(f"{len(items)} {kind}")
    assert all(item[first] in text for item in items)
    assert all(list(item) == list(items[0]) for item in items)


def test_models_are_those_of_the_folder(listed, source):
    items = {item["name"]: item for item in listed("models")}
    folder = source / "model_configs" / "models"
    assert sorted(items) == sorted(path.name for path in folder.iterdir() if path.is_dir())
    llama = items["llama3_70b"]
    # 80 layers of 2 * 8192^2 + 2 * 8192 * 1024 + 3 * 8192 * 28672, and two embeddings of 128256 * 8192.
    assert llama["parameters"] == 80 * (2 * 8192**2 + 2 * 8192 * 1024 + 3 * 8192 * 28672) + 2 * 128256 * 8192
    assert (llama["family"], llama["layers"], llama["hidden"]) == ("llama", 80, 8192)


def test_a_filter_finds_a_model_by_any_of_its_names(listed):
    for name in ("llama31_405b", "LLAMA3-405B", "LLAMA3.1-405B"):
        assert [item["name"] for item in listed("models", "--where", f"name={name}")] == ["llama31_405b"]
    assert {item["family"] for item in listed("models", "--where", "family=llama")} == {"llama"}


def test_systems_show_what_no_data_sheet_gives_as_unknown(perfbench, listed):
    h100 = listed("systems", "--where", "name=h100")[0]
    assert (h100["bf16_tflops"], h100["memory_gb"], h100["nvlink_gb_per_s"]) == (989, 80, 450)
    assert h100["nvfp4_tflops"] is None
    line = next(x for x in perfbench("list", "systems").out.splitlines() if x.startswith("h100 "))
    assert "-" in line.split() and "null" not in line


def test_systems_say_what_they_extend_and_whose_kernels_they_take(listed):
    assert {item["name"] for item in listed("systems", "--where", "extends=h100")} == {
        "gh200", "h100_500w", "h100_vela", "h20", "h800"
    }
    h20 = listed("systems", "--where", "name=HGX H20")[0]
    assert (h20["kernels"], h20["architecture"], h20["product_time"], h20["bf16_tflops"]) == ("h100", "hopper", 1, 148)


def test_configs_say_what_check_says(perfbench, listed, source):
    table = source / "model_configs" / "model_configs_h100.csv"
    checked = perfbench("check", table, "--json").json["rows"]
    items = listed("configs", "--where", "system=h100")
    assert [item["row"] for item in items] == [f"model_configs_h100.csv:{row['line']}" for row in checked]
    assert [(i["status"], i["feature"]) for i in items] == [(r["status"], r["feature"]) for r in checked]


def test_configs_are_filtered_by_columns_of_the_table_too(listed):
    by_column = listed("configs", "--where", "model=LLAMA3-70B,task=pre_train,tp_size=4,system=h100")
    assert by_column and {(i["model"], i["task"], i["system"]) for i in by_column} == {
        (name, "pretrain", "h100") for name in ("llama3_70b", "llama3.1_70b")  # by the name and by an alias
    }
    assert all("tp4" in item["layout"] for item in by_column)
    assert by_column == listed("configs", "--where", "model=llama3_70b,task=pretrain,tp=4,system=DGX-H100")


def test_stacks_have_every_policy_and_constant(listed):
    stacks = {item["name"]: item for item in listed("stacks")}
    assert {"automodel", "megatron_2504", "perfbench", "torchtitan"} <= set(stacks)
    assert stacks["automodel"]["fsdp_always"] is True and stacks["megatron_2504"]["fsdp_always"] is False
    assert stacks["megatron_2504"]["gemm_bf16"] == stacks["megatron_2407"]["gemm_bf16"] == 0.85
    assert stacks["megatron_2504"]["aliases"] == ["megatron"] and stacks["megatron_2403"]["extends"] == "megatron_2407"
    assert [item["name"] for item in listed("stacks", "--where", "name=megatron")] == ["megatron_2504"]


def test_stacks_are_a_tree(perfbench):
    lines = perfbench("list", "stacks").out.splitlines()
    assert "megatron_2504 (megatron)" in lines
    assert "  megatron_2407: dummy_weight_grads, precision_aware_optimizer, attention_kernels" in lines
    assert "    megatron_2403: differs in nothing" in lines


def test_published_rows_mark_their_corrections(listed, source):
    items = {item["row"]: item for item in listed("published")}
    with open(source / "model_configs" / "published" / "corrections.csv", newline="") as file:
        expected = {}
        for line in csv.DictReader(file):
            expected.setdefault(line["row"], []).append(line["column"])
    assert expected
    for row, item in items.items():
        assert sorted(item["corrected"]) == sorted(expected.get(row, [])), row
    assert items["001-19"]["tokens_per_s_per_gpu"] == 1621


def test_published_rows_are_found_by_the_model_s_own_name_and_by_layout(listed):
    rows = listed("published", "--where", "model=llama3_70b,system=h100,tp=4,pp=8")
    assert rows and {row["model"] for row in rows} == {"LLAMA3-70B", "LLAMA3_70B"}


def test_a_filter_that_fits_nothing_is_no_mistake(perfbench, listed):
    assert listed("models", "--where", "family=none_such") == []
    answer = perfbench("list", "models", "--where", "family=none_such")
    assert (answer.code, answer.out) == (0, "0 of 31 models\n")


def test_bad_words_get_the_nearest_ones(refused):
    assert "did you mean models?" in refused("list", "model")
    assert "models|systems|configs|stacks|published" in refused("list")
    assert "2 words given" in refused("list", "models", "systems")
    assert "did you mean family?" in refused("list", "models", "--where", "familly=llama")
    assert "--where" in refused("list", "models", "--where", "llama")
    assert "has no meaning for list" in refused("list", "models", "-tp", 4)


def test_a_broken_file_is_a_warning_beside_the_others(perfbench, source, tmp_path):
    data = tmp_path / "data"
    shutil.copytree(source / "model_configs", data)
    (data / "models" / "llama3_8b" / "config.json").write_text("{")
    answer = perfbench("list", "models", env={"PERFBENCH_DATA": str(data)})
    assert answer.code == 0
    assert answer.out.endswith("30 models\n")
    assert answer.err.startswith("perfbench: warning: ") and "llama3_8b" in answer.err
