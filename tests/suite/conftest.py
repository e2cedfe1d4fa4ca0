"""Scripts of the GPU suite, run here: on a CPU with tiny models, and with stand-ins for the executable."""

import os
import subprocess
import sys

import pytest
from suite_paths import BINARY, LIBTORCH, SOURCE

sys.path.append(str(SOURCE / "scripts"))


@pytest.fixture(scope="session")
def source():
    return SOURCE


@pytest.fixture(scope="session")
def run():
    """run(script, *args, env={...}) -> CompletedProcess of a script of this repository, or of the path `script`."""

    def run_script(script, *args, env=None, timeout=600):
        path = [str(LIBTORCH)] + ([os.environ["PYTHONPATH"]] if os.environ.get("PYTHONPATH") else [])
        environment = os.environ | {"PYTHON": sys.executable, "PYTHONPATH": ":".join(path), "OMP_NUM_THREADS": "1"}
        return subprocess.run([SOURCE / "scripts" / script, *map(str, args)], capture_output=True, text=True,
                              env=environment | (env or {}), timeout=timeout)

    return run_script


@pytest.fixture(scope="session")
def package(run, tmp_path_factory):
    """What gpu_package.sh makes of this build, with two parity folders."""
    preset = "cpu" if BINARY.parent.name == "build" else BINARY.parent.name
    if not (BINARY.parent / "libperfbench_engine.so").exists():
        pytest.skip(f"there is no engine in {BINARY.parent}: this preset builds none")
    folder = tmp_path_factory.mktemp("package")
    done = run("gpu_package.sh", "--no-build", "--folders", "llama_fp32 qwen2_lora_bf16 tiles_lora_bf16", folder,
               env={"PERFBENCH_PRESET": preset})
    assert done.returncode == 0, done.stderr
    return folder
