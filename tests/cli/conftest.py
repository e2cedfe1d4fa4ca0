"""The executable as a function, for tests that read its output."""

import dataclasses
import json
import os
import pathlib
import shutil
import subprocess

import pytest

SOURCE = pathlib.Path(os.environ.get("PERFBENCH_SOURCE_DIR", pathlib.Path(__file__).resolve().parents[2]))
BINARY = pathlib.Path(
    os.environ.get("PERFBENCH_BINARY") or os.environ.get("PERFBENCH") or SOURCE / "build" / "perfbench"
)


@dataclasses.dataclass
class Answer:
    code: int
    out: str
    err: str

    @property
    def json(self):
        return json.loads(self.out)


@pytest.fixture
def source():
    return SOURCE


@pytest.fixture
def binary():
    return BINARY


@pytest.fixture
def engine(binary):
    if not (binary.parent / "libperfbench_engine.so").exists():
        pytest.skip("NOT MEASURED: this build has no engine library beside the executable")


@pytest.fixture
def perfbench(tmp_path):
    """perfbench(*args, env={...}) -> Answer, run in an empty folder without the variables that change what it does.

    `binary` is another copy of the executable; `before` is called in its process before it starts.
    """

    def run(*args, env=None, binary=BINARY, before=None):
        variables = {k: v for k, v in os.environ.items() if k != "NEMORUN_HOME"}
        variables.update(env or {})
        done = subprocess.run(
            [binary, *map(str, args)],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env=variables,
            timeout=60,
            preexec_fn=before,
        )
        return Answer(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture
def refused(perfbench):
    """refused(*args) -> the text of standard error, of a command line that must be refused as bad input."""

    def run(*args, env=None):
        answer = perfbench(*args, env=env)
        assert answer.code == 2, answer
        assert answer.out == ""
        lines = answer.err.splitlines()
        assert lines and lines[0].startswith("perfbench: error: ")
        assert all(line.startswith(("perfbench: error: ", "perfbench: warning: ", "  ")) for line in lines)
        return answer.err

    return run


@pytest.fixture
def fakes(binary):
    folder = binary.parent / "tests"
    if not (folder / "gpu_engine/libperfbench_engine.so").exists():
        pytest.skip("NOT TESTED: this build has no tests/gpu_engine")
    return folder


@pytest.fixture
def on_gpus(perfbench, binary, fakes, tmp_path, source):
    """on_gpus(*args, **variables) -> Answer, of a machine whose GPUs, driver and engine are made up."""
    folder = tmp_path / "bin"
    folder.mkdir()
    shutil.copy(binary, folder / "perfbench")
    (folder / "libperfbench_engine.so").symlink_to(fakes / "gpu_engine/libperfbench_engine.so")

    def run(*args, before=None, **variables):
        env = {"PERFBENCH_DATA": str(source / "model_configs"), "LD_LIBRARY_PATH": str(fakes / "fake_nvml")}
        return perfbench(*args, env=env | variables, binary=folder / "perfbench", before=before)

    return run
