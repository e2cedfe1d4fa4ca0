"""scripts/check_layers.py sees each kind of violation when it is planted in a small tree."""
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "scripts" / "check_layers.py"

SOUND = {
    "base/text.h": "#pragma once\n#include <string>\n",
    "base/json.cpp": '#include <nlohmann/json.hpp>\n#include "base/text.h"\n',
    "job/job.h": '#pragma once\n#include "base/text.h"\n',
    "program/op.cpp": '#include <fmt/format.h>\n#include "job/job.h"\n',
    "sim/lanes.h": '#pragma once\n#include <fmt/format.h>\n#include "program/op.h"\n#include "job/job.h"\n',
    "rows/row.h": '#pragma once\n#include "cost/flops.h"\n',
    "engine/torch/mm.cpp": "#include <ATen/ops/mm.h>\n#ifdef USE_CUDA\n#endif\n",
    "cli/main.cpp": '#include <CLI/CLI.hpp>\n#include "sim/lanes.h"\n#include "engine/engine.h"\n',
    "cli/flags.cpp": "#include <CLI/CLI.hpp>\n",
}

# what is planted: (file, text, words of the message)
PLANTED = {
    "base knows nothing above it": ("base/table.cpp", '#include "job/job.h"\n',
                                    "src/base/table.cpp:1: includes job/job.h: base may include base"),
    "sim does not know models": ("sim/x.cpp", '#include "models/programs.h"\n', "sim may include"),
    "engine does not know sim": ("engine/x.cpp", '#include "sim/lanes.h"\n', "engine may include"),
    "rows do not know sim": ("rows/x.cpp", '#include "sim/lanes.h"\n', "rows may include"),
    "relative to src": ("job/x.cpp", '#include "job.h"\n', "relative to src/"),
    "no parent folders": ("job/x.cpp", '#include "../base/text.h"\n', "relative to src/"),
    "torch": ("sim/x.cpp", "#include <torch/torch.h>\n", "only in engine/"),
    "ATen in quotes": ("cost/x.cpp", '#include "ATen/ATen.h"\n', "only in engine/"),
    "CUDA": ("cost/x.cpp", "#include <cuda_runtime_api.h>\n", "only in engine/"),
    "NCCL": ("launch/x.cpp", "#include <nccl.h>\n", "only in engine/"),
    "nlohmann": ("rows/x.cpp", "#include <nlohmann/json.hpp>\n", "only in base/json.cpp"),
    "CLI11 outside cli": ("harness/x.cpp", "#include <CLI/CLI.hpp>\n", "only in cli/"),
    "CLI11 in a third unit": ("cli/x.cpp", "#include <CLI/App.hpp>\n", "3 files include CLI11"),
    "fmt in a header": ("job/x.h", "#pragma once\n#include <fmt/core.h>\n",
                        "src/job/x.h:2: includes fmt/core.h: fmt not in headers"),
    "spaced directive": ("job/x.cpp", '  #  include "sim/lanes.h"\n', "job may include"),
    "conditional compilation": ("sim/x.cpp", "int a;\n#ifdef NDEBUG\n#endif\n", "src/sim/x.cpp:2: #ifdef NDEBUG"),
    "no pragma once": ("sim/x.h", "int a();\n", "without #pragma once"),
    "unknown layer": ("util/x.cpp", "int a;\n", "lies in no layer"),
}


class CheckLayers(unittest.TestCase):
    def setUp(self):
        self.root = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.root)
        (self.root / "cmake").mkdir()
        shutil.copy(ROOT / "cmake" / "layers.txt", self.root / "cmake")

    def check(self, files):
        for file, text in files.items():
            path = self.root / "src" / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return subprocess.run([sys.executable, SCRIPT, self.root], capture_output=True, text=True, check=False)

    def test_sound_tree_passes(self):
        result = self.check(SOUND)
        self.assertEqual((result.returncode, result.stdout), (0, f"{len(SOUND)} files, 0 violations\n"), result.stderr)

    def test_empty_tree_fails(self):
        self.assertEqual(self.check({}).returncode, 1)

    def test_each_violation_is_reported_once(self):
        for name, (file, text, words) in PLANTED.items():
            with self.subTest(name):
                result = self.check(SOUND | {file: text})
                (self.root / "src" / file).unlink()
                self.assertEqual(result.returncode, 1, result.stdout + result.stderr)
                self.assertEqual(len(result.stdout.splitlines()), 2, result.stdout)
                self.assertIn(words, result.stdout)


if __name__ == "__main__":
    unittest.main()
