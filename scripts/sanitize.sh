#!/usr/bin/env bash
# Rust tests with the address sanitizer: of the floors that hold `unsafe`, and of all that read hostile files.
#
#   scripts/sanitize.sh           everything below
#   scripts/sanitize.sh quick     only the unit tests of kernel, compute and gguf
#   WICK_CARGO   the features of the library under test
set -euo pipefail
cd "$(dirname "$0")/.."

read -ra features <<<"${WICK_CARGO:---no-default-features --features native,testing,text}"
host=$(rustc -vV | sed -n 's/^host: //p')
# Allocations that are meant to be refused come back as null, as without the sanitizer.
export ASAN_OPTIONS=detect_stack_use_after_return=1:allocator_may_return_null=1
# The threads of tests that nest deeply, too, need more stack with it.
export RUST_MIN_STACK=$((64 << 20))
# Rust's sanitizer flag is unstable: RUSTC_BOOTSTRAP lets the stable compiler take it.
export RUSTC_BOOTSTRAP=1 RUSTFLAGS=-Zsanitizer=address
# Each program of tests runs under a watchdog that counts no building.
test=(cargo test --config 'target."cfg(all())".runner = ["scripts/watched.sh"]' --locked --target "$host" --target-dir "${CARGO_TARGET_DIR:-target}/asan" "${features[@]}")

if ! "${test[@]}" --no-run --lib; then
  # A machine without the sanitizer's runtime cannot link; an error in the code shows in every other step.
  cargo check --locked --quiet --lib "${features[@]}"
  echo "left out: Rust tests with the address sanitizer (this compiler cannot link it)"
  exit 0
fi
case ${1:-all} in
  quick) "${test[@]}" --lib -- kernel:: compute:: gguf:: ;;
  all)
    "${test[@]}" --lib
    # Without text_templates: it fills stacks that are measured for frames without the sanitizer's share.
    "${test[@]}" --no-fail-fast --test 'gguf_*' --test 'ffi_*' --test 'native_*' --test text_fuzz --test text_vectors --test f_models
    ;;
  *) echo "usage: sanitize.sh [quick]" >&2 && exit 2 ;;
esac
