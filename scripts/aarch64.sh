#!/usr/bin/env bash
# Builds the library's own tests for aarch64 and runs them in an emulator: every kernel against the plain
# ones, bit for bit, with NEON without and with products of matrices of bytes, and what is chosen on
# processors without these or without dot products. Says nothing about speed. Installs nothing.
#
# Needs, on Linux: a rustc of this project's version or later with the standard library for
# aarch64-unknown-linux-gnu (`rustup target add`, or Debian's rustc-web and libstd-rust-web-dev:arm64),
# aarch64-linux-gnu-gcc with a static libc (gcc-aarch64-linux-gnu, libc6-dev-arm64-cross), qemu-aarch64
# (qemu-user).
set -euo pipefail
cd "$(dirname "$0")/.."

what="the kernels of aarch64"
. scripts/cross.sh
target=aarch64-unknown-linux-gnu

[ "$(uname -m)" != aarch64 ] || left_out "this is one: the other tests run them"
rustc=$(compiler $target)
[ -n "$rustc" ] || left_out "no rustc $least with the standard library for $target"
for tool in aarch64-linux-gnu-gcc qemu-aarch64; do
  command -v $tool >/dev/null || left_out "no $tool"
done

# Linked statically: the emulator needs no libraries of the target.
export RUSTC=$rustc
export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc
export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUSTFLAGS="-C target-feature=+crt-static"
tests() { # processor, arguments of the tests
  CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER="qemu-aarch64 -cpu $1" \
    cargo test --locked --release --lib --no-default-features --features native --target $target --target-dir target/aarch64 \
    -- --show-output "${@:2}"
}
sets() { # processor, expected sets
  tests "$1" the_plain_table_comes_first | grep -Fx "instruction sets: [$2]" ||
    { echo "aarch64.sh: a $1 should have [$2]" >&2; exit 1; }
}

"$rustc" --version
sets max "Scalar, Neon, NeonI8mm"
sets neoverse-n1 "Scalar, Neon"
sets cortex-a53 "Scalar"
tests max
