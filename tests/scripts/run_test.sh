#!/usr/bin/env bash
# scripts/run.sh and scripts/test.sh in a small tree with stand-ins for the tools: what it calls, what it prints, what it returns.
set -uo pipefail
source_dir=$(CDPATH="" cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd -P)
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
unset PERFBENCH_PRESET
failures=0

stub() { printf '#!/bin/bash\necho "%s $*" >>"%s/calls"\n%s\n' "$1" "$tree" "$2" >"$tree/bin/$1" && chmod +x "$tree/bin/$1"; }

# shellcheck disable=SC2016  # expanded by the stand-ins
fresh() {  # a clone that was never built, on a machine that has all packages and no network
  rm -rf "${tree:?}" && mkdir -p "$tree/bin" "$tree/scripts" && cp "$source_dir"/scripts/* "$tree/scripts" 2>/dev/null
  stub dpkg-query 'for p in "${@:3}"; do printf "installed=%s " "$p"; done'
  stub apt-get 'exit 100'
  stub sudo 'exec "$@"'
  stub cmake "echo chatter; touch '$tree/build/build.ninja'; for a in \"\$@\"; do
    case \$a in -D*) a=\${a#-D}; echo \"\${a%%=*}:STRING=\${a#*=}\" >>'$tree/build/CMakeCache.txt' ;; esac; done"
  stub ninja "echo chatter; printf '#!/bin/bash\nprintf \"<%%s>\" \"\$@\"\nexit 7\n' >'$tree/build/perfbench'; chmod +x '$tree/build/perfbench'"
  stub python3 "mkdir -p '$tree/.venv/bin'; cp '$tree/bin/pip' '$tree/.venv/bin/python'"
  stub pip 'echo chatter'
}

run() {  # sets out, err, status and calls
  : >"$tree/calls"
  out=$(PATH=$tree/bin:$PATH "$tree/scripts/${script:-run.sh}" "$@" 2>"$tree/err")
  status=$?
  err=$(cat "$tree/err")
  calls=$(cat "$tree/calls")
}

expect_not() {  # expect_not WHAT ACTUAL PATTERN
  # shellcheck disable=SC2053  # a pattern
  [[ $2 != $3 ]] && return
  printf 'FAILED: %s\n  actual: %s\n  unwanted: %s\n' "$1" "$2" "$3"
  failures=$((failures + 1))
}

expect() {  # expect WHAT ACTUAL PATTERN
  # shellcheck disable=SC2053  # a pattern
  [[ $2 == $3 ]] && return
  printf 'FAILED: %s\n  actual: %s\n  wanted: %s\n' "$1" "$2" "$3"
  failures=$((failures + 1))
}

fresh
run --model "a b" --json
expect "standard output is that of perfbench" "$out" "<--model><a b><--json>"
expect "exit status is that of perfbench" "$status" 7
expect "the first run configures and builds perfbench alone" "$calls" \
  $'dpkg-query *\ncmake --preset cpu -DPERFBENCH_TESTS=OFF\nninja -C */build perfbench'
run --model x
expect "the second run only asks ninja" "$calls" $'dpkg-query *\nninja -C */build perfbench'
expect "the second run says nothing" "$err" ""

for arguments in "--mode measure" "--mode slice" "--mode=measure" "--json --mode=slice" "verify DIR"; do
  fresh
  # shellcheck disable=SC2086
  run $arguments
  expect "$arguments installs LibTorch" "$calls" "*pip install *requirements-libtorch-cpu.txt*"
  expect "$arguments builds the engine" "$calls" "*-DPERFBENCH_ENGINE=ON*ninja -C */build perfbench perfbench_engine_library"
  # shellcheck disable=SC2086
  run $arguments
  expect_not "$arguments a second time installs nothing" "$calls" "*pip install*"
done
for arguments in "--mode simulate" "--model measure" "--mode auto slice" "--trace mode=measure"; do
  fresh
  # shellcheck disable=SC2086
  run $arguments
  expect_not "$arguments needs no LibTorch" "$calls" "*pip*"
  expect_not "$arguments needs no engine" "$calls" "*engine*"
done

# shellcheck disable=SC2016
{
  fresh
  stub dpkg-query 'printf "installed=g++ not-installed=libcsv-dev "'
  run --json
}
expect "a failed installation prints nothing to standard output" "$out" ""
expect "a failed installation exits 4" "$status" 4
expect "a failed installation names what is missing" "$err" "*error: apt-get could not install: libcsv-dev nlohmann-json3-dev*network*"
expect_not "and does not build" "$calls" "*ninja -C*"

fresh
stub ninja 'echo "src/base/x.cpp:1: error: oops"; exit 1'
run --json
expect "a failed build prints nothing to standard output" "$out" ""
expect "a failed build shows the compiler's message" "$err" "*oops*the build failed*"
expect "a failed build exits 4" "$status" 4

script=test.sh
fresh
stub ctest 'exit 5'
run -R sim
expect "the tests have a PyTorch that can be imported" "$calls" \
  "*pip install *requirements-test.txt*pip install *requirements-libtorch-cuda.txt*--target */.venv/libtorch*ctest *-R sim*"
expect "the exit status of the tests is that of ctest" "$status" 5
run
expect_not "an installed PyTorch is not installed again" "$calls" "*pip install*"
run --no-oracles
expect_not "the larger set serves the tests without oracles, too" "$calls" "*pip install*"
printf '\n' >>"$tree/scripts/requirements-libtorch-cuda.txt"
run --no-oracles
expect "without oracles, an old larger set makes room for the smaller one" "$calls" "*pip install *libtorch-cpu.txt*"
run --no-oracles
expect_not "which is not installed again" "$calls" "*pip install*"
run
expect "the oracles replace the smaller set" "$calls" "*pip install *libtorch-cuda.txt*"
expect_not "by the larger one alone" "$calls" "*libtorch-cpu.txt*"
printf '\n' >>"$tree/scripts/requirements-libtorch-cuda.txt"
run --no-oracles
expect "a replaced smaller set is not taken for an installed one" "$calls" "*pip install *libtorch-cpu.txt*"

printf '%s failures\n' "$failures"
[ "$failures" = 0 ]
