"""perfbench audit: what it prints, what it writes and how it exits."""

import xml.etree.ElementTree as ElementTree

MARKDOWN = """# Results

## Pre-training, DGX-H100, FP8 current scaling

| Model | #-GPUs | GBS | MBS | Sequence Length | TP | PP | CP | VP | GA | Tokens / sec / GPU | Model TFLOP / sec / GPU |
|-------|--------|-----|-----|-----------------|----|----|----|----|----|--------------------|-------------------------|
| LLAMA3-70B | 64 | 128 | 1 | 8192 | 4 | 8 | 1 | 5 | GA | 1621 | 780 |
"""


def above_info(answer):
    return [finding for finding in answer.json["findings"] if finding["severity"] != "info"]


def test_without_a_file_every_published_table_is_audited(perfbench):
    answer = perfbench("audit")
    assert answer.code == 0
    assert "aws_performance.csv: 16 rows" in answer.out
    assert "15 tables, 298 rows: " in answer.out.splitlines()[-1]


def test_strict_fails_for_findings_above_info_only(perfbench, source):
    published = source / "model_configs" / "published"
    assert perfbench("audit", "--strict").code == 1
    assert perfbench("audit", "--strict", str(published / "dfm_wan.csv")).code == 0


def test_the_report_has_every_row_that_prints_both_figures(perfbench):
    answer = perfbench("audit", "--report")
    assert answer.code == 0
    assert answer.out.endswith("164 of 165 rows within 0.5 %\n")
    rows = perfbench("audit", "--report", "--json").json["report"]
    assert [row["row"] for row in rows if abs(row["deviation"]) > 0.005] == ["001-28"]


def test_a_row_is_held_against_the_command_beside_its_table(perfbench, source):
    table = source / "model_configs" / "published" / "aws_performance.csv"
    (finding,) = above_info(perfbench("audit", "--json", str(table)))
    assert (finding["row"], finding["column"], finding["rule"]) == ("004-04", "MBS", "command")
    assert (finding["printed"], finding["consistent"]) == ("2", "1")


def test_a_document_is_audited_as_it_stands(perfbench, tmp_path):
    (tmp_path / "sound.md").write_text(MARKDOWN.replace("| GA | 1621", "| 64 | 1621"))
    (tmp_path / "wrong.md").write_text(MARKDOWN.replace("| GA | 1621", "| 32 | 1621"))
    assert above_info(perfbench("audit", "--json", "sound.md")) == []
    (finding,) = above_info(perfbench("audit", "--json", "wrong.md"))
    assert (finding["rule"], finding["column"], finding["consistent"]) == ("batch", "GA", "64")


def test_junit_has_a_case_per_row_and_a_failure_per_faulty_one(perfbench, tmp_path):
    assert perfbench("audit", "--junit", "audit.xml").code == 0
    suites = ElementTree.parse(tmp_path / "audit.xml").getroot()
    assert suites.attrib["tests"] == str(298 + 15)  # each row, and each table itself
    failed = {case.attrib["name"] for case in suites.iter("testcase") if case.find("failure") is not None}
    assert {"001-08", "001-28", "004-04", "000-11", "the table"} <= failed
    assert "001-19" not in failed


def test_what_is_no_table_is_refused_with_its_place(perfbench, tmp_path):
    (tmp_path / "notes.md").write_text("nothing\nto see\n")
    (tmp_path / "bytes.md").write_bytes(b"| Model | GPUs \xff |\n|--|--|\n| a | 1 |\n")
    for name in ["notes.md", "bytes.md", "missing.csv"]:
        answer = perfbench("audit", "--junit", "audit.xml", name)
        assert answer.code == 2
        assert answer.err.startswith(f"perfbench: error: {name}")
        assert not (tmp_path / "audit.xml").exists()
