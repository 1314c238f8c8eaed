#!/usr/bin/env bash
# Builds every tests/c/*.c as C99 and as C++11, and every tests/cpp/*.cpp with and without exceptions and as
# C++20, against the library with the fake model, and runs each: plain, under valgrind, and with the address
# sanitizer on both sides of the border. A test that hangs is killed from outside.
#
#   scripts/c-tests.sh [plain] [valgrind] [asan]   (all)
#   WICK_CARGO   the features of the library under test; CHECK_SECONDS: when a test hangs (600; three times that under a checker)
set -euo pipefail
cd "$(dirname "$0")/.."

read -ra features <<<"${WICK_CARGO:---no-default-features --features native,testing,text}"
seconds=${CHECK_SECONDS:-600}
target=${CARGO_TARGET_DIR:-target}
[ $# -gt 0 ] || set -- plain valgrind asan
objects=$target/c-tests
mkdir -p "$objects"
open=$(mktemp -d)
trap 'rm -rf "$open"' EXIT
jobs=$(nproc 2>/dev/null || echo 1)
# How each language is compiled.
c99=(cc -x c -std=c99)
c__11=(c++ -x c++ -std=c++11)
no_exceptions=(c++ -x c++ -std=c++11 -fno-exceptions)
c__20=(c++ -x c++ -std=c++20)
flags=(-Wall -Wextra -Werror -pedantic -g -Iinclude)
system=(-lpthread -lm -ldl)

# The model of the tests that need a real one: the small one beside the vectors where it is there. Under a
# checker no other: it would take hours.
small=
if [ -f "${WICK_VECTORS:-}/../models/stories260K-f32.gguf" ]; then
  small=$WICK_VECTORS/../models
  export WICK_MODELS=$small
fi

# Runs a test; its output shows when it fails, and where it says what it left out.
run() { # seconds, name, command
  local limit=$1 name=$2 code=0
  local out=$objects/${name// /-}.out
  shift 2
  timeout -s KILL "$limit" "$@" >"$out" 2>&1 </dev/null || code=$?
  if [ "$code" -ne 0 ]; then
    cat "$out"
    [ "$code" -ne 137 ] || echo "killed after $limit s: it hangs"
    echo "FAILED: $name (exit $code)"
    exit 1
  fi
  grep 'left out:' "$out" || true
  echo "ok: $name"
}

# Jobs side by side, as many as there are processors. Each leaves its name until it has succeeded: the shell
# forgets the status of a job whose number the system gives to another process, and a thousand cycles use all.
aside() { # name, command
  while [ "$(jobs -rp | wc -l)" -ge "$jobs" ]; do sleep 0.02; done
  touch "$open/$1"
  { "${@:2}" && rm "$open/$1"; } &
}

all_aside() {
  wait
  local names
  names=$(ls "$open")
  [ -z "$names" ] || { echo "FAILED:" $names; exit 1; }
}

# Runs the tests given on standard input, one program a line, side by side.
run_all() { # seconds, what is said behind their names, command before them
  local limit=$1 said=$2 program
  shift 2
  while read -r program; do
    aside "$(basename "$program")" run "$limit" "$(basename "$program")$said" "$@" "$program"
  done
  all_aside
}

# Fills `programs`: every test, compiled in its languages, or `once` in one of them, as many at once as there
# are processors.
build_all() { # suffix, library, all or once, further flags
  local suffix=$1 library=$2 languages=(c99 c++11) cpp_languages=(c++11 no-exceptions c++20) source language
  # A memory checker sees no difference.
  [ "$3" = all ] || languages=(c99) cpp_languages=(no-exceptions)
  shift 3
  local extra=("$@")
  programs=()
  build() { # source, language, program
    local -n compiler=${2//[+-]/_}
    "${compiler[@]}" "${flags[@]}" "${extra[@]}" -c "$1" -o "$3.o" &&
      "${compiler[0]}" "${extra[@]}" "$3.o" "$library" "${system[@]}" -o "$3"
  }
  for source in tests/c/*.c tests/cpp/*.cpp; do
    [ "${source##*.}" = c ] || languages=("${cpp_languages[@]}")
    for language in "${languages[@]}"; do
      programs+=("$objects/$(basename "${source%.*}")-$language$suffix")
      aside "$(basename "${programs[-1]}")" build "$source" "$language" "${programs[-1]}"
    done
  done
  all_aside
}

# Each test in one of its languages. Not what reads what is left of a stack, which a checker takes for a
# mistake and adds to; nor the states of floating point, which hundreds of models answer in.
once_each() {
  echo "left out under a checker: what calls take of the stack; floating-point states" >&2
  printf '%s\n' "${programs[@]}" | grep -E -- '-(c99|no-exceptions)(-asan)?$' | grep -vE '/(stacks|host_floats)-'
}

plain() { run_all "$seconds" "" < <(printf '%s\n' "${programs[@]}"); }

under_valgrind() {
  command -v valgrind >/dev/null || { echo "left out: C tests under valgrind (it is not installed)"; return; }
  run_all "$((seconds * 3))" ", valgrind" env WICK_CYCLES="${WICK_CYCLES:-20}" WICK_MODELS="$small" valgrind --quiet --error-exitcode=99 \
    --leak-check=full --show-leak-kinds=definite --errors-for-leak-kinds=definite --fair-sched=yes < <(once_each)
}

# Ours alone has the sanitizer, not what it depends on, which is there already; and it is not optimised:
# compiling takes longer than the tests.
with_asan() {
  unset WICK_LIBRARY
  if ! echo 'int main(void) { return 0; }' | cc -x c -fsanitize=address - -o "$objects/asan-works" 2>/dev/null || ! "$objects/asan-works"; then
    echo "left out: C tests with the address sanitizer (this compiler cannot link it)"
    return
  fi
  local library=$objects/libwick-asan.a
  RUSTC_WORKSPACE_WRAPPER=$PWD/scripts/unstable-rustc.sh cargo rustc --locked --quiet --lib --crate-type staticlib "${features[@]}" -- \
    -Zsanitizer=address -C opt-level=0
  cp "$target/debug/libwick.a" "$library"
  # The same name again for what it stands for.
  cargo build --locked --quiet --lib "${features[@]}"
  build_all -asan "$library" once -fsanitize=address
  run_all "$((seconds * 3))" "" env WICK_CYCLES="${WICK_CYCLES:-100}" WICK_MODELS="$small" ASAN_OPTIONS=detect_stack_use_after_return=1 < <(once_each)
}

for kind in "$@"; do
  case $kind in plain | valgrind)
    if [ -z "${built:-}" ]; then
      cargo build --locked --quiet --lib "${features[@]}"
      build_all "" "$target/debug/libwick.a" all
      # For dlopen.c: beside the copy that the tests are linked with.
      WICK_LIBRARY=$(cd "$target/debug" && pwd)/libwick.so
      export WICK_LIBRARY
      built=yes
    fi
    ;;
  esac
  case $kind in
    plain) plain ;;
    valgrind) under_valgrind ;;
    asan)
      built=
      with_asan
      ;;
    *) echo "usage: c-tests.sh [plain] [valgrind] [asan]" >&2 && exit 2 ;;
  esac
done
