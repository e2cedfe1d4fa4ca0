#!/usr/bin/env bash
# Builds with CUDA and collects what a machine with one GPU and no network needs to run scripts/gpu_suite.sh.
#   scripts/gpu_package.sh [--no-build] [--folders "NAME..."] FOLDER
# FOLDER must not exist or be empty. --no-build takes the build as it is; --folders packs these parity folders alone
# (tests/oracle/gpu_folders.py has the names). PERFBENCH_PRESET names another preset than cuda.
# The other machine has: a driver, python3 with PyTorch of the version in cmake/libtorch.cmake, transformers and peft.
set -euo pipefail
root=$(CDPATH="" cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)
: "${PERFBENCH_PRESET:=cuda}"
. "$root/scripts/lib.sh"
limit_mib=60

build_it=yes folders=()
while [ $# -gt 1 ]; do
  case $1 in
    --no-build) build_it=no ;;
    --folders) shift && read -ra folders <<<"$1" ;;
    *) say "error: $1: unknown argument; valid: --no-build, --folders" && exit 2 ;;
  esac
  shift
done
[ $# = 1 ] || { say "error: FOLDER is missing" && exit 2; }
[ -z "$(ls -A "$1" 2>/dev/null)" ] || { say "error: $1: is not empty" && exit 2; }
mkdir -p "$1"
out=$(CDPATH="" cd -- "$1" && pwd -P)
python=$venv/bin/python

if [ $build_it = yes ]; then
  take_lock
  need_packages "${build_packages[@]}" "${test_packages[@]}" "${python_packages[@]}"
  need_wheels requirements-test.txt "100 MB" --no-deps
  need_libtorch cuda
  configure PERFBENCH_TESTS=ON PERFBENCH_ENGINE=ON
  build_targets perfbench perfbench_engine_library gpu_tests
  give_up_lock
fi
for file in perfbench libperfbench_engine.so; do
  [ -e "$build/$file" ] || fail "there is no $build/$file" "without --no-build this script builds it"
done

# Which of our libraries a machine with PyTorch and a driver lacks: what ours need, but for the system's and those that
# come with PyTorch and CUDA. C++'s own library is the target's: it must not be older than this machine's.
comes_with_the_machine() {
  case $1 in
    ld-linux* | linux-vdso* | libc.so* | libm.so* | libdl.so* | libpthread.so* | librt.so*) ;;
    libstdc++.so* | libgcc_s.so* | libgomp* | libcuda.so* | libnvidia-ml.so*) ;;
    libc10* | libtorch* | libcudart.so* | libcublas* | libcudnn* | libnccl.so* | libnvrtc*) ;;
    *) return 1 ;;
  esac
}
needed_by() { readelf -d "$1" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p'; }
take_libraries() {  # of the ELF file $1, and of what is taken
  local name path
  while read -r name; do
    if comes_with_the_machine "$name" || [ -e "$out/lib/$name" ]; then continue; fi
    path=$(ldd "$1" | awk -v name="$name" '$1 == name { print $3 }')
    [ -e "$path" ] || fail "$1 needs $name, which is not on this machine"
    strip -o "$out/lib/$name" "$path"
    take_libraries "$path"
  done < <(needed_by "$1")
}

mkdir -p "$out/lib" "$out/tests" "$out/folders"
strip -o "$out/perfbench" "$build/perfbench"
strip -o "$out/libperfbench_engine.so" "$build/libperfbench_engine.so"
take_libraries "$build/perfbench"
take_libraries "$build/libperfbench_engine.so"

# A line for each test that ctest labels gpu: its name, its binary, its arguments, parted by tabs.
ctest --test-dir "$build" -L '^gpu$' --show-only=json-v1 | "$python" -c '
import json, sys
for test in json.load(sys.stdin)["tests"]:
    if "command" not in test:
        sys.exit("the binary of " + test["name"] + " is not built; is it a dependency of the target gpu_tests?")
    binary, *arguments = test["command"]
    print(test["name"], binary, " ".join(arguments), sep="\t")' >"$out/gpu_tests.all" ||
  fail "the GPU tests cannot be packed"
while IFS=$'\t' read -r name binary arguments; do
  case $binary in
    "$build"/*)
      [ -e "$out/tests/${binary##*/}" ] || strip -o "$out/tests/${binary##*/}" "$binary"
      take_libraries "$binary"
      printf '%s\t%s\t%s\n' "$name" "${binary##*/}" "$arguments" >>"$out/gpu_tests.txt"
      ;;
    *) say "left out: $name, which is no binary of the build" ;;
  esac
done <"$out/gpu_tests.all"
rm "$out/gpu_tests.all"
[ -s "$out/gpu_tests.txt" ] || fail "ctest has no test labelled gpu"

cp -r "$root/model_configs" "$out/"
cp "$root"/scripts/{gpu_suite.sh,gpu_summary.py,results_table.py,peer_hf_lora.py} "$out/"
say "making the parity folders"
logged "$build/gpu_folders.log" "$python" "$root/tests/oracle/gpu_folders.py" "$out/folders" "${folders[@]}" ||
  fail "the parity folders cannot be made" "the log is $build/gpu_folders.log"

commit=$(git -C "$root" rev-parse HEAD 2>/dev/null || true)
dirty=$([ -z "$(git -C "$root" status --porcelain 2>/dev/null | head -n 1)" ] && echo false || echo true)
glibc=$(find "$out" -type f \( -name '*.so*' -o -perm -u+x \) -exec objdump -T {} + 2>/dev/null |
  grep -o 'GLIBC_2\.[0-9]*' | sort -uV | tail -n 1 || true)
version=$(LD_LIBRARY_PATH=$out/lib "$out/perfbench" --version | head -n 1)
printf '{"version": "%s", "commit": "%s", "changed_since": %s, "preset": "%s", "made": "%s", "needs": "%s"}\n' \
  "${version##* }" "$commit" "$dirty" "$preset" "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$glibc" >"$out/manifest.json"

size_mib=$(($(du -sk "$out" | cut -f1) / 1024))
folders=("$out"/folders/*/)
say "$out: $size_mib MiB, $(wc -l <"$out/gpu_tests.txt") binaries of GPU tests, ${#folders[@]} parity folders"
[ $size_mib -le $limit_mib ] ||
  fail "the package has more than $limit_mib MiB" "du -a $out | sort -n shows what is large"
