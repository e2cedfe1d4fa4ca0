"""peer_hf_lora.py: which settings are tried, which one is kept, and that a failure is recorded."""

import sys
import time
import types

import pytest


class OutOfMemory(RuntimeError):
    """What PyTorch throws when a device is full."""


def import_with_stand_ins():
    """The script's own logic needs neither PyTorch nor transformers nor peft, each of which takes seconds to load."""
    names = {name: types.ModuleType(name) for name in ("peft", "torch", "transformers")}
    names["torch"].OutOfMemoryError = OutOfMemory
    before = {name: sys.modules.get(name) for name in names}
    sys.modules.update(names)
    try:
        import peer_hf_lora
    finally:
        for name, module in before.items():
            if module is None:
                del sys.modules[name]
            else:
                sys.modules[name] = module
    return peer_hf_lora


script = import_with_stand_ins()
LAYERS, MODEL = "sdpa+compile_layers", "sdpa+compile_model"


class FakePeer:
    """Settings have the times of `seconds`, or raise what it says."""

    def __init__(self, seconds, device="cpu"):
        self.seconds, self.device, self.job, self.num_steps = seconds, device, {"ga": 16}, 5
        self.checkpointing, self.setting = False, None

    def use(self, setting):
        self.setting = setting.name

    def seconds_a_microbatch(self):
        found = self.seconds[self.setting, self.checkpointing] if (self.setting, self.checkpointing) in self.seconds \
            else self.seconds.get(self.setting, 1.0)
        if isinstance(found, Exception):
            raise found
        return found

    def checkpoint(self):
        self.checkpointing = True

    def forget(self):
        self.setting = None


def trials(seconds, left=1000.0, device="cpu", only=()):
    return script.try_settings(FakePeer(seconds, device), time.monotonic() + left, only)


def names(found):
    return [entry["setting"] for entry in found.tried]


def test_the_fastest_setting_is_kept():
    found = trials({"sdpa": 0.5, LAYERS: 0.3, MODEL: 0.4})
    assert names(found) == ["sdpa", LAYERS, MODEL] and found.best.name == LAYERS
    assert found.tried[1]["estimated_step_time_s"] == pytest.approx(0.3 * 16)


def test_on_a_gpu_the_better_attention_is_compiled():
    found = trials({"sdpa": 0.5, "sdpa_cudnn": 0.4, "sdpa_cudnn+compile_layers": 0.3}, device="cuda")
    assert found.best.name == "sdpa_cudnn+compile_layers" and LAYERS not in names(found)


def test_a_setting_that_fails_is_recorded():
    found = trials({"sdpa": 0.5, LAYERS: RuntimeError("no compiler\nand more"), MODEL: 0.6})
    assert found.best.name == "sdpa"
    assert found.tried[1]["status"] == "failed" and "RuntimeError" in found.tried[1]["reason"]
    assert "no compiler" in found.tried[1]["reason"]


def test_checkpointing_is_for_what_does_not_fit_otherwise():
    full = OutOfMemory("out of memory")
    found = trials({("sdpa", False): full, (LAYERS, False): full, (MODEL, False): full, ("sdpa", True): 0.9})
    assert found.best is not None and found.tried[0]["status"] == "oom"
    assert [entry["gradient_checkpointing"] for entry in found.tried] == [False] * 3 + [True] * 3
    fits_compiled = trials({"sdpa": full, LAYERS: 0.4, MODEL: full})
    assert fits_compiled.best.name == LAYERS and not fits_compiled.peer.checkpointing


def test_what_leaves_no_time_for_the_window_is_not_tried():
    # The window takes 5.5 x 16 x 0.5 = 44 s, compiling at least 20 and 90.
    for left, expected in ((60, ["ok", "no time", "no time"]), (70, ["ok", "ok", "no time"]), (140, ["ok"] * 3)):
        found = trials({"sdpa": 0.5, LAYERS: 0.5, MODEL: 0.5}, left)
        assert names(found) == ["sdpa", LAYERS, MODEL]
        assert [entry["status"] for entry in found.tried] == expected


def test_a_setting_has_a_time_limit():
    began = time.monotonic()
    with pytest.raises(script.TooLong), script.at_most(0.2):
        time.sleep(30)
    assert time.monotonic() - began < 10


def test_the_window_ends_before_the_time_does():
    class Steps:
        device, job = "cpu", {"gbs": 4}

        def tokens(self, samples):
            return [0.0] * samples

        def wait(self):
            pass

        def step(self, tokens):
            time.sleep(0.02)
            return sum(tokens)

    samples, losses = script.run_window(Steps(), 5, 2, time.monotonic() + 100)
    assert (len(samples), len(losses)) == (3, 5)
    samples, losses = script.run_window(Steps(), 5, 2, time.monotonic())
    assert (len(samples), len(losses)) == (1, 3)  # a first figure in any case
