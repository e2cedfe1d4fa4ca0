#!/usr/bin/env bash
# What a machine with one GPU has to say about perfbench, in two calls of a few minutes: no network, no build, no git.
#   gpu_suite.sh [--call 1|2] [--dry] [--parts NAME,...] [--seconds N] [--device cuda|cpu] [--tiny] [PACKAGE] OUT
# Call 1 says whether the engine is right and how fast a row is, call 2 everything else; without --call both in one.
# PACKAGE is what scripts/gpu_package.sh made; the folder of this script unless given. PYTHON names another python3.
# OUT gets at most eight files: results.tar.gz, which unpacks into a folder <date>-<gpu> of results/, and beside it the
# files of it that matter most. --dry prints the plan; --tiny takes tiny models, so that a CPU can try the script.
# Exit status: 0 every part is ok, 1 one is not (the last lines say which), 2 bad input, 4 this machine lacks something.
set -uo pipefail

# Parts in order of value: the calls they belong to, the most seconds each may take, and the fewest with which it is
# worth starting.
plan="
libraries            12  60   2
doctor               12  30   5
smoke                1   45   5
gpu_tests            1  110  10
parity               1   60  10
lora_llama3_8b       1   90  30
slice_lora_llama3_8b 1   50  20
calibrate            1   60  20
peer_llama3_8b       2  110  60
lora_qwen2p5_7b      2   80  30
slice_llama3_8b      2   50  20
slice_llama3_70b     2   60  20
accuracy             2   20   3
peer_qwen2p5_7b      2  110  60
slice_mixtral_8x7b   2   50  20
slice_nemotron4_15b  2   50  20
sanitizer            2  120  60
"
declare -A call_s=([1]=400 [2]=280 [12]=680) # the rest of seven and of five minutes is for collecting
steps=4 warmup=1                             # of a row, ours and the peer's alike: a step takes some ten seconds

say() { printf 'gpu_suite: %s\n' "$*" >&2; }
bad_input() { say "error: $1" && exit 2; }
lacks() { say "error: $1" && printf '  hint: %s\n' "$2" >&2 && exit 4; }

# --- the parts: each runs as a process of its own, in SUITE_WORK, with its output in a log ---------------------------

missing() { echo "$1" && exit 77; } # a part that cannot run here is no success
run() { if [ -n "${SUITE_DRY:-}" ]; then printf '    %s\n' "${*//"$SUITE_PACKAGE"\//}"; else "$@"; fi; }
# Runs a command whose standard output is a result.
run_into() {
  local file=$1
  shift
  if [ -n "${SUITE_DRY:-}" ]; then run "$@" "> $file"; else "$@" >"$file"; fi
}
perfbench() { run "$SUITE_PACKAGE/perfbench" "$@"; }
has() { [[ $("$SUITE_PACKAGE/perfbench" --help) == *"$1 "* ]]; }

lora_job() { # sets job to the published single-GPU row of a model
  job=(--model "$1" --task lora --stack perfbench --num_gpus 1 -tp 1 -pp 1 -c bf16 -mb 2 --packed false)
  if [ -n "${SUITE_TINY:-}" ]; then job+=(-gb 8 --seq_len 64); else job+=(-gb 32 --seq_len 4096); fi
}
window() { echo --steps "$steps" --warmup_steps "$warmup"; }
hang=(--step_timeout_s 25) # shorter than any part: a rank that hangs is a row that says where

