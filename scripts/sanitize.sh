#!/usr/bin/env bash
# Rust tests with a sanitizer.
#
#   scripts/sanitize.sh address   of the floors that hold `unsafe`, and of all that read hostile files
#   scripts/sanitize.sh quick     of these only the unit tests of kernel, compute and gguf
#   scripts/sanitize.sh thread    all without candle; needs the source of the standard library (`rustup component add rust-src`)
#   WICK_CARGO   the features of the library under test
set -euo pipefail
cd "$(dirname "$0")/.."

kind=${1:-address}
read -ra features <<<"${WICK_CARGO:---no-default-features --features native,testing,text}"
host=$(rustc -vV | sed -n 's/^host: //p')
# Allocations that are meant to be refused come back as null, as without the sanitizer.
export ASAN_OPTIONS=detect_stack_use_after_return=1:allocator_may_return_null=1 TSAN_OPTIONS=allocator_may_return_null=1
# The threads of tests that nest deeply, too, need more stack with it.
export RUST_MIN_STACK=$((64 << 20))
# Rust's sanitizer flag is unstable: RUSTC_BOOTSTRAP lets the stable compiler take it.
export RUSTC_BOOTSTRAP=1
# Each program of tests runs under a watchdog that counts no building.
cargo=(cargo test --config 'target."cfg(all())".runner = ["scripts/watched.sh"]' --locked --target "$host" "${features[@]}")
build=${CARGO_TARGET_DIR:-target}

left_out() { echo "left out: Rust tests with the $1 sanitizer ($2)"; exit 0; }

case $kind in
  address | quick)
    export RUSTFLAGS=-Zsanitizer=address
    test=("${cargo[@]}" --target-dir "$build/asan")
    if ! "${test[@]}" --no-run --lib; then
      # A machine without the sanitizer's runtime cannot link; an error in the code shows in every other step.
      cargo check --locked --quiet --lib "${features[@]}"
      left_out address "this compiler cannot link it"
    fi
    if [ "$kind" = quick ]; then
      "${test[@]}" --lib -- kernel:: compute:: gguf::
      exit
    fi
    "${test[@]}" --lib
    # Without text::templates: it fills stacks that are measured for frames without the sanitizer's share.
    "${test[@]}" --no-fail-fast --test gguf --test c_abi --test c_allocations --test model --test text -- --skip templates::
    "${test[@]}" --test scenarios -- model_files::
    ;;
  thread)
    [ -d "$(rustc --print sysroot)/lib/rustlib/src/rust/library" ] || left_out thread "no source of the standard library"
    export RUSTFLAGS=-Zsanitizer=thread
    # The standard library is built with it, too, or its locks would look like races. Without text::templates,
    # as above, and memory_peak.
    "${cargo[@]}" --target-dir "$build/tsan" -Zbuild-std --no-fail-fast --lib --test gguf --test c_abi --test model --test scenarios \
      --test stream --test text --test c_allocations --test cycles --test event_allocations -- --skip templates::
    ;;
  *) echo "usage: sanitize.sh [address|quick|thread]" >&2 && exit 2 ;;
esac
