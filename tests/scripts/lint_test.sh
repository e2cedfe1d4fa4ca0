#!/usr/bin/env bash
# scripts/lint.sh --changed in a small repository: it finds a fault in what has changed, and nothing in what has not.
set -uo pipefail
source_dir=$(CDPATH="" cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd -P)
if ! command -v clang-tidy >/dev/null || ! command -v git >/dev/null; then
  echo "SKIPPED: clang-tidy or git is not installed"
  exit 77
fi
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
export PERFBENCH_BUILD=$tree/build HOME=$tree
unset GIT_DIR PERFBENCH_PRESET
failures=0

commit() { git -C "$tree" add -A && git -C "$tree" -c user.name=t -c user.email=t@t commit -qm "$1"; }

lint() {  # lint STATUS PATTERN WHAT: its exit status and what it says
  local output status
  output=$("$tree/scripts/lint.sh" --changed 2>&1)
  status=$?
  # shellcheck disable=SC2053  # a pattern
  [[ $status = "$1" && $output == $2 ]] && return
  printf 'FAILED: %s\n  status %s, wanted %s\n  says: %s\n' "$3" "$status" "$1" "$output"
  failures=$((failures + 1))
}

mkdir -p "$tree/scripts" "$tree/build" "$tree/src/base"
cp "$source_dir"/scripts/{lint.sh,lib.sh,changed_units.py} "$tree/scripts"
cp "$source_dir/.clang-tidy" "$tree"
printf '/build/\n__pycache__/\n' >"$tree/.gitignore"
entries=""
for unit in old new; do
  entries+="${entries:+,}{\"directory\": \"$tree\", \"command\": \"g++ -std=c++20 -I$tree/src -c $tree/src/base/$unit.cpp\", \"file\": \"$tree/src/base/$unit.cpp\"}"
done
printf '[%s]\n' "$entries" >"$tree/build/compile_commands.json"

fault='int* nothing() { return 0; }'
printf '%s\n' "$fault" >"$tree/src/base/old.cpp"
git -C "$tree" init -q -b main
commit "a fault that is there"
lint 77 "*SKIPPED*nothing to compare with*" "the first commit has nothing before it"
git -C "$tree" -c user.name=t -c user.email=t@t commit -q --allow-empty -m "nothing"
lint 0 "*nothing in 0 changed units*" "a commit that changes no source"
printf 'int* none() { return nullptr; }\n' >"$tree/src/base/new.cpp"
lint 0 "*nothing in 1 changed units*" "a file without a commit counts, an old fault does not"
printf '%s\n' "$fault" >"$tree/src/base/new.cpp"
lint 123 "*new.cpp:1:25: error: use nullptr*" "a planted fault is found"
commit "a planted fault"
lint 123 "*new.cpp*use nullptr*" "on main, the last commit is what has changed"
git -C "$tree" checkout -q -b branch
printf '#include "base/new.h"\nint* none() { return nullptr; }\n' >"$tree/src/base/new.cpp"
printf '#pragma once\ninline %s\n' "${fault/nothing/planted}" >"$tree/src/base/new.h"
commit "a fault in a header"
lint 123 "*new.h:2:*use nullptr*" "a header is seen by its source"
git -C "$tree" mv src/base/new.h src/base/moved.h
sed -i 's/return 0/return nullptr/' "$tree/src/base/moved.h"
sed -i 's/new\.h/moved.h/' "$tree/src/base/new.cpp"
lint 0 "*nothing in 1 changed units*" "and clean once it is mended"
rm "$tree/build/compile_commands.json"
lint 77 "*SKIPPED*is not configured*" "without a build it skips and says so"

printf '%s failures\n' "$failures"
[ "$failures" = 0 ]