# Several GB that a cold disk would else read within the limits of the parts.
part_libraries() {
  local folder
  if [ -n "${SUITE_DRY:-}" ]; then run cat "<libraries of PyTorch and CUDA>" "> /dev/null" && return; fi
  for folder in ${SUITE_LIBRARIES//:/ }; do
    [ ! -d "$folder" ] || find -L "$folder" -maxdepth 1 -name '*.so*' -type f -size +20M -print
  done | sort -u >libraries.txt
  tr '\n' '\0' <libraries.txt | xargs -0 -r -n 1 -P 8 cat >/dev/null
  xargs -d '\n' -r ls -lL <libraries.txt
  uname -r && "$SUITE_PYTHON" --version
  ip -brief address 2>/dev/null || echo "there is no ip"
  nvidia-smi 2>/dev/null || echo "there is no nvidia-smi"
  echo "note: $(wc -l <libraries.txt) libraries read"
}

part_doctor() {
  run_into doctor.json "$SUITE_PACKAGE/perfbench" doctor --json
  perfbench doctor
}

# The engine at its smallest: where it is wrong in both, nothing that follows would say more.
part_smoke() {
  local name folder agree=0
  mkdir -p parity
  for name in llama_bf16 llama_fp32; do
    folder=$SUITE_PACKAGE/folders/$name
    if [ -n "${SUITE_DRY:-}" ]; then
      perfbench verify "folders/$name" --expect expect.safetensors --device "$SUITE_DEVICE" --json
    elif [ -d "$folder" ]; then
      verify_folder "$folder" && agree=$((agree + 1))
    fi
  done
  [ -n "${SUITE_DRY:-}" ] && return
  [ -d "$SUITE_PACKAGE/folders/llama_bf16" ] || [ -d "$SUITE_PACKAGE/folders/llama_fp32" ] ||
    missing "the package has neither of its folders"
  [ $agree -gt 0 ]
}

# Runs a binary of tests as the log is written, so that one that hangs is named by its last line.
run_tests() { # run_tests SECONDS LOG BINARY ARGUMENTS...
  local seconds=$1 log=$2
  shift 2
  timeout -k 3 "$seconds" "$@" --gtest_color=no 2>&1 | tee "$log"
  return "${PIPESTATUS[0]}"
}
# The first test of a log that failed; else the one that was running when the binary ended.
failed_test() {
  awk '$2 == "RUN" { running = $4 } $2 == "OK" || $2 == "SKIPPED" { running = "" }
       $2 == "FAILED" && running != "" { found = 1; exit } END { if (running != "") print running }' "$1"
}

count_of() { sed -n "s/^\[  $1 *\] \([0-9]*\) test.*/\1/p" "$2" | head -n 1 | grep . || echo 0; } # count_of WORD LOG

part_gpu_tests() {
  local name binary line again left status=0 passed=0 skipped=0 idle="" log=gpu_tests.out arguments=()
  while IFS=$'\t' read -r name binary line; do
    binary=$SUITE_PACKAGE/tests/$binary
    read -ra arguments <<<"$line"
    echo "== $name"
    if [ -n "${SUITE_DRY:-}" ]; then
      run "$binary" "${arguments[@]}"
      continue
    fi
    left=$((SUITE_LIMIT - SECONDS - 20)) # keeps time for one test more
    if ! run_tests $((left > 10 ? left : 10)) $log "$binary" "${arguments[@]}"; then
      status=1 again=$(failed_test $log)
      # An error of the device shows itself late, and in every test that follows: alone and in step it says where it is.
      if [ -n "$again" ]; then
        echo "== $again again, alone, CUDA_LAUNCH_BLOCKING=1"
        CUDA_LAUNCH_BLOCKING=1 run_tests 15 again.out "$binary" "--gtest_filter=$again"
      fi
    fi
    [ "$(count_of PASSED $log)" != 0 ] || ! grep -q '^\[  PASSED' $log || idle+=" $name"
    passed=$((passed + $(count_of PASSED $log))) skipped=$((skipped + $(count_of SKIPPED $log)))
  done <"$SUITE_PACKAGE/gpu_tests.txt"
  [ -n "${SUITE_DRY:-}" ] && return
  [ $status = 0 ] && [ $passed = 0 ] && missing "no GPU test ran: $skipped were skipped"
  [ -z "$idle" ] || { status=1 && echo "all tests were skipped of:$idle"; }
  echo "note: $passed passed, $skipped skipped"
  return $status
}

part_parity() { # six at a time: each takes seconds to load LibTorch and next to none to compute
  local folders=("$SUITE_PACKAGE"/folders/*/)
  [ -d "${folders[0]}" ] || missing "the package has no parity folders"
  if [ -n "${SUITE_DRY:-}" ]; then
    perfbench verify "folders/<each of ${#folders[@]}>" --expect expect.safetensors --device "$SUITE_DEVICE" --json
    return
  fi
  mkdir -p parity
  local status=0
  printf '%s\0' "${folders[@]%/}" | OMP_NUM_THREADS=1 xargs -0 -n 1 -P 6 "$BASH" "$SUITE_SELF" --verify || status=1
  local agree
  agree=$(grep -l '"agrees": *true' parity/*.json | wc -l)
  # On a GPU attention in whole tiles is cuDNN's or FlashAttention's: a remark says that it was not.
  local slow
  slow=$(grep -l '"remarks": *\[ *$' parity/tiles_*.json 2>/dev/null)
  if [ "$SUITE_DEVICE" = cuda ] && [ -n "$slow" ]; then
    status=1 && echo "not the fast kernels in: $slow"
  fi
  echo "note: $agree of ${#folders[@]} folders agree with transformers and peft"
  return $status
}
verify_folder() {
  local name=${1##*/} flags
  read -ra flags <"$1/verify_flags"
  flags+=(--expect "$1/expect.safetensors" --device "$SUITE_DEVICE" --json)
  "$SUITE_PACKAGE/perfbench" verify "$1" "${flags[@]}" >"parity/$name.json" 2>"parity/$name.err"
  local status=$?
  if [ $status = 0 ]; then echo "$name: agrees"; else echo "$name: exit $status $(head -n 1 "parity/$name.err")"; fi
  return $status
}

part_lora() {
  lora_job "$1"
  # What the published table calls a FLOP.
  mkdir -p convention
  run_into "convention/$1.json" "$SUITE_PACKAGE/perfbench" "${job[@]}" --gpu h100 --stack automodel --json
  # shellcheck disable=SC2046  # a list of flags
  perfbench --mode measure --device "$SUITE_DEVICE" "${hang[@]}" "${job[@]}" $(window) --out "rows/$1"
}

part_peer() {
  lora_job "$1"
  mkdir -p peer
  # shellcheck disable=SC2046
  run "$SUITE_PYTHON" -u "$SUITE_PACKAGE/peer_hf_lora.py" --device "$SUITE_DEVICE" --output "peer/$1.json" $(window) \
    --seconds $((SUITE_LIMIT - 10)) ${SUITE_TINY:+--tiny} --perfbench "$SUITE_PACKAGE/perfbench" -- "${job[@]}"
}

# The rank's share of published rows: NeMo 25.04, H100, FP8 with current scaling. Llama3-8B without the
# published cp 2: the ring of K and V runs in float32 blocks on CUDA (93 GiB so). And of a measured row, which says how
# much of its step is kernels and how near a slice is to the whole.
part_slice() {
  has '  --stage' || missing "this perfbench has no --stage"
  local stage=all
  job=(--model "$1" --task pretrain --stack perfbench -c fp8cs)
  case $1 in
    lora_*) lora_job "${1#lora_}" ;;
    llama3_8b) job+=(-ng 8 -tp 1 -pp 1 -cp 1 -mb 1 -gb 128 --seq_len 8192) ;;
    llama3_70b) job+=(-ng 64 -tp 4 -pp 8 -vp 5 -mb 1 -gb 128 --seq_len 8192) stage=middle ;; # three would take minutes
    mixtral_8x7b) job+=(-c bf16 -ng 64 -pp 4 -vp 8 -ep 8 -mb 1 -gb 256 --seq_len 4096) stage=middle ;; # experts in BF16
    nemotron4_15b) job+=(-ng 64 -tp 2 -pp 1 -mb 2 -gb 256 --seq_len 4096) ;;
  esac
  # The last of a repeated flag counts.
  [ -z "${SUITE_TINY:-}" ] || job+=(-ng 2 -tp 1 -pp 2 -vp 1 -cp 1 -ep 1 -mb 1 -gb 8 --seq_len 64)
  perfbench --mode slice --stage $stage --device "$SUITE_DEVICE" "${hang[@]}" "${job[@]}" --steps 3 --warmup_steps 1 --out "slices/$1"
}

