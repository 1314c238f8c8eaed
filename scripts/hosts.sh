#!/usr/bin/env bash
# `make hosts`: what stands on the library in programs and packages of their own, tested by its real users.
#
#   scripts/hosts.sh [STEP ...]   only these, in this order
#   WICK_KILLS          clients that are killed in the middle (40)
#   WICK_LOAD_SECONDS   how long 200 clients keep asking (two rounds)
#   WICK_SCENE_SECONDS  how long the tavern's guests talk (25)
#   WICK_TEST_LIMIT     seconds for one program of tests (1800)
set -euo pipefail
cd "$(dirname "$0")/.."

steps=(clippy server clients csharp lua node python)
# What takes a browser, a window, or minutes to build: `make soak`.
more=(page love wheel)
export CARGO_TERM_COLOR=${CARGO_TERM_COLOR:-auto}
export RUST_BACKTRACE=${WICK_BACKTRACE:-0}
export CARGO_INCREMENTAL=${CARGO_INCREMENTAL:-0}

watched=(--config "target.\"cfg(all())\".runner = [\"$PWD/scripts/watched.sh\"]")
testing=(--locked --no-default-features --features testing)

# The seconds: since the beginning.
heading() { printf '\n==== %s (%d s)\n' "$*" "$SECONDS"; }

# The library with the fake model.
fake() { cargo build --locked --quiet --lib --no-default-features --features native,testing,text; }

clippy() {
  heading "the server: clippy, as it ships and as it is tested"
  (cd serve && cargo clippy --quiet "${testing[@]}" --all-targets -- -D warnings)
  (cd serve && cargo fmt --check)
}

server() {
  heading "the server, by clients that see every byte"
  (cd serve && cargo test "${watched[@]}" "${testing[@]}" -- --show-output)
}

clients() {
  heading "the server, by curl and by the openai package of Python"
  (cd serve && cargo build --quiet "${testing[@]}")
  serve/tests/clients.sh serve/target/debug/wick-serve
}

csharp() {
  heading "C#, under Mono"
  fake
  bindings/csharp/test.sh "${CARGO_TARGET_DIR:-target}/debug/libwick.so"
}

lua() {
  heading "LuaJIT"
  fake
  bindings/lua/test.sh "${CARGO_TARGET_DIR:-target}/debug/libwick.so"
}

node() {
  heading "Node"
  fake
  bindings/node/test.sh "${CARGO_TARGET_DIR:-target}/debug/libwick.so"
}

love() {
  heading "the tavern in LÖVE, in a window that nobody sees"
  examples/love/test.sh "${WICK_SCENE_SECONDS:-25}" build/love
}

page() {
  heading "the server's chat page, in a browser"
  (cd serve && cargo build --quiet "${testing[@]}")
  serve/tests/page.sh serve/target/debug/wick-serve build/page.png
}

python() {
  heading "the Python package, with the fake model"
  fake
  WHEEL_LIBRARY=${CARGO_TARGET_DIR:-target}/debug/libwick.so bindings/python/tests/run.sh
}

wheel() {
  heading "the Python wheel as it ships, with a real model"
  bindings/python/tests/run.sh
}

[ $# -gt 0 ] || set -- "${steps[@]}"
for step in "$@"; do
  [[ " ${steps[*]} ${more[*]} " == *" $step "* ]] || { echo "hosts.sh: no step \"$step\"; there are: ${steps[*]} ${more[*]}" >&2; exit 2; }
  "$step"
done
heading "passed: $*"
