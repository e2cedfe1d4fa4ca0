"""perfbench import: published tables and logs, as whole processes."""

import csv
import io
import json

JOB = ("--model", "llama3_70b", "--gpu", "h100", "-tp", "4", "-pp", "8", "-vp", "5", "--num_gpus", "64", "-c", "fp8cs")


def line(iteration, ms, grad_norm="1.0"):
    return (
        f" iteration {iteration:8}/      30 | elapsed time per iteration (ms): {ms} | global batch size:   128 |"
        f" lm loss: 9.0E+00 | grad norm: {grad_norm} |\n"
    )


def log(path, ms=10000.0, **changed):
    path.write_text("".join(line(i, ms + i % 3, changed.get(f"at_{i}", "1.0")) for i in range(1, 31)))
    return path


def read(text):
    return list(csv.DictReader(io.StringIO(text)))


def test_a_table_is_printed_or_written_whole(perfbench, source, tmp_path):
    pipes = source / "tests/data/import/pipes.md"
    printed = perfbench("import", pipes, "--id", "009")
    assert printed.code == 0, printed
    assert [row["row"] for row in read(printed.out)] == ["009-01", "009-02", "009-03"]
    assert "a table without rows" in printed.err
    written = perfbench("import", pipes, "--id", "009", "-o", "a.csv", "--convention", "nemo_25.04")
    assert written.code == 0 and written.out == ""
    rows = read((tmp_path / "a.csv").read_text())
    assert {row["flops_convention"] for row in rows} == {"nemo_25.04"}


def test_a_bad_table_leaves_the_old_file(refused, tmp_path):
    (tmp_path / "a.csv").write_text("old\n")
    (tmp_path / "a.md").write_bytes(b"| Model | GPUs | GBS |\n|-|-|-|\n| M\xff | 8 | 1 |\n")
    assert "a.md:3" in refused("import", "a.md", "-o", "a.csv")
    (tmp_path / "a.md").write_text("| Model | GPUs | GBS | Zeal |\n|-|-|-|-|\n")
    assert 'unknown column "Zeal"; recognised: "Model", "GPUs", "GBS"' in refused("import", "a.md", "-o", "a.csv")
    assert (tmp_path / "a.csv").read_text() == "old\n"
    assert "nemo_25.04" in refused("import", "a.md", "--convention", "x")
    assert "takes one file" in refused("import")


def test_a_log_becomes_a_row_that_diff_reads(perfbench, tmp_path):
    log(tmp_path / "a.log")
    log(tmp_path / "b.log", ms=12000.0)
    for name in "ab":
        answer = perfbench("import", f"{name}.log", *JOB, "-o", f"{name}.csv")
        assert answer.code == 0, answer
    (row,) = read((tmp_path / "a.csv").read_text())
    assert row["method"] == "measured" and row["window"] == "steps 11-30 of 30" and row["gbs"] == "128"
    assert abs(float(row["step_time_s"]) - 10.001) < 1e-9
    assert perfbench("diff", "a.csv", "a.csv").code == 0
    slower = perfbench("diff", "a.csv", "b.csv")
    assert slower.code == 1 and "SLOWER" in slower.out


def test_a_log_gone_wrong_is_a_failed_row(perfbench, refused, tmp_path):
    log(tmp_path / "nan.log", at_20="nan")
    answer = perfbench("import", "nan.log", *JOB, "--json")
    assert answer.code == 3
    (row,) = json.loads(answer.out)
    assert row["status"] == "failed" and row["step_time_s"] is None and "iteration 20" in row["reason"]
    assert "--model" in refused("import", "nan.log")
    assert "is not the log's 128" in refused("import", "nan.log", *JOB, "-gb", "256")
