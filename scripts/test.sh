#!/usr/bin/env bash
# `make test`: every check, quick ones first. Debug builds without candle serve all but the real models, which
# run in release.
#
#   scripts/test.sh [STEP ...]   only these, in this order
#   WICK_MODELS     a folder with real models (models/, where the default one is fetched)
#   WICK_BACKTRACE  1: backtraces of panics (0)
#   WICK_TEST_LIMIT seconds for one program of tests (1800)
#   WICK_VECTORS    a folder with reference vectors (unset: the tests that need them say that they are left out)
set -euo pipefail
cd "$(dirname "$0")/.."

small=(--no-default-features --features native,testing,text)
release=(--release --features cli,testing,oracle)
# Each program of tests runs under a watchdog that counts no building.
watched=(--config 'target."cfg(all())".runner = ["scripts/watched.sh"]')
steps=(format licences clippy debug c shuttle install mutations release examples models)
export WICK_MODELS=${WICK_MODELS:-$PWD/models}
export CARGO_TERM_COLOR=${CARGO_TERM_COLOR:-auto}
# Many tests make panics happen, whose backtraces would bury what failed.
export RUST_BACKTRACE=${WICK_BACKTRACE:-0}
# Costs a fifth of each build from nothing, and what is here is built once.
export CARGO_INCREMENTAL=${CARGO_INCREMENTAL:-0}

# --show-output below: what a test left out is to be seen, though the test passes. The seconds: since the
# beginning.
heading() { printf '\n==== %s (%d s)\n' "$*" "$SECONDS"; }

format() {
  heading "format, prose at 110 columns, and what bindings generate from include/wick.abi.json"
  cargo fmt --check
  scripts/prose.py
  local generator
  for generator in bindings/*/generate.py bindings/*/*/generate.py; do python3 "$generator" --check; done
}

licences() {
  heading "what is linked: licences, and no more than 85 crates in the library"
  scripts/third-party.py --check
  local crates
  crates=$(cargo tree --locked -e normal --prefix none --no-dedupe | sort -u | wc -l)
  [ "$crates" -le 85 ] || { echo "test.sh: the library has $crates crates (cargo tree -e normal); 85 are allowed" >&2; exit 1; }
  echo "ok: $crates crates in the library"
}

clippy() {
  heading "clippy: as it ships, with what most tests have, with shuttle, and with everything else"
  cargo clippy --locked --quiet --lib -- -D warnings
  cargo clippy --locked --quiet --bin wick --features cli -- -D warnings
  cargo clippy --locked --quiet --lib "${small[@]}" -- -D warnings
  cargo clippy --locked --quiet --lib --no-default-features --features shuttle -- -D warnings
  cargo clippy --locked --quiet --all-targets --features cli,testing,oracle,bench,header -- -D warnings
}

debug() {
  heading "tests without candle (debug build; with real models they run last, in release)"
  mkdir -p target/no-models
  WICK_MODELS=$PWD/target/no-models cargo test "${watched[@]}" --locked "${small[@]}" -- --show-output
}

shuttle() {
  heading "the stream's state machine, and sessions beside their engine, under shuttle, ${WICK_SCHEDULES:-10000} schedules per scenario, and the header"
  cargo test "${watched[@]}" --locked --no-default-features --features shuttle,header --test shuttle --test header
}

c() {
  heading "C tests: C99, C++11, valgrind, address sanitizer"
  WICK_CARGO="${small[*]}" scripts/c-tests.sh
}

install() {
  heading "install, and link in every way"
  tests/install/run.sh
}

mutations() {
  heading "mutations: the faults of streams must make the suite fail (make soak: all faults)"
  scripts/mutations.sh chained-narration leaked-sender swallowed-error discarded-panic end-before-last-text
}

release() {
  heading "release build with candle, and the default model"
  scripts/fetch-models.sh || echo "left out: what needs the default model (it cannot be fetched)"
  cargo build --locked "${release[@]}"
  WICK_PROFILE=release WICK_CARGO="${release[*]:1}" tests/install/command.sh
}

examples() {
  heading "examples with a real model"
  tests/examples/run.sh
}

# The others say nothing else in release; `make soak` runs them all.
models() {
  heading "tests in release: kernels, and all that is for candle, the command or a real model"
  cargo test "${watched[@]}" --locked "${release[@]}" --lib --bins --test candle --test candle_fork --test model --test memory_peak \
    --test cli --test real_model -- --show-output
  cargo test "${watched[@]}" --locked "${release[@]}" --test scenarios --test text -- --show-output budget:: load:: model_files:: real_tools:: vectors::
}

[ $# -gt 0 ] || set -- "${steps[@]}"
for step in "$@"; do
  [[ " ${steps[*]} " == *" $step "* ]] || { echo "test.sh: no step \"$step\"; there are: ${steps[*]}" >&2; exit 2; }
  "$step"
done
heading "passed: $*"
