"""The oracles need PyTorch: the full wheel set of scripts/requirements-libtorch-cuda.txt in .venv/libtorch.

That folder comes last on the path, so that the packages of .venv itself win.
"""

import dataclasses
import json
import os
import subprocess
import sys

import pytest
from oracle_paths import BINARY, FSDP_STACKS, SOURCE, STACKS, write_data

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.path.append(str(SOURCE / ".venv" / "libtorch"))


@dataclasses.dataclass
class Answer:
    code: int
    out: str
    err: str

    @property
    def json(self):
        return json.loads(self.out)


@pytest.fixture(scope="session")
def verify():
    """verify(folder, *flags, env={...}) -> Answer of `perfbench verify folder --json *flags`."""

    def run(folder, *flags, env=None):
        done = subprocess.run([BINARY, "verify", folder, "--json", *map(str, flags)], capture_output=True, text=True,
                              timeout=120, env=os.environ | (env or {}))
        return Answer(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture(scope="session")
def folders(tmp_path_factory):
    from model_folder import Folders  # needs PyTorch, which not every test here does

    return Folders(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="session")
def data_folder(tmp_path_factory):
    """model_configs with a stack for each entry of STACKS and FSDP_STACKS."""
    return write_data(tmp_path_factory.mktemp("data"), STACKS | FSDP_STACKS)
