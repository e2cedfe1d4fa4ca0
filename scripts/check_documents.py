#!/usr/bin/env python3
"""Checks what the documents say of the repository, so that they cannot rot.

    check_documents.py [ROOT]    prints one line per fault, and exits 1 when there is one

- Prose is at most 120 columns wide; tables, code and what cannot be broken are not prose.
- Relative links lead to files.
- Each step `file: symbol` of docs/walk.md names a symbol that stands in that file.
- Each entry of docs/decisions.md has a date and the way that was not taken.
- docs/glossary.md has every abbreviation of the published tables' headings and kernels, and every short heading that
  src/rows/published_headings.cpp knows.
- CONTRIBUTING.md has a row for each folder of src/, tests/README.md one for each folder of tests/.
"""
import csv
import pathlib
import re
import sys

WIDTH = 120
LINK = re.compile(r"\]\(([^)#\s]+)[^)]*\)")
STEP = re.compile(r"`([\w./-]+\.\w+): ([^`]+)`")
ENTRY = re.compile(r"^- \*\*.+?\*\* \(\d{4}-\d\d-\d\d\).*\*Not:\*\s", re.DOTALL)
ABBREVIATION = re.compile(r"\b[A-Z]\w*[A-Z]\w*\b")
HEADINGS = re.compile(r"kHeadings\[\] = \{(.*?)^\};", re.DOTALL | re.MULTILINE)
SHORT = 4  # letters of a heading's key that is an abbreviation


def documents(root):
    """All documents of the repository, in order."""
    folders = ("docs", "tests", "model_configs", "results", "examples")
    return sorted([*root.glob("*.md"), *(path for folder in folders for path in (root / folder).rglob("*.md"))])


def check_width(text):
    """[(line, fault)]"""
    found, code = [], False
    for number, line in enumerate(text.splitlines(), 1):
        code ^= line.lstrip().startswith("```")
        can_break = " " in line.strip().removeprefix("- ")
        if len(line) > WIDTH and can_break and not code and not line.startswith("|"):
            found.append((number, f"{len(line)} columns, at most {WIDTH}"))
    return found


def check_links(path, text):
    """[(line, fault)]"""
    return [(number, f"no file {target}")
            for number, line in enumerate(text.splitlines(), 1) for target in LINK.findall(line)
            if "://" not in target and not target.startswith("mailto:") and not (path.parent / target).exists()]


def check_walk(root, text):
    """[(line, fault)]; a walk without a step is one, too."""
    found, steps = [], 0
    for number, line in enumerate(text.splitlines(), 1):
        for file, symbol in STEP.findall(line):
            steps += 1
            if not (root / file).is_file():
                found.append((number, f"no file {file}"))
            elif symbol not in (root / file).read_text(encoding="utf-8"):
                found.append((number, f"{file} has no {symbol}"))
    return found if steps else [(1, "no step `file: symbol`")]


def check_decisions(text):
    """[(line, fault)]"""
    found, number = [], 1
    for entry in re.split(r"^(?=- )", text, flags=re.MULTILINE):
        if entry.startswith("- ") and not ENTRY.match(entry):
            found.append((number, "wants **what** (YYYY-MM-DD) and *Not:* which way"))
        number += entry.count("\n")
    return found


def published_words(root):
    """Abbreviations that a reader of the published tables meets, and short headings that the reader knows."""
    source = (root / "src/rows/published_headings.cpp").read_text(encoding="utf-8")
    words = {key for key in re.findall(r'\{"(\w+)"', HEADINGS.search(source)[1]) if len(key) <= SHORT}
    for table in sorted((root / "model_configs/published").glob("*.csv")):
        with table.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                text = " ".join([*map(str, row), row.get("Kernel Optimizations") or ""])
                words |= {word.lower() for word in ABBREVIATION.findall(text)}
    return words


def check_glossary(root, text):
    """[(line, fault)]; a plural stands under its singular."""
    first_cells = " ".join(line.split("|")[1] for line in text.splitlines() if line.startswith("|"))
    known = {word.lower() for word in re.findall(r"\w+", first_cells)}
    return [(1, f"has no {word}") for word in sorted(published_words(root))
            if word not in known and word.removesuffix("s") not in known]


def check_folders(folder, text):
    """[(line, fault)]"""
    rows = set(re.findall(r"^\| ([^|]*) \|", text, re.MULTILINE))
    named = {word for row in rows for word in re.findall(r"\w+", row)}
    return [(1, f"has no row for the folder {path.name} of {folder.name}/") for path in sorted(folder.iterdir())
            if path.is_dir() and path.name not in named and not path.name.startswith(("_", "."))]


def check_tree(root):
    """[(document, line, fault)]"""
    special = {
        "docs/walk.md": lambda text: check_walk(root, text),
        "docs/decisions.md": check_decisions,
        "docs/glossary.md": lambda text: check_glossary(root, text),
        "CONTRIBUTING.md": lambda text: check_folders(root / "src", text),
        "tests/README.md": lambda text: check_folders(root / "tests", text),
    }
    found = [(name, 1, "is not there") for name in special if not (root / name).is_file()]
    for path in documents(root):
        name, text = path.relative_to(root).as_posix(), path.read_text(encoding="utf-8")
        faults = check_width(text) + check_links(path, text) + special.get(name, lambda _: [])(text)
        found += [(name, line, fault) for line, fault in faults]
    return found


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parent.parent)
    found = check_tree(root)
    for name, line, fault in found:
        print(f"{name}:{line}: {fault}")
    print(f"{len(documents(root))} documents, {len(found)} faults")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
