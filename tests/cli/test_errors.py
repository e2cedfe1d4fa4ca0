"""Bad input: exit code 2, everything on standard error, the nearest valid names, no stack trace."""

import subprocess

import pytest

BASE = ("--model", "llama3_70b", "--gpu", "h100")


@pytest.mark.parametrize(
    "args, parts",
    [
        ((), ("--model: no model is given", "--gpu: no GPU is given")),
        (("--model", "llama3_70", "--gpu", "h10"), ("--model: ", "llama3_70b", "--gpu: ", "h100")),
        ((*BASE, "--stack", "megatrn"), ("--stack: ", "did you mean megatron")),
        ((*BASE, "-tp", "four"), ('-tp: "four" is no whole number',)),
        ((*BASE, "-tp", "8.5", "-pp", "-1", "-gb", "99999999999999999999"), ("-tp: ", "-pp: ", "-gb: ")),
        ((*BASE, "-vp", "0"), ("-vp: ",)),
        ((*BASE, "-tp"), ("-tp: needs a value",)),
        ((*BASE, "-tp", "-pp", "8"), ("-tp: needs a value",)),
        (
            (*BASE, "--tensor_paralel_size", "4"),
            ("--tensor_paralel_size: no such flag", "did you mean --tensor_parallel_size"),
        ),
        ((*BASE, "-tpp", "4"), ("-tpp: no such flag", "-tp")),
        ((*BASE, "-c", "fp9"), ('-c: "fp9"', "fp8")),
        ((*BASE, "-fr", "xs"), ('-fr: "xs"', "cs")),
        ((*BASE, "--mode", "measur"), ("--mode: ", "did you mean measure?")),
        ((*BASE, "--json", "--csv"), ("only one form",)),
        ((*BASE, "-o", "x.csv"), ("-o: has no meaning",)),
        ((*BASE, "-tp", "3"), ("-tp 3: tp 3 x pp 8", "does not divide num_gpus 64")),
        ((*BASE, "-c", "mxfp8"), ("-c", "mxfp8")),
        ((*BASE, "-ga", "7", "-gb", "8"), ("-ga 7: ",)),
        ((*BASE, "--table", "no.csv"), ("no.csv: ",)),
        ((*BASE, "--env_vars", "no.json"), ("no.json: ",)),
        ((*BASE, "--out", "/proc/perfbench"), ("/proc/perfbench: ",)),
        (("chek", "x.csv"), ("chek: ", "did you mean check?")),
        (("show", "progam"), ('"progam"', "show program")),
        (("check",), ("needs a table",)),
        (("doctor", "-tp", "4"), ("-tp: has no meaning for doctor",)),
        (("pretrain_llama3_8b", "finetune_llama3_8b", "-g", "h100"), ("more than one word",)),
        (("pretrain_llama3_8b", "-f", "sft", "-g", "h100"), ("-f: contradicts the module",)),
        (("pretrain_llama3_8", "-g", "h100"), ("pretrain_llama3_8: ", "llama3_8b")),
    ],
)
def test_refused(refused, args, parts):
    error = refused(*args)
    for part in parts:
        assert part in error


def test_all_problems_of_a_command_line_at_once(refused):
    error = refused(*BASE, "-tp", "four", "-pp", "none", "-cg", "maybe", "--no_such_flag")
    assert error.count("perfbench: error: ") == 4


@pytest.mark.parametrize(
    "text, parts",
    [
        ('{"NCCL_DEBUG": 1}', ("env.json: NCCL_DEBUG", "string")),
        ('{"NCCL_DEBUG": "INFO",}', ("env.json:1:",)),
        ("[]", ("env.json", "object")),
    ],
)
def test_broken_env_vars(refused, tmp_path, text, parts):
    (tmp_path / "env.json").write_text(text)
    error = refused(*BASE, "--env_vars", "env.json")
    for part in parts:
        assert part in error


@pytest.mark.parametrize(
    "text, part",
    [
        ("", "bad.csv"),
        ("task,model\n", "bad.csv"),
        ("\0\1\2", "bad.csv"),
        ("task,modl,size\npre_train,llama3,8b\n", "modl"),
    ],
)
def test_broken_tables(refused, tmp_path, text, part):
    (tmp_path / "bad.csv").write_text(text)
    for args in ((*BASE, "--table", "bad.csv"), ("check", "bad.csv"), ("export", "bad.csv")):
        assert part in refused(*args)


def test_a_config_json_with_an_unknown_key(refused, tmp_path, source):
    text = (source / "model_configs/models/llama3_8b/config.json").read_text()
    (tmp_path / "config.json").write_text(text.replace('"hidden_size"', '"hiden_size"'))
    error = refused("--model", "config.json", "-g", "h100", "-ng", 8, "-gb", 64)
    assert "config.json" in error and "hidden_size" in error


def test_a_result_that_cannot_be_printed_is_3(binary):
    with open("/dev/full", "w") as full:
        done = subprocess.run([binary, *BASE], stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 3
    assert "standard output" in done.stderr


@pytest.mark.parametrize("name", ["published", "kernels"])
def test_a_data_folder_with_a_link_that_loops_is_told(refused, source, tmp_path, name):
    """What the file system refuses is an error with its path, whichever part asked."""
    data = tmp_path / "data"
    data.mkdir()
    for entry in (source / "model_configs").iterdir():
        if entry.name != name:
            (data / entry.name).symlink_to(entry)
    (data / name).symlink_to(name)
    error = refused(*BASE, env={"PERFBENCH_DATA": str(data)})
    assert f"data/{name}" in error and "Too many levels of symbolic links" in error
