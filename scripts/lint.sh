#!/usr/bin/env bash
# Slow checks that the tests leave out: clang-tidy on the sources and shellcheck on the scripts.
#   scripts/lint.sh [FILE.cpp...]      for people before a commit; default: every source that the build of the preset compiles
#   scripts/lint.sh --changed [BASE]   clang-tidy on what differs from BASE (scripts/changed_units.py), as CI does: at most the
#                                      20 units with the most changed lines. Exit status 77, and a word why, where that cannot be.
# Needs a build (scripts/test.sh); the first form installs the Debian packages clang-tidy and shellcheck.
set -euo pipefail
root=$(CDPATH="" cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)
. "$root/scripts/lib.sh"
build=${PERFBENCH_BUILD:-$build}
most=20
cd "$root"

skip() {
  say "SKIPPED: clang-tidy looked at nothing, because $1"
  exit 77
}

tidy() {  # tidy [FILE...]: clang does not know every option of g++
  [ $# = 0 ] && return  # printf would make one empty name of no name
  printf '%s\0' "$@" | xargs -0 -r -n 1 -P "$(nproc)" clang-tidy -p "$build" --quiet \
    --extra-arg=-Wno-unknown-warning-option --extra-arg=-Wno-ignored-optimization-argument 2>/dev/null
}

if [ "${1:-}" = --changed ]; then
  command -v clang-tidy >/dev/null || skip "it is not installed (Debian: apt-get install clang-tidy)"
  command -v git >/dev/null || skip "there is no git to say what has changed"
  [ -e "$build/compile_commands.json" ] || skip "$build is not configured"
  units=$(python3 scripts/changed_units.py "$build" "${@:2}") || skip "git has nothing to compare with"
  mapfile -t files < <(printf '%s' "$units" | head -n "$most")
  tidy "${files[@]}"
  say "clang-tidy found nothing in ${#files[@]} changed units"
  left=$(printf '%s' "$units" | tail -n "+$((most + 1))")
  [ -z "$left" ] || printf 'perfbench: NOT LOOKED AT, with fewer changed lines: %s\n' "$left" >&2
  exit
fi

take_lock
need_packages clang-tidy shellcheck
give_up_lock
[ -e "$build/compile_commands.json" ] || fail "$build is not configured" "run scripts/test.sh first"
shellcheck -x scripts/*.sh .ci/run tests/scripts/*.sh
files=("$@")
if [ ${#files[@]} = 0 ]; then
  mapfile -t files < <(sed -n 's|^ *"file": "\(.*/src/.*\.cpp\)".*|\1|p' "$build/compile_commands.json" | sort -u)
fi
tidy "${files[@]}"
say "clang-tidy and shellcheck found nothing in ${#files[@]} sources"
