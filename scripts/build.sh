#!/usr/bin/env bash
# Installs what is missing and builds perfbench, without running it.
#   scripts/build.sh            what scripts/run.sh builds
#   scripts/build.sh --engine   also LibTorch (1.2 GB, into .venv) and the engine library
#   PERFBENCH_PRESET=cuda scripts/build.sh --engine   with CUDA and NCCL, into build/cuda; needs the CUDA toolkit
set -euo pipefail
root=$(CDPATH="" cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)
. "$root/scripts/lib.sh"

targets=(perfbench)
settings=()
case ${1:-} in
  "" | --engine) ;;
  *) say "error: $1: unknown argument; valid: --engine" && exit 2 ;;
esac
take_lock
need_packages "${build_packages[@]}"
if [ $# -gt 0 ] || preset_has_engine; then
  need_libtorch cpu
  settings+=(PERFBENCH_ENGINE=ON)
  targets+=(perfbench_engine_library)
fi
[ -e "$build/build.ninja" ] || settings+=(PERFBENCH_TESTS=OFF)
configure "${settings[@]}"
build_targets "${targets[@]}"
say "built $build/perfbench"
