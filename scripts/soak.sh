#!/usr/bin/env bash
# `make soak`: what takes long, one thing after the other until SOAK_SECONDS (7200) are over; says what it did
# not get to.
# FUZZ_SECONDS (600): how long each cargo-fuzz target runs.
set -euo pipefail
cd "$(dirname "$0")/.."

small=(--no-default-features --features native,testing,text)
# Each program of tests runs under a watchdog that counts no building.
watched=(--config 'target."cfg(all())".runner = ["scripts/watched.sh"]')
end=$((SECONDS + ${SOAK_SECONDS:-7200}))
unfinished=()
unavailable=()
export WICK_MODELS=${WICK_MODELS:-$PWD/models}
# Many tests make panics happen, whose backtraces would bury what failed.
export RUST_BACKTRACE=${WICK_BACKTRACE:-0}

# Runs a command for as long as there is time. Cut off by the end of the time it has not failed; any other way
# it has.
soak() { # name, command
  local name=$1 left=$((end - SECONDS)) code=0
  shift
  if [ "$left" -le 0 ]; then
    unfinished+=("$name: not begun")
    return
  fi
  printf '\n==== %s (%s s left)\n' "$name" "$left"
  timeout --kill-after=10 "$left" "$@" || code=$?
  if [ "$code" -ne 0 ] && [ "$SECONDS" -lt "$end" ]; then
    echo "FAILED: $name (exit $code)"
    exit 1
  fi
  [ "$code" -eq 0 ] || unfinished+=("$name: cut off after $left s")
}

soak "the library as it ships, weighed" tests/install/size.sh
soak "the library's own tests for aarch64, in an emulator" scripts/aarch64.sh
soak "C tests, 1,000 cycles, plain and with the address sanitizer" \
  env WICK_CYCLES=1000 WICK_CARGO="${small[*]}" scripts/c-tests.sh plain asan
soak "the server: 1,000 clients that are killed in the middle, 200 for 60 s, and its page in a browser" \
  env WICK_KILLS=1000 WICK_LOAD_SECONDS=60 scripts/hosts.sh server page
soak "the tavern in LÖVE: a minute of frames, in a window that nobody sees" \
  env WICK_SCENE_SECONDS=60 scripts/hosts.sh love
soak "the Python wheel as it ships, with a real model" scripts/hosts.sh wheel
soak "mutations: each must make the suite fail" scripts/mutations.sh
soak "tests of the library, 1,000 cycles" \
  env WICK_CYCLES=1000 cargo test "${watched[@]}" --locked --release "${small[@]}"
soak "200 processes that are killed while they save" \
  env WICK_KILLS=200 cargo test "${watched[@]}" --locked --release "${small[@]}" --test saves
soak "10,000 operations on sessions, beside twins" \
  env WICK_OPERATIONS=10000 WICK_TEST_LIMIT=7200 cargo test "${watched[@]}" --locked --release "${small[@]}" --test scenarios -- twin::
soak "40 sessions of 2,000 tokens of their own in 1 GiB" \
  env WICK_CROWD=1 cargo test "${watched[@]}" --locked --release "${small[@]}" --test real_model -- forty_sessions
soak "200 prompts of each template, each answered by a valid call" \
  env WICK_PROMPTS=200 WICK_WATCHDOG=3600 cargo test "${watched[@]}" --locked --release "${small[@]}" --test scenarios -- real_tools::
soak "1,000,000 mutated model files and saves" \
  env WICK_FUZZ_CASES=1000000 WICK_TEST_LIMIT=7200 cargo test "${watched[@]}" --locked --release "${small[@]}" --test gguf --test model --test text --test store -- fuzz::
soak "Rust tests with the address sanitizer" \
  env WICK_CARGO="${small[*]}" scripts/sanitize.sh address
for target in gguf hyperparameters adapter gguf_tokenizer calls grammar save; do
  # The seeds are read; what a run finds stays out of the committed corpus.
  found=fuzz/target/found/$target
  mkdir -p "$found"
  if command -v cargo-fuzz >/dev/null; then
    soak "cargo-fuzz: $target, ${FUZZ_SECONDS:-600} s" \
      env RUSTC_BOOTSTRAP=1 cargo fuzz run "$target" "$found" "fuzz/corpus/$target" -- \
      -max_len=65536 -malloc_limit_mb=64 -rss_limit_mb=1024 -timeout=10 -max_total_time="${FUZZ_SECONDS:-600}" -verbosity=0 -print_final_stats=1
  else
    unavailable+=("cargo-fuzz: $target (cargo install cargo-fuzz)")
  fi
done
soak "Rust tests with the thread sanitizer" \
  env WICK_CARGO="${small[*]}" scripts/sanitize.sh thread
soak "tests in Miri" scripts/miri.sh
soak "the tests for Windows, in Wine" scripts/windows.sh
soak "1,000,000 shuttle schedules per scenario" \
  env WICK_SCHEDULES=1000000 WICK_TEST_LIMIT=7200 cargo test "${watched[@]}" --locked --release --no-default-features --features shuttle --test shuttle

echo
for line in "${unavailable[@]}"; do echo "left out: $line"; done
for line in "${unfinished[@]}"; do echo "left out: $line (SOAK_SECONDS is over)"; done
echo "soak: nothing failed in $SECONDS s"
