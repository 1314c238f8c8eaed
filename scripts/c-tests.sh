#!/usr/bin/env bash
# Builds every tests/c/*.c as C99 and as C++11 against the library with the fake model, and runs each: plain, under valgrind, and with the
# address sanitizer on both sides of the border. A test that hangs is killed from outside.
#
#   scripts/c-tests.sh [plain] [valgrind] [asan]   (all)
#   WICK_CARGO   the features of the library under test; CHECK_SECONDS: what a test may take (120; ten times that under valgrind)
set -euo pipefail
cd "$(dirname "$0")/.."

read -ra features <<<"${WICK_CARGO:---no-default-features --features testing}"
seconds=${CHECK_SECONDS:-120}
target=${CARGO_TARGET_DIR:-target}
[ $# -gt 0 ] || set -- plain valgrind asan
objects=$target/c-tests
mkdir -p "$objects"
c99=(cc -x c -std=c99)
cxx11=(c++ -x c++ -std=c++11)
flags=(-Wall -Wextra -Werror -pedantic -g -Iinclude)
system=(-lpthread -lm -ldl)

# Runs a test; its output shows when it fails, and where it says what it left out.
run() { # seconds, name, command
  local limit=$1 name=$2 code=0
  shift 2
  timeout -s KILL "$limit" "$@" >"$objects/out" 2>&1 </dev/null || code=$?
  if [ "$code" -ne 0 ]; then
    cat "$objects/out"
    [ "$code" -ne 137 ] || echo "killed after $limit s: it hangs"
    echo "FAILED: $name (exit $code)"
    exit 1
  fi
  grep 'left out:' "$objects/out" || true
  echo "ok: $name"
}

build_all() { # suffix, library, further flags
  local suffix=$1 library=$2 source name
  shift 2
  for source in tests/c/*.c; do
    name=$objects/$(basename "$source" .c)
    "${c99[@]}" "${flags[@]}" "$@" -c "$source" -o "$name-c$suffix.o"
    cc "$@" "$name-c$suffix.o" "$library" "${system[@]}" -o "$name-c$suffix"
    "${cxx11[@]}" "${flags[@]}" "$@" -c "$source" -o "$name-cpp$suffix.o"
    c++ "$@" "$name-cpp$suffix.o" "$library" "${system[@]}" -o "$name-cpp$suffix"
  done
}

names() { for source in tests/c/*.c; do basename "$source" .c; done; }

plain() {
  for name in $(names); do
    run "$seconds" "$name, C99" "$objects/$name-c"
    run "$seconds" "$name, C++11" "$objects/$name-cpp"
  done
}

under_valgrind() {
  command -v valgrind >/dev/null || { echo "left out: C tests under valgrind (it is not installed)"; return; }
  for name in $(names); do
    WICK_CYCLES=${WICK_CYCLES:-20} run "$((seconds * 10))" "$name, valgrind" valgrind --quiet --error-exitcode=99 --leak-check=full \
      --show-leak-kinds=definite --errors-for-leak-kinds=definite --fair-sched=yes "$objects/$name-c"
  done
}

# Rust's sanitizer flag is unstable: RUSTC_BOOTSTRAP lets the stable compiler take it.
with_asan() {
  local host
  unset WICK_LIBRARY
  host=$(rustc -vV | sed -n 's/^host: //p')
  if ! echo 'int main(void) { return 0; }' | cc -x c -fsanitize=address - -o "$objects/asan-works" 2>/dev/null || ! "$objects/asan-works"; then
    echo "left out: C tests with the address sanitizer (this compiler cannot link it)"
    return
  fi
  RUSTC_BOOTSTRAP=1 RUSTFLAGS=-Zsanitizer=address cargo rustc --locked --quiet --lib --crate-type staticlib --target "$host" \
    --target-dir "$target/asan" "${features[@]}"
  build_all -asan "$target/asan/$host/debug/libwick.a" -fsanitize=address
  for name in $(names); do
    WICK_CYCLES=${WICK_CYCLES:-100} run "$((seconds * 3))" "$name, address sanitizer" \
      env ASAN_OPTIONS=detect_stack_use_after_return=1 "$objects/$name-c-asan"
  done
}

for kind in "$@"; do
  case $kind in
    plain | valgrind)
      if [ -z "${built:-}" ]; then
        cargo build --locked --quiet --lib "${features[@]}"
        build_all "" "$target/debug/libwick.a"
        # For dlopen.c: beside the copy that the tests are linked with.
        WICK_LIBRARY=$(cd "$target/debug" && pwd)/libwick.so
        export WICK_LIBRARY
        built=yes
      fi
      [ "$kind" = plain ] && plain || under_valgrind
      ;;
    asan) with_asan ;;
    *) echo "usage: c-tests.sh [plain] [valgrind] [asan]" >&2; exit 2 ;;
  esac
done
