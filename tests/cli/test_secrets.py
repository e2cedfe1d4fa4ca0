"""Secrets go nowhere: not to the screen, not to a file."""

MARKER = "hf_MARKERmarker0123456789"
OTHER = "plain-marker-secret"
MAIN = ("--model", "llama3_8b", "--gpu", "h100", "-cp", 1)


def everything(answer, tmp_path):
    files = "".join(path.read_text() for path in tmp_path.rglob("*") if path.is_file() and path.name != "env_vars.json")
    return answer.out + answer.err + files


def test_no_output_or_file_holds_a_secret(perfbench, tmp_path):
    (tmp_path / "env_vars.json").write_text(
        '{"HF_TOKEN": "%s", "WANDB_API_KEY": "%s", "NCCL_DEBUG": "INFO"}' % (MARKER, OTHER)
    )
    spellings = (
        ("-hf", MARKER, "-wdk", OTHER),
        (f"-hf={MARKER}", f"--wandb_key={OTHER}"),
        ("--hf-token", MARKER, "--wandb-key", OTHER),
        (f"--hf={OTHER}", f"-wandb_key={OTHER}"),
    )
    for i, secrets in enumerate(spellings):
        for form in ((), ("--json",), ("--csv",), ("--markdown",), ("-d",), ("-d", "--json"), ("--mode", "measure")):
            answer = perfbench(*MAIN, *secrets, *form, "--env_vars", "env_vars.json", "--out", f"out{i}")
            assert answer.code in (0, 3) or (answer.code == 4 and "measure" in form), answer.err  # 4: no GPU here
            text = everything(answer, tmp_path)
            assert MARKER not in text and OTHER not in text
    assert "INFO" in (tmp_path / "out0" / "run.json").read_text()
    assert '"***"' in (tmp_path / "out0" / "run.json").read_text()


def test_errors_hold_no_secret(perfbench, tmp_path):
    for args in (
        ("-hf", MARKER, "-tp", "four"),
        ("-hf", MARKER, "-hf"),
        ("-hff", MARKER),
        (f"--hf_tokn={OTHER}",),
        ("-d=1", "-hf", OTHER),
        ("-hf", MARKER, "--gpu", "h10"),
        ("doctor", "-hf", OTHER),
    ):
        answer = perfbench(*MAIN, *args)
        assert answer.code == 2
        assert MARKER not in everything(answer, tmp_path) and OTHER not in everything(answer, tmp_path)
