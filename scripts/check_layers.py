#!/usr/bin/env python3
"""Checks the includes of src/: directions between layers, and which folder may see which library.

    check_layers.py [ROOT]    ROOT is the repository; prints one line per violation and exits 1 when there is one

The directions are those of cmake/layers.txt.
"""
import pathlib
import re
import sys

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
CONDITIONAL = re.compile(r"^\s*#\s*(if|ifdef|ifndef|elif|elifdef|elifndef|else)\b")
HEADERS_WITHOUT_LIBRARIES = ("base", "job", "program")
MAX_CLI11_UNITS = 2

# Library: (its headers, where they may be included, for the message)
LIBRARIES = {
    "LibTorch, CUDA or NCCL": (
        re.compile(r"^(torch|ATen|c10|c10d|caffe2|cub|thrust|cuda|cudnn\w*|cutlass)/"
                   r"|^(cuda|cudnn|cublas|cufft|curand|cusparse|cusolver|nvrtc|nvml|nccl|nvtx)\w*\.h"),
        lambda file: file.startswith("engine/"), "only in engine/"),
    "nlohmann/json": (re.compile(r"^nlohmann/"), lambda file: file == "base/json.cpp", "only in base/json.cpp"),
    "CLI11": (re.compile(r"^CLI/"), lambda file: file.startswith("cli/"), "only in cli/"),
    "fmt": (re.compile(r"^fmt/"),
            lambda file: not (file.endswith(".h") and file.split("/")[0] in HEADERS_WITHOUT_LIBRARIES),
            "not in headers of " + ", ".join(HEADERS_WITHOUT_LIBRARIES)),
}


def read_directions(table):
    """{layer: set of layers it may include}, closed over arrows, from lines "layer: layer layer"."""
    direct = {}
    for line in table.read_text().splitlines():
        if line.strip() and not line.startswith("#"):
            layer, below = line.split(":")
            direct[layer] = below.split()
    allowed = {}
    for layer in direct:  # a layer stands below the layers that include it
        allowed[layer] = {layer, "base"}
        for below in direct[layer]:
            allowed[layer] |= allowed[below]
    return allowed


def check_include(file, bracket, path, allowed):
    """The rule that this include breaks, or None. `file` is relative to src/."""
    layer = file.split("/")[0]
    for library, (pattern, is_allowed, where) in LIBRARIES.items():
        if pattern.match(path) and not is_allowed(file):
            return f"includes {path}: {library} {where}"
    if bracket == "<":
        return None
    target = path.split("/")[0]
    if "/" not in path or target not in allowed:
        return f'includes "{path}": quoted includes are relative to src/ and start with a layer'
    if target not in allowed[layer]:
        return f"includes {path}: {layer} may include {', '.join(sorted(allowed[layer]))}"
    return None


def check_file(file, text, allowed):
    """[(line, rule)] of one file."""
    found = []
    if file.split("/")[0] not in allowed:
        return [(1, "lies in no layer of cmake/layers.txt")]
    if file.endswith(".h") and "#pragma once" not in text.splitlines():
        found.append((1, "is a header without #pragma once"))
    for number, line in enumerate(text.splitlines(), 1):
        if CONDITIONAL.match(line) and not file.startswith("engine/"):
            found.append((number, f"{line.strip()}: no conditional compilation outside engine/"))
        match = INCLUDE.match(line)
        rule = check_include(file, *match.groups(), allowed) if match else None
        if rule:
            found.append((number, rule))
    return found


def check_tree(root):
    """Messages "src/file:line: rule" for a repository, and the number of files that were read."""
    allowed = read_directions(root / "cmake" / "layers.txt")
    messages, cli11_units = [], []
    files = sorted(p for p in (root / "src").rglob("*") if p.suffix in (".h", ".cpp", ".cu", ".cuh"))
    for path in files:
        file = path.relative_to(root / "src").as_posix()
        text = path.read_text(encoding="utf-8")
        messages += [f"src/{file}:{line}: {rule}" for line, rule in check_file(file, text, allowed)]
        if file.startswith("cli/") and re.search(r"^\s*#\s*include\s*<CLI/", text, re.MULTILINE):
            cli11_units.append(file)
    if len(cli11_units) > MAX_CLI11_UNITS:
        messages.append(f"src/cli: {len(cli11_units)} files include CLI11, at most {MAX_CLI11_UNITS} may: "
                        + ", ".join(cli11_units))
    return messages, len(files)


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parent.parent)
    messages, num_files = check_tree(root)
    for message in messages:
        print(message)
    if num_files == 0:
        print(f"{root}/src: no source files")
        return 1
    print(f"{num_files} files, {len(messages)} violations")
    return 1 if messages else 0


if __name__ == "__main__":
    sys.exit(main())
