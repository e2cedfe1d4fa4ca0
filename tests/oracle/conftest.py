"""The oracles need PyTorch: the full wheel set of scripts/requirements-libtorch-cuda.txt in .venv/libtorch.

That folder comes last on the path, so that the packages of .venv itself win.
"""

import dataclasses
import json
import os
import shutil
import subprocess
import sys

import pytest
from oracle_paths import BINARY, FSDP_STACKS, SOURCE, STACKS

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
    folder = tmp_path_factory.mktemp("data")
    for item in (SOURCE / "model_configs").iterdir():
        if item.name != "stacks":
            (folder / item.name).symlink_to(item)
    shutil.copytree(SOURCE / "model_configs" / "stacks", folder / "stacks")
    stack = json.loads((folder / "stacks" / "perfbench.json").read_text())
    for name, change in (STACKS | FSDP_STACKS).items():
        assert change.keys() <= stack.keys()
        (folder / "stacks" / f"{name}.json").write_text(json.dumps(stack | {"name": name} | change))
    return folder
