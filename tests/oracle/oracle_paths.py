"""Where the repository, the executable and the engine lie, and the stacks of the tests."""

import json
import os
import pathlib
import shutil

import pytest

SOURCE = pathlib.Path(os.environ.get("PERFBENCH_SOURCE_DIR", pathlib.Path(__file__).resolve().parents[2]))
BINARY = pathlib.Path(os.environ.get("PERFBENCH_BINARY") or SOURCE / "build" / "perfbench")
ENGINE = BINARY.parent / "libperfbench_engine.so"

# Other policies than those of stack perfbench: what a stack's file may say must not change what is computed.
STACKS = {
    "no_sequence_parallelism": {"sequence_parallel": False},
    "many_buckets": {"bucket_elements": 5000},
    "no_distributed_optimizer": {"distributed_optimizer": False},
    "no_overlap": {"overlap_grad_reduce": False, "overlap_param_gather": False},
    "no_regather": {"regather_in_backward": False},
    "no_fused_accumulation": {"fused_grad_accumulation": False},
    "f32_main_gradients": {"main_grad_dtype": "f32"},
    "bf16_parameters": {"fp8_params": False},
}
FSDP_STACKS = {
    "fsdp_kept": {"fsdp_reshard_after_forward": False},
    "fsdp_deferred": {"fsdp_defer_grad_reduce": True},
    "fsdp_kept_deferred": {"fsdp_reshard_after_forward": False, "fsdp_defer_grad_reduce": True},
}


def require_engine():
    """Skips the module that calls it, with a word, where this preset builds no engine."""
    if not ENGINE.exists():
        pytest.skip(f"NOT TESTED: there is no {ENGINE}: this preset builds no engine", allow_module_level=True)


def write_data(folder, stacks):
    """model_configs in `folder`, with a stack for each entry of `stacks`: stack perfbench but for what it changes."""
    for item in (SOURCE / "model_configs").iterdir():
        if item.name != "stacks":
            (folder / item.name).symlink_to(item)
    shutil.copytree(SOURCE / "model_configs" / "stacks", folder / "stacks")
    for name, change in stacks.items():
        stack = {"name": name, "extends": "perfbench", "source": "a test"} | change
        (folder / "stacks" / f"{name}.json").write_text(json.dumps(stack))
    return folder
