"""The bash completion that perfbench prints, asked as bash asks it."""

import os
import shlex
import shutil
import subprocess

import pytest

# Sets what bash sets before it calls the function, and prints what the function answers.
ASK = """
source <("$PERFBENCH_UNDER_TEST" completion bash) || exit 9
COMP_WORDS=({words})
COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
_perfbench
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


@pytest.fixture
def complete(binary, tmp_path):
    """complete("--gpu", "h") -> the words that bash would offer for "perfbench --gpu h<TAB>"."""

    def run(*words, env=None):
        line = " ".join(shlex.quote(word) for word in (str(binary), *words))
        done = subprocess.run(
            ["bash", "--norc", "-u", "-c", ASK.format(words=line)],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env={**os.environ, "PERFBENCH_UNDER_TEST": str(binary), **(env or {})},
            timeout=60,
        )
        assert done.returncode == 0 and done.stderr == "", done
        return done.stdout.split()

    return run


def test_the_first_word_is_a_subcommand_or_a_flag(complete):
    assert complete("li") == ["list"]
    assert {"check", "list", "show", "doctor", "completion"} <= set(complete(""))
    assert "--model" in complete("--mod")


def test_the_second_word_of_a_subcommand(complete):
    assert complete("show", "") == ["program"]
    assert complete("list", "s") == ["systems", "stacks"]
    assert complete("completion", "") == ["bash"]


def test_names_come_from_the_data_files(complete, perfbench):
    assert complete("--model", "") == perfbench("list", "models", "--names").out.split()
    assert complete("--model", "llama31") == ["llama31_405b"]
    assert complete("-tp", "4", "--gpu", "h") == ["h100", "h100_500w", "h100_vela", "h20", "h200", "h800"]
    assert complete("-g", "gb") == ["gb200", "gb300"]
    assert complete("--stack", "megatron_25") == [f"megatron_{year}" for year in (2502, 2504, 2507, 2509, 2511)]


def test_an_equals_sign_is_a_word_of_its_own_for_bash(complete):
    assert complete("--gpu", "=", "a8") == ["a800"]
    assert complete("--gpu", "=") == complete("--gpu", "")


def test_choices_and_switches(complete):
    assert complete("--compute_dtype", "fp8c") == ["fp8cs"]
    assert complete("--compute-dtype", "fp8c") == ["fp8cs"]
    assert complete("-fsdp", "") == ["true", "false"]
    assert complete("-tp", "") == []


def test_a_subcommand_offers_its_own_flags_alone(complete):
    assert set(complete("check", "--")) == {"--json", "--version", "--help"}
    assert "--where" in complete("list", "models", "--") and "--model" not in complete("list", "models", "--")
    assert "--where" not in complete("--")
    assert "--tensor_parallel_size" in complete("show", "program", "--")


def test_every_flag_of_the_help_is_offered(complete, perfbench):
    offered = set(complete("-"))
    for command in ("list", "export", "import", "audit", "verify", "sweep", "diff", "baseline check",
                    "calibrate", "accuracy"):
        offered |= set(complete(*command.split(), "-"))
    text = perfbench("--help").out.split("\nFlags:\n")[1].split("\nExit codes:")[0]
    entries = [line for line in text.splitlines() if line.startswith("  -")]
    assert len(entries) > 50
    for line in entries:
        for word in line.split("   ")[0].replace(",", " ").split():
            if word.startswith("-"):
                assert word in offered, line


def test_tables_and_folders(complete, tmp_path):
    (tmp_path / "table.csv").touch()
    (tmp_path / "a folder").mkdir()
    assert complete("check", "ta") == ["table.csv"]
    assert complete("--table", "ta") == ["table.csv"]
    assert complete("--out", "") == ["a", "folder"]


def test_names_are_never_run(complete, source, tmp_path):
    data = tmp_path / "data"
    shutil.copytree(source / "model_configs", data)
    (data / "models" / "$(touch run)").mkdir()
    shutil.copy(data / "models" / "llama3_8b" / "config.json", data / "models" / "$(touch run)")
    complete("--model", "", env={"PERFBENCH_DATA": str(data)})
    complete("--model", "$(touch run)", env={"PERFBENCH_DATA": str(data)})
    assert not (tmp_path / "run").exists()


def test_without_data_files_there_are_no_names(complete):
    assert complete("--model", "", env={"PERFBENCH_DATA": "/nowhere"}) == []


def test_other_shells_are_refused(refused):
    assert 'knows no shell "zsh"' in refused("completion", "zsh")
    assert "perfbench completion bash" in refused("completion")