part_calibrate() {
  has '  perfbench calibrate' || missing "this perfbench has no calibrate"
  local budget=$((SUITE_LIMIT * 2 / 3)) # starting and the grid's last kernels come on top
  [ -z "${SUITE_TINY:-}" ] || budget=2
  lora_job llama3_8b
  perfbench calibrate "${job[@]}" --device "$SUITE_DEVICE" "${hang[@]}" --budget "$budget" --output calibration.json
}

# What is predicted from the measured kernels, op by op and for the measured rows.
part_accuracy() {
  has '  perfbench accuracy' || missing "this perfbench has no accuracy"
  # Call 1 has made it; PACKAGE/calibration.json brings it to another machine.
  [ -e calibration.json ] || [ ! -e "$SUITE_PACKAGE/calibration.json" ] || cp "$SUITE_PACKAGE/calibration.json" .
  [ -e calibration.json ] || [ -n "${SUITE_DRY:-}" ] || missing "there is no calibration"
  [ "$SUITE_DEVICE" = cuda ] || missing "a CPU is measured and never predicted"
  local name status=0
  run_into accuracy.json "$SUITE_PACKAGE/perfbench" accuracy --calibration calibration.json --json || status=1
  perfbench accuracy --calibration calibration.json || status=1
  mkdir -p predicted
  for name in llama3_8b qwen2p5_7b; do
    lora_job $name
    run_into predicted/$name.json "$SUITE_PACKAGE/perfbench" "${job[@]}" --gpu "$(system_of_machine)" \
      --calibration calibration.json --mode simulate --json || status=1
  done
  return $status
}
system_of_machine() {
  "$SUITE_PYTHON" -c 'import json; print(json.load(open("calibration.json"))["system"])' 2>/dev/null || echo h100
}

