"""--help, docs/cli.md and doctor."""

import re


def test_docs_are_the_help_text(perfbench, source):
    answer = perfbench("--help")
    assert (answer.code, answer.err) == (0, "")
    assert (source / "docs/cli.md").read_text() == f"# Command line\n\n```text\n{answer.out}```\n"


def test_help_has_everything_in_100_columns(perfbench, source):
    text = perfbench("-h").out
    assert max(map(len, text.splitlines())) <= 100
    for line in (source / "tests/golden/flags.txt").read_text().splitlines():
        for spelling in line.split(" | ")[0].split():
            assert re.search(rf"(^|[ ,]){re.escape(spelling)}($|[ ,\n])", text), spelling
    for word in ("check", "export", "show program", "doctor"):
        assert f"perfbench {word}" in text
    for code in (0, 1, 2, 3, 4, 124):
        assert re.search(rf"^  {code} +\w", text, re.M)


def test_doctor_says_what_is_there_or_missing(perfbench):
    answer = perfbench("doctor")
    report = perfbench("doctor", "--json").json
    assert answer.code == (0 if report["usable"] else 4)
    for title, key in (("engine", "engine"), ("LibTorch", "libtorch"), ("CUDA", "cuda"), ("NCCL", "nccl"), ("NVML", "nvml")):
        part = report[key]
        assert (part["version"] is None) != (part["missing"] is None)
        found = part["version"] or f"missing: {part['missing']}"
        assert re.search(rf"^{title} +{re.escape(found)}$", answer.out, re.M)
    if not report["libtorch"]["version"]:
        assert not report["usable"]
