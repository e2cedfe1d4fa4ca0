#!/usr/bin/env bash
# Installs what is missing, builds, and runs perfbench with the same arguments.
#   scripts/run.sh ARGS...                 standard output and exit status are those of perfbench
#   PERFBENCH_PRESET=cuda scripts/run.sh   another preset of CMakePresets.json than cpu
# Debian packages are installed with apt-get, as root or with sudo. LibTorch is fetched only to measure.
set -euo pipefail
root=$(CDPATH="" cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)
. "$root/scripts/lib.sh"

measures() {  # true when the arguments ask for --mode measure or slice, or to verify
  local previous="" argument
  [ "${1:-}" != verify ] || return 0
  for argument in "$@"; do
    case $previous$argument in
      --modemeasure | --modeslice | *--mode=measure | *--mode=slice) return 0 ;;
    esac
    previous=$argument
  done
  return 1
}

targets=(perfbench)
settings=()
take_lock
need_packages "${build_packages[@]}"
if measures "$@" || preset_has_engine; then
  need_libtorch cpu
  settings+=(PERFBENCH_ENGINE=ON)
  targets+=(perfbench_engine_library)
fi
# The first build leaves out tests and engine; one that has them keeps them.
[ -e "$build/build.ninja" ] || settings+=(PERFBENCH_TESTS=OFF)
configure "${settings[@]}"
build_targets "${targets[@]}"
give_up_lock
exec "$build/perfbench" "$@"
