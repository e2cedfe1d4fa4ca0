#!/usr/bin/env bash
# Slow checks that the tests leave out: clang-tidy on the sources and shellcheck on the scripts, for people before a commit.
#   scripts/lint.sh [FILE.cpp...]    default: every source that the build of the preset compiles
# Needs a build (scripts/test.sh) and the Debian packages clang-tidy and shellcheck.
set -euo pipefail
root=$(CDPATH="" cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)
. "$root/scripts/lib.sh"

take_lock
need_packages clang-tidy shellcheck
give_up_lock
cd "$root"
[ -e "$build/compile_commands.json" ] || fail "$build is not configured" "run scripts/test.sh first"
shellcheck -x scripts/*.sh .ci/run tests/scripts/*.sh
files=("$@")
if [ ${#files[@]} = 0 ]; then
  mapfile -t files < <(sed -n 's|^ *"file": "\(.*/src/.*\.cpp\)".*|\1|p' "$build/compile_commands.json" | sort -u)
fi
# clang does not know every warning option of g++.
printf '%s\0' "${files[@]}" | xargs -0 -n 1 -P "$(nproc)" \
  clang-tidy -p "$build" --quiet --extra-arg=-Wno-unknown-warning-option 2>/dev/null
say "clang-tidy and shellcheck found nothing in ${#files[@]} sources"
