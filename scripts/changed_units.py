#!/usr/bin/env python3
"""Lists the units by which clang-tidy sees what has changed in src/, those with the most changed lines first.

    changed_units.py BUILD [BASE]    BUILD has a compile_commands.json; BASE is a commit

Changed is what differs from BASE, committed or not, new files included; a file that was only moved is not. Without BASE it is
where this branch left main, or, on main itself, the commit before. A header is seen by its unit of the test headers_alone,
else by the source of its name. Prints one path a line. Exits 3 where there is no history to compare with.
"""
import json
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent


def git(*arguments):
    """What git prints; None where it fails."""
    result = subprocess.run(["git", "-C", ROOT, *arguments], capture_output=True, text=True, check=False)
    return result.stdout if result.returncode == 0 else None


def find_base():
    """Where this branch left main, or the commit before the newest; None where there is neither."""
    head = git("rev-parse", "--verify", "HEAD")
    for main in ("origin/main", "main"):
        base = git("merge-base", "HEAD", main)
        if base and base != head:
            return base.strip()
    before = git("rev-parse", "--verify", "HEAD^")
    return before.strip() if before else None


def changed_files(base):
    """{path: changed lines} of the files of src/ that are there and differ from `base`."""
    fields = iter(git("diff", "-z", "--numstat", "-M", "--diff-filter=d", base, "--", "src").split("\0"))
    changed = {}
    for field in fields:
        if not field:
            break
        added, deleted, path = field.split("\t")
        if not path:  # renamed: the old name and the new one follow
            next(fields)
            path = next(fields)
        if added != "-" and int(added) + int(deleted) > 0:
            changed[path] = int(added) + int(deleted)
    for path in git("ls-files", "-z", "--others", "--exclude-standard", "--", "src").split("\0"):
        if path:
            changed[path] = len((ROOT / path).read_bytes().splitlines())
    return changed


def unit_of(path, build, units):
    """The unit that compiles `path` or, of a header, one that includes it; None where the build has none."""
    inside = pathlib.PurePosixPath(path).relative_to("src")
    if inside.suffix == ".cu":  # nvcc's, and of the emulation, whose C++ clang-tidy 14 does not know
        return None
    candidates = [ROOT / path]
    if inside.suffix == ".h":
        candidates = [build / "tests" / "headers" / f"{inside}.cpp", ROOT / "src" / inside.with_suffix(".cpp")]
    return next((c for c in map(str, candidates) if c in units), None)


def main():
    build = pathlib.Path(sys.argv[1]).resolve()
    base = sys.argv[2] if len(sys.argv) > 2 else find_base()
    if base is None or git("rev-parse", "--verify", f"{base}^{{commit}}") is None:
        print(f"{ROOT}: no history to compare with", file=sys.stderr)
        return 3
    units = {entry["file"] for entry in json.loads((build / "compile_commands.json").read_text(encoding="utf-8"))}
    lines = {}
    for path, changed in changed_files(base).items():
        unit = unit_of(path, build, units)
        if unit:
            lines[unit] = lines.get(unit, 0) + changed
    for unit in sorted(lines, key=lambda unit: (-lines[unit], unit)):
        print(unit)
    return 0


if __name__ == "__main__":
    sys.exit(main())
