#!/usr/bin/env bash
# Tests in Miri, which finds undefined behaviour and races: the compute pool, and handles, callbacks and
# arguments of the C ABI. What computes a lot takes hours there: the sanitizers have it. Installs nothing.
#
# Needs a nightly toolchain with it (`rustup +nightly component add miri rust-src`).
set -euo pipefail
cd "$(dirname "$0")/.."

cargo +nightly miri --version 2>/dev/null || { echo "left out: tests in Miri (no nightly toolchain with it)"; exit 0; }

# The tests read the clock and open files. Threads of the reactor live as long as the process.
export MIRIFLAGS="-Zmiri-disable-isolation -Zmiri-ignore-leaks"
# Everything is slow there.
export WICK_WATCHDOG=1200
test=(cargo +nightly miri test --locked --no-default-features --features native,testing --target-dir "${CARGO_TARGET_DIR:-target}/miri")
"${test[@]}" --lib -- compute::pool
"${test[@]}" --no-fail-fast --test scenarios --test c_abi -- smoke:: drop:: reentrant:: arguments::
