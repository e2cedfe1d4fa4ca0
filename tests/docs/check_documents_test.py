"""scripts/check_documents.py sees each kind of fault when it is planted in a small tree."""
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

SCRIPT = pathlib.Path(__file__).resolve().parents[2] / "scripts" / "check_documents.py"

SOUND = {
    "CONTRIBUTING.md": "| folder | holds |\n|---|---|\n| base | texts |\n| rows | `rows.csv` |\n",
    "tests/README.md": "| folder | proves |\n|---|---|\n| `unit/<layer>` | a layer |\n",
    "tests/unit/base/text_test.cpp": "",
    "src/base/text.h": "std::string join(int);\n",
    "src/rows/published_headings.cpp":
        'constexpr PublishedHeading kHeadings[] = {\n    {"vpp", "vp"},\n    {"gpus", "num_gpus"},\n'
        '    {"stepseconds", "s"},\n};\n\nconstexpr pair kSpellings[] = {{"tok", "tokens"}};\n',
    "model_configs/published/one.csv": 'row,#-GPUs,Kernel Optimizations\n1,8,"TE + DeepEP"\n',
    "docs/walk.md": "A flag is `src/base/text.h: join`, as [the source](../src/base/text.h) says.\n",
    "docs/decisions.md": "# Decisions\n\n- **One way** (2026-11-21): why.\n  *Not:* the other.\n",
    "docs/glossary.md": "| word | meaning |\n|---|---|\n| GPU | |\n| VP, VPP, `vp` | |\n| TE, DeepEP | |\n",
}

# what is planted: (file, text, the one line of output)
PLANTED = {
    "wide prose": ("docs/walk.md", SOUND["docs/walk.md"] + "word " * 25, "docs/walk.md:2: 125 columns, at most 120"),
    "a link to nowhere": ("docs/new.md", "[x](nowhere.md#part)\n", "docs/new.md:1: no file nowhere.md"),
    "a walk to a symbol that went": ("src/base/text.h", "std::string text(int);\n",
                                     "docs/walk.md:1: src/base/text.h has no join"),
    "a walk to a file that went": ("docs/walk.md", "`src/base/texts.h: join`\n",
                                   "docs/walk.md:1: no file src/base/texts.h"),
    "a walk without a step": ("docs/walk.md", "Ask somebody.\n", "docs/walk.md:1: no step `file: symbol`"),
    "a decision without a date": ("docs/decisions.md", "# D\n\n- **One**: why. *Not:* x.\n", "docs/decisions.md:3: wants"),
    "a decision without another way": ("docs/decisions.md", "- **One** (2026-11-21): why.\n", "docs/decisions.md:1: wants"),
    "a heading that the reader knows": ("docs/glossary.md", "| GPU | |\n| TE, DeepEP | |\n",
                                        "docs/glossary.md:1: has no vpp"),
    "a kernel of a table": ("docs/glossary.md", "| GPU, VPP | |\n| TE | and DeepEP |\n",
                            "docs/glossary.md:1: has no deepep"),
    "a folder of src/ without a row": ("src/sim/lanes.h", "", "CONTRIBUTING.md:1: has no row for the folder sim of src/"),
    "a folder of tests/ without a row": ("tests/ops/ops_test.cpp", "",
                                         "tests/README.md:1: has no row for the folder ops of tests/"),
}


class CheckDocuments(unittest.TestCase):
    def check(self, files):
        root = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, root)
        for file, text in files.items():
            (root / file).parent.mkdir(parents=True, exist_ok=True)
            (root / file).write_text(text, encoding="utf-8")
        return subprocess.run([sys.executable, SCRIPT, root], capture_output=True, text=True, check=False)

    def test_sound_tree_passes(self):
        result = self.check(SOUND)
        self.assertEqual((result.returncode, result.stdout), (0, "5 documents, 0 faults\n"), result.stderr)

    def test_tables_code_and_long_words_may_be_wide(self):
        text = "| cell | " + "word " * 30 + "|\n\n```\n" + "word " * 30 + "\n```\n\n" + "x" * 130 + "\n"
        self.assertEqual(self.check(SOUND | {"docs/new.md": text}).returncode, 0)

    def test_each_fault_is_reported_once(self):
        for name, (file, text, line) in PLANTED.items():
            with self.subTest(name):
                result = self.check(SOUND | {file: text})
                self.assertEqual(result.returncode, 1, result.stdout + result.stderr)
                self.assertEqual(len(result.stdout.splitlines()), 2, result.stdout)
                self.assertTrue(result.stdout.startswith(line), result.stdout)

    def test_a_document_that_is_checked_must_be_there(self):
        result = self.check({file: text for file, text in SOUND.items() if file != "docs/walk.md"})
        self.assertIn("docs/walk.md:1: is not there", result.stdout)
        self.assertEqual(result.returncode, 1)


if __name__ == "__main__":
    unittest.main()
