#!/usr/bin/env bash
# Builds the tests for Windows and runs them in Wine: all of them without candle, then the C examples against
# the DLL if the default model is there. Says nothing about speed. Installs nothing.
#
# Needs, on Linux: a rustc of this project's version or later with the standard library for
# x86_64-pc-windows-gnu (`rustup target add`), x86_64-w64-mingw32-gcc (Debian's gcc-mingw-w64-x86-64), wine
# (wine64).
set -euo pipefail
cd "$(dirname "$0")/.."

what="the tests for Windows"
. scripts/cross.sh
target=x86_64-pc-windows-gnu
model=${WICK_MODELS:-$PWD/models}/SmolLM2-135M-Instruct.Q4_1.gguf
gcc=x86_64-w64-mingw32-gcc
# fmaf of the C library of this toolchain is not exact: what is computed without the processor's own differs
# in the last bits.
inexact=(products_do_not_depend_on_threads_pauses_or_instruction_set row_operations_do_not_depend_on_threads
  attention_does_not_depend_on_threads_pauses_or_the_cut_of_a_prompt exp_is_within_two_units_in_the_last_place
  every_instruction_set_gives_the_plain_bits extreme_codes_do_not_saturate row_kernels_give_the_plain_bits_for_every_length)

rustc=$(compiler $target)
[ -n "$rustc" ] || left_out "no rustc $least with the standard library for $target"
for tool in $gcc wine; do
  command -v $tool >/dev/null || left_out "no $tool"
done

export RUSTC=$rustc WINEDEBUG=-all
build=$PWD/target/windows
export WINEPREFIX=$build/wine WINEPATH="$build/dll;$build/$target/debug"
mkdir -p "$build/dll"
# Rust's standard library asks it for random numbers; Wine has it from version 9 on.
"$gcc" -shared -xc - -o "$build/dll/bcryptprimitives.dll" -ladvapi32 <<'C'
#include <windows.h>
BOOLEAN NTAPI SystemFunction036(PVOID, ULONG); /* RtlGenRandom */
__declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE place, SIZE_T length) { return SystemFunction036(place, (ULONG)length); }
C

cargo=(--locked --no-default-features --features native,testing,text --target $target --target-dir "$build")
export CARGO_TARGET_X86_64_PC_WINDOWS_GNU_RUNNER="$PWD/scripts/watched.sh wine"
cargo test "${cargo[@]}" -- --show-output "${inexact[@]/#/--skip=}"
echo "left out on $target, whose fmaf is not exact: ${inexact[*]}"

cargo build "${cargo[@]}"
# program, what it is linked with
example() {
  local name=$1
  shift
  "$gcc" -std=c99 -Wall -Wextra -Werror -pedantic -Iinclude "examples/c/$name.c" "$@" -static -lpthread -o "$build/dll/$name.exe"
  if [ -f "$model" ]; then
    echo "== $name, $(basename "$1")"
    scripts/watched.sh wine "$build/dll/$name.exe" "$model" "Hello"
  fi
}
for name in chat poll callback pumped host_step; do
  example $name "$build/$target/debug/libwick.dll.a"
done
example chat "$build/$target/debug/libwick.a" -lws2_32 -lntdll -luserenv
[ -f "$model" ] || echo "left out: running the C examples (no $model)"