# Over the project's own kernels alone: the others are many, slow to check, and not ours.
part_sanitizer() {
  local tool=${CUDA_HOME:-/usr/local/cuda}/bin/compute-sanitizer check kernels=() status=0
  command -v compute-sanitizer >/dev/null && tool=compute-sanitizer
  command -v "$tool" >/dev/null || missing "there is no compute-sanitizer"
  [ "$SUITE_DEVICE" = cuda ] || missing "compute-sanitizer needs a GPU"
  [[ $("$tool" --help) != *"--kernel-name "* ]] || kernels=(--kernel-name kernel_substring=perfbench)
  for check in memcheck racecheck; do
    run "$tool" --tool $check "${kernels[@]}" --error-exitcode 9 "$SUITE_PACKAGE/tests/ops_tests" \
      '--gtest_filter=*Gpu*' --gtest_brief=1 || status=1
  done
  return $status
}

part() {
  case $1 in
    lora_* | peer_* | slice_*) "part_${1%%_*}" "${1#*_}" ;;
    *) "part_$1" ;;
  esac
}

# --- the run ---------------------------------------------------------------------------------------------------------

# The folders of PyTorch's libraries and of those that its wheel needs, parted by colons.
torch_libraries() {
  "$SUITE_PYTHON" - <<'EOF'
import importlib.util, pathlib
torch = importlib.util.find_spec("torch")
nvidia = importlib.util.find_spec("nvidia")
folders = [pathlib.Path(p) / "lib" for p in torch.submodule_search_locations]
for place in nvidia.submodule_search_locations if nvidia else ():
    folders += sorted(pathlib.Path(place).glob("*/lib"))
print(":".join(map(str, folders)))
EOF
}

# model_configs whose models have these names and families, and a size that a CPU trains in milliseconds.
write_tiny_models() { # write_tiny_models FOLDER
  cp -r "$SUITE_PACKAGE/model_configs" "$1" && "$SUITE_PYTHON" - "$1/models" <<'EOF'
import json, pathlib, sys
sizes = {"hidden_size": 64, "intermediate_size": 160, "num_hidden_layers": 2, "num_attention_heads": 4,
         "num_key_value_heads": 2, "vocab_size": 512}
for name in ("llama3_8b", "llama3_70b", "qwen2p5_7b", "nemotron4_15b"):
    file = pathlib.Path(sys.argv[1]) / name / "config.json"
    config = {k: v for k, v in json.loads(file.read_text()).items() if not k.startswith("_")} | sizes
    if "head_dim" in config:
        config["head_dim"] = 16
    file.write_text(json.dumps(config))
EOF
}

