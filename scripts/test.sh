#!/usr/bin/env bash
# Installs what is missing, builds everything, and runs all tests.
#   scripts/test.sh [--no-oracles] [--tidy] [ctest arguments]
# --no-oracles leaves out the tests that need Python packages (the oracles, format, Dockerfile) and does not install them;
# LibTorch is then 1.2 GB instead of 4.6 GB. --tidy adds clang-tidy on the sources that have changed, as CI does.
# Ends with ctest's exit status; a run without any test fails.
set -euo pipefail
root=$(CDPATH="" cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)
. "$root/scripts/lib.sh"

ctest=(ctest --test-dir "$build" --output-on-failure --no-tests=error)
oracles=yes tidy=no left_out=nothing
while :; do
  case ${1:-} in
    --no-oracles) oracles=no left_out+="|python" ;;
    --tidy) tidy=yes ;;
    *) break ;;
  esac
  shift
done
[ $tidy = yes ] || left_out+="|tidy"
ctest+=(-LE "^($left_out)$")
settings=(PERFBENCH_TESTS=ON)
take_lock
need_packages "${build_packages[@]}" "${test_packages[@]}" "${python_packages[@]}"
[ $tidy = no ] || need_packages clang-tidy
[ $oracles = no ] || need_wheels requirements-test.txt "100 MB" --no-deps
if [ "$preset" != asan ]; then  # LibTorch is not built for the sanitizers
  if [ $oracles = yes ]; then need_libtorch cuda; else need_libtorch cpu; fi
  settings+=(PERFBENCH_ENGINE=ON)
fi
configure "${settings[@]}"
build_targets all
give_up_lock
exec "${ctest[@]}" -j "$(nproc)" "$@"
