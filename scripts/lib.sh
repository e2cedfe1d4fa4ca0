# shellcheck shell=bash disable=SC2034,SC2154  # the scripts that source this set root and use the lists
# Shared by the scripts of this folder: install what is missing, configure, build. Sourced with `root` set.
# Nothing here writes to standard output: that belongs to perfbench. Exit status 4: this machine lacks something.

preset=${PERFBENCH_PRESET:-cpu}
build=$root/build
[ "$preset" = cpu ] || build=$root/build/$preset
venv=$root/.venv

build_packages=(g++ cmake ninja-build libcsv-dev nlohmann-json3-dev libfmt-dev libcli11-dev libxxhash-dev)
test_packages=(libgtest-dev libgmock-dev libbenchmark-dev ccache mold)
python_packages=(python3 python3-venv)

say() { printf 'perfbench: %s\n' "$*" >&2; }

fail() {  # fail WHAT [HINT]
  say "error: $1"
  [ $# -lt 2 ] || printf '  hint: %s\n' "$2" >&2
  exit 4
}

# One build at a time; taken before anything is installed, given up before perfbench runs.
take_lock() {
  mkdir -p "$build" || fail "cannot make the folder $build" "the clone must be writable"
  exec 9>"$root/build/.lock"
  flock -w 2 9 || { say "waiting for another build in $root"; flock 9; }
}
give_up_lock() { exec 9>&-; }

# Runs a command with its output in a log; shows the end of the log when it fails.
logged() {  # logged LOG COMMAND...
  local log=$1
  shift
  "$@" >"$log" 2>&1 </dev/null && return
  grep -v '^\[[0-9]*/[0-9]*\] ' "$log" | tail -n 40 >&2  # without ninja's progress
  return 1
}

missing_packages() {  # prints those of "$@" that are neither installed by dpkg nor there as a command
  local package installed
  installed=" $(dpkg-query -W -f='${db:Status-Status}=${Package} ' "$@" 2>/dev/null || true)"
  for package in "$@"; do
    case $installed in *" installed=$package "*) continue ;; esac
    case $package in
      g++ | cmake | python3 | ccache | mold) command -v "$package" >/dev/null && continue ;;
      ninja-build) command -v ninja >/dev/null && continue ;;
      python3-venv) python3 -c 'import ensurepip, venv' 2>/dev/null && continue ;;
      # Elsewhere than on Debian, CMake says which library it does not find.
      lib* | nlohmann*) command -v apt-get >/dev/null || continue ;;
    esac
    printf '%s ' "$package"
  done
}

need_packages() {  # installs those of "$@" that are missing
  local missing as_root=()
  missing=$(missing_packages "$@")
  [ -n "$missing" ] || return 0
  command -v apt-get >/dev/null ||
    fail "these are missing: $missing" "they are named as Debian does; this script cannot install them on another system"
  if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || fail "these Debian packages are missing: $missing" "as root: apt-get install $missing"
    as_root=(sudo)
  fi
  say "installing Debian packages: $missing"
  local apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300)
  logged "$build/apt.log" "${apt[@]}" update || true  # an old list may still do; install decides
  # shellcheck disable=SC2086  # a list of names
  logged "$build/apt.log" "${apt[@]}" install -y --no-install-recommends $missing ||
    fail "apt-get could not install: $missing" "is the network there? The log is $build/apt.log"
}

# The checksum of a requirements file that is installed; an unchanged file costs nothing.
stamp_of() { printf '%s\n' "$venv/.installed-${1%.txt}"; }
is_installed() { [ "$(cat "$(stamp_of "$1")" 2>/dev/null)" = "$(cksum <"$root/scripts/$1")" ]; }

# Installs a requirements file once.
need_wheels() {  # need_wheels FILE SIZE PIP-OPTIONS...
  local file=$root/scripts/$1 size=$2 stamp sum
  ! is_installed "$1" || return 0
  stamp=$(stamp_of "$1")
  shift 2
  need_packages "${python_packages[@]}"
  [ -x "$venv/bin/python" ] || logged "$build/pip.log" python3 -m venv "$venv" || fail "cannot make $venv" "see $build/pip.log"
  say "installing $(basename "$file") into .venv ($size)"
  logged "$build/pip.log" "$venv/bin/python" -m pip install --disable-pip-version-check --no-input -r "$file" "$@" ||
    fail "pip could not install $file" "is the network there? The log is $build/pip.log"
  sum=$(cksum <"$file")
  printf '%s\n' "$sum" >"$stamp"
}

# A folder of its own: Python must not take the wheel without its CUDA libraries for a working torch.
# The set "cuda" holds all of the set "cpu", and a torch that Python can import. Each replaces the other's files, so that
# one of the two stamps is there at most.
need_libtorch() {  # need_libtorch cpu|cuda
  local cpu=requirements-libtorch-cpu.txt cuda=requirements-libtorch-cuda.txt
  ! is_installed $cuda || return 0
  rm -f "$(stamp_of $cuda)"
  if [ "$1" = cuda ] || [ "$preset" = cuda ]; then
    rm -f "$(stamp_of $cpu)"
    need_wheels $cuda "4.6 GB" --no-deps --upgrade --target "$venv/libtorch"
  else
    need_wheels $cpu "1.2 GB" --no-deps --upgrade --target "$venv/libtorch"
  fi
}

# The presets that build the engine whatever is asked.
preset_has_engine() { [ "$preset" = cuda ] || [ "$preset" = ci ]; }

cached() { sed -n "s/^$1:[A-Z]*=//p" "$build/CMakeCache.txt" 2>/dev/null || true; }

# Configures when there is no build yet, when the presets have changed, or when a NAME=VALUE of "$@" is not what the build has.
configure() {
  local setting changed=()
  local home
  home=$(cached CMAKE_HOME_DIRECTORY)
  if [ -n "$home" ] && [ "$home" != "$root" ]; then  # the folder was moved or copied
    rm -rf "$build/CMakeCache.txt" "$build/CMakeFiles" "$build/build.ninja"
  fi
  for setting in "$@"; do
    [ "$(cached "${setting%%=*}")" = "${setting#*=}" ] || changed+=("-D$setting")
  done
  [ -e "$build/build.ninja" ] && [ ${#changed[@]} = 0 ] && ! [ "$root/CMakePresets.json" -nt "$build/build.ninja" ] && return
  (cd "$root" && logged "$build/cmake.log" cmake --preset "$preset" "${changed[@]}") ||
    fail "cmake could not configure $build" "the log is $build/cmake.log"
}

build_targets() {
  local built="$build/.built-${*: -1}"
  [ -e "$built" ] || say "building in $build (the first time takes a few minutes)"
  logged "$build/ninja.log" ninja -C "$build" "$@" || fail "the build failed" "the log is $build/ninja.log"
  touch "$built"
}