record() { printf '%s\t%s\t%s\t%s\n' "$@" >>"$SUITE_WORK/parts.tsv"; } # part, status, seconds, why

collect() { # what there is by now becomes OUT's files
  "$SUITE_PYTHON" "$SUITE_PACKAGE/gpu_summary.py" "$SUITE_WORK" "$out" --data "$SUITE_PACKAGE/model_configs" "$@"
}

last_word() { # the error that a log ends with, else its last line
  local line
  line=$(grep -E ' error: |^[A-Za-z.]*Error: |^all tests were skipped' "$1" | tail -n 1)
  [ -n "$line" ] || line=$(grep -v '^ *$' "$1" | tail -n 1)
  tr '\t' ' ' <<<"$line" | cut -c 1-160
}

run_part() { # run_part NAME SECONDS
  local log=$SUITE_WORK/logs/$1.log began=$SECONDS status why=""
  # In the background, so that a signal to this script is seen at once.
  SUITE_LIMIT=$2 timeout -k 5 "$2" "$BASH" "$SUITE_SELF" --part "$1" >"$log" 2>&1 </dev/null &
  child=$!
  wait $child
  status=$?
  why=$(last_word "$log")
  case $status in
    0)
      status=ok why=$(tail -n 1 "$log")
      [[ $why = "note: "* ]] && why=${why#note: } || why=""
      ;;
    77) status=missing ;;
    124 | 137) why="more than $2 s${why:+; $why}" status=timeout ;;
    *) why="exit $status${why:+; $why}" status=failed ;;
  esac
  record "$1" "$status" $((SECONDS - began)) "$why"
  say "$1: $status after $((SECONDS - began)) s${why:+: $why}"
}

is_asked() { # is_asked NAME CALLS
  if [ -n "$parts" ]; then [[ ,$parts, == *",$1,"* ]]; else [[ $2 =~ [$call] ]]; fi
}

run_plan() {
  local name calls limit at_least left stopped=""
  while read -r name calls limit at_least; do
    if [ -z "$name" ] || ! is_asked "$name" "$calls"; then continue; fi
    left=$((total_s - SECONDS))
    [ $left -ge "$limit" ] || limit=$left
    if [ -n "${SUITE_DRY:-}" ]; then
      printf '%s, at most %s s\n' "$name" "$limit"
      (SUITE_LIMIT=$limit part "$name") || true
    elif [ -n "$stopped" ]; then
      record "$name" "not tried" 0 "$stopped"
    elif [ "$left" -lt "$at_least" ]; then
      record "$name" "no time" 0 "$left s were left, it needs $at_least"
    else
      run_part "$name" "$limit"
      collect --quiet
      if [ "$name" = smoke ] && tail -n 1 "$SUITE_WORK/parts.tsv" | grep -qE $'^smoke\t(failed|timeout)'; then
        stopped="the smoke test failed"
      fi
    fi
  done <<<"$plan"
}

