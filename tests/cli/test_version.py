"""--version: of which code, data and environment results are."""

import json
import re
import shutil
import subprocess

import pytest


def parts_of(answer):
    return dict(line.split(" ", 1) for line in answer.out.splitlines())


def test_version(perfbench, source):
    answer = perfbench("--version", env={"NCCL_ALGO": "Ring", "MY_NAME": "x"})
    assert (answer.code, answer.err) == (0, "")
    parts = parts_of(answer)
    assert list(parts) == ["perfbench", "commit", "data", "environment"]
    assert re.fullmatch(r"\d+\.\d+\.\d+", parts["perfbench"])
    assert re.fullmatch(r"[0-9a-f]{40}(\+dirty)?|unknown", parts["commit"])
    assert re.fullmatch(r"[0-9a-f]{32} \S+/model_configs", parts["data"])
    assert "NCCL_ALGO=Ring" in parts["environment"].split() and "MY_NAME" not in parts["environment"]


def test_data_files_count_wherever_they_lie(perfbench, source, tmp_path):
    def digest(folder):
        return parts_of(perfbench("--version", env={"PERFBENCH_DATA": str(folder)}))["data"].split()[0]

    own = parts_of(perfbench("--version"))["data"].split()[0]
    shutil.copytree(source / "model_configs", tmp_path / "copy")
    assert digest(tmp_path / "copy") == own
    (tmp_path / "copy/systems/h100.json").rename(tmp_path / "copy/systems/h101.json")
    renamed = digest(tmp_path / "copy")
    (tmp_path / "copy/systems/h101.json").write_text("{}")
    assert len({own, renamed, digest(tmp_path / "copy")}) == 3


def test_without_data_files_the_version_is_known(perfbench, tmp_path):
    answer = perfbench("--version", env={"PERFBENCH_DATA": str(tmp_path / "none")})
    assert answer.code == 0 and parts_of(answer)["data"].startswith("none: ")


def test_run_json_has_the_same(perfbench, tmp_path):
    parts = parts_of(perfbench("--version"))
    perfbench("--model", "llama3_8b", "--gpu", "h100", "--out", "out")
    record = json.loads((tmp_path / "out/run.json").read_text())
    assert record["versions"]["perfbench"] == parts["perfbench"]
    assert record["commit"] == parts["commit"]
    assert record["data_files"] == parts["data"].split()[0]


@pytest.fixture
def commit_of(source, tmp_path):
    """commit_of(sources) -> the commit that a build of them says, and the time at which its unit was written."""
    if not shutil.which("cmake") or not shutil.which("git"):
        pytest.skip("NOT TESTED: this machine has no cmake or no git")
    unit = tmp_path / "commit.cpp"

    def run(sources):
        script = source / "cmake/write_commit.cmake"
        subprocess.run(["cmake", f"-DSOURCE={sources}", f"-DUNIT={unit}", "-P", script], check=True)
        return re.search(r'return "(.*)"', unit.read_text())[1], unit.stat().st_mtime_ns

    return run


def test_the_commit_of_a_build(commit_of, tmp_path):
    sources = tmp_path / "sources"
    (sources / "inner").mkdir(parents=True)

    def git(*args):
        names = ["-c", "user.name=a", "-c", "user.email=a@b"]
        return subprocess.run(["git", "-C", sources, *names, *args], check=True, capture_output=True, text=True).stdout

    assert commit_of(sources)[0] == "unknown"
    git("init", "-q")
    (sources / "file").write_text("1")
    git("add", "file")
    git("commit", "-q", "-m", "one")
    one = git("rev-parse", "HEAD").strip()
    commit, written = commit_of(sources)
    assert commit == one
    (sources / "untracked").write_text("")
    assert commit_of(sources) == (one, written)  # and nothing is compiled again
    assert commit_of(sources / "inner")[0] == "unknown"  # sources that lie in another project's work tree
    (sources / "file").write_text("2")
    assert commit_of(sources)[0] == one + "+dirty"