main() {
  local device=cuda tiny="" dry="" parts="" call=12 total_s="" places=() known
  while [ $# -gt 0 ]; do
    case $1 in
      --dry) dry=yes ;;
      --tiny) tiny=yes ;;
      --parts | --seconds | --device | --call)
        [ $# -gt 1 ] || bad_input "$1: has no value"
        case $1 in --parts) parts=$2 ;; --seconds) total_s=$2 ;; --call) call=$2 ;; *) device=$2 ;; esac
        shift
        ;;
      -*) bad_input "$1: unknown argument; valid: --call, --dry, --parts, --seconds, --device, --tiny" ;;
      *) places+=("$1") ;;
    esac
    shift
  done
  [[ $device =~ ^(cuda|cpu)$ ]] || bad_input "--device: $device is neither cuda nor cpu"
  [[ $call =~ ^(1|2|12)$ ]] || bad_input "--call: $call is neither 1 nor 2"
  [ -n "$total_s" ] || total_s=${call_s[$call]}
  [[ $total_s =~ ^[0-9]+$ ]] || bad_input "--seconds: $total_s is no number"
  known=$(awk 'NF {print $1}' <<<"$plan" | paste -sd ,)
  for name in ${parts//,/ }; do
    [[ ,$known, == *",$name,"* ]] || bad_input "--parts: $name is no part; valid: $known"
  done
  case ${#places[@]} in
    1) places=("$(dirname -- "${BASH_SOURCE[0]}")" "${places[0]}") ;;
    2) ;;
    *) bad_input "usage: gpu_suite.sh [--call 1|2] [--dry] [--parts NAME,...] [--device cuda|cpu] [--tiny] [PACKAGE] OUT" ;;
  esac

  SUITE_SELF=$(CDPATH="" cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)/$(basename -- "${BASH_SOURCE[0]}")
  SUITE_PACKAGE=$(CDPATH="" cd -- "${places[0]}" 2>/dev/null && pwd -P) || bad_input "${places[0]}: is no folder"
  [ -x "$SUITE_PACKAGE/perfbench" ] || bad_input "$SUITE_PACKAGE: is no package; scripts/gpu_package.sh makes one"
  SUITE_PYTHON=$(command -v "${PYTHON:-python3}") || lacks "there is no ${PYTHON:-python3}" "PYTHON=... names another"
  SUITE_PYTHON=$(realpath -s -- "$SUITE_PYTHON") # parts run in a folder of their own
  if [ -n "${PYTHONPATH:-}" ]; then
    PYTHONPATH=$(tr ':' '\n' <<<"$PYTHONPATH" | sed '/^$/d' | xargs -d '\n' realpath -sm -- | paste -sd :)
  fi
  libraries=$(torch_libraries 2>/dev/null) || [ -n "$dry" ] ||
    lacks "$SUITE_PYTHON has no torch" "PYTHON=... names a Python that has PyTorch"
  export SUITE_LIBRARIES=$libraries SUITE_SELF SUITE_PACKAGE SUITE_PYTHON SUITE_DEVICE=$device SUITE_TINY=$tiny SUITE_DRY=$dry
  export LD_LIBRARY_PATH=$SUITE_PACKAGE/lib:$libraries${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
  export PERFBENCH_DATA=$SUITE_PACKAGE/model_configs PERFBENCH_SOURCE_DIR=$SUITE_PACKAGE HF_HUB_OFFLINE=1
  export PERFBENCH_BINARY=$SUITE_PACKAGE/perfbench PERFBENCH_ENGINE_LIBRARY=$SUITE_PACKAGE/libperfbench_engine.so
  unset NEMORUN_HOME

  SUITE_WORK=$(mktemp -d) && export SUITE_WORK
  out=$(mkdir -p "${places[1]}" && CDPATH="" cd -- "${places[1]}" && pwd -P) || bad_input "${places[1]}: cannot be made"
  trap 'rm -rf "$SUITE_WORK"' EXIT
  mkdir "$SUITE_WORK/logs" && cd "$SUITE_WORK" || exit 4
  if [ -n "$tiny" ]; then
    PERFBENCH_DATA=$SUITE_WORK/tiny
    write_tiny_models "$PERFBENCH_DATA" || exit 4
  fi
  if [ -n "$dry" ]; then
    printf '%s s in all\n' "$total_s"
    run_plan
    return
  fi
  printf '{"device": "%s", "call": "%s", "tiny": %s, "began": "%s"}\n' "$device" "$call" \
    "$([ -n "$tiny" ] && echo true || echo false)" \
    "$(date -u +%Y-%m-%dT%H:%M:%SZ)" >suite.json
  cp "$SUITE_PACKAGE/manifest.json" .
  child=""
  trap '[ -z "$child" ] || kill "$child" 2>/dev/null; collect; exit 1' TERM INT
  run_plan
  collect
  ! grep -qv $'^[^\t]*\tok\t' parts.tsv
}

case ${1:-} in
  --part) shift && part "$1" ;;
  --verify) shift && verify_folder "$1" ;;
  *) main "$@" ;;
esac
