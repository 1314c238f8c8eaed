#!/usr/bin/env bash
# Builds what others link, and the `wick` command, and lays them out: headers, libwick.so.0.1.0 with its
# links, libwick_static.a, pkg-config and CMake files, bin/wick, licences.
#
#   scripts/install.sh [library | command ...]   only these (both; the library alone with WITH_COMMAND=0)
#
#   PREFIX       where things live at run time (/usr/local)
#   DESTDIR      put before PREFIX when copying (empty)
#   WITH_COMMAND 0: without the command
#   WICK_CARGO   cargo's features (the default ones): "--no-default-features --features native,text"; the command adds `cli`
#   WICK_PROFILE cargo's profile (dist)
#   CARGO        the program (cargo)
set -euo pipefail
cd "$(dirname "$0")/.."

prefix=${PREFIX:-/usr/local}
root=${DESTDIR:-}$prefix
profile=${WICK_PROFILE:-dist}
read -ra features <<<"${WICK_CARGO:-}"
version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
# What stays compatible has one soname: libwick.so.0.1 before 1.0, then libwick.so.1.
abi=$(sed -E 's/^((0\.)?[0-9]+).*/\1/' <<<"$version")
target=${CARGO_TARGET_DIR:-target}
built=$target/$([ "$profile" = dev ] && echo debug || echo "$profile")
licenses=$root/share/licenses/wick

[ "$(uname -s)" = Linux ] || { echo "install.sh: knows ELF libraries on Linux only; elsewhere use: cargo build --release" >&2; exit 1; }
case ${WITH_COMMAND:-1} in
  1) parts=(library command) ;;
  0) parts=(library) ;;
  *) echo "install.sh: WITH_COMMAND is \"$WITH_COMMAND\"; it has to be 0 or 1" >&2; exit 2 ;;
esac

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# One relocatable object, $work/wick.o, in which only wick_* is global, so that it links beside another Rust
# static library. What is wick_*'s is kept: crates inside have C functions of their own (llguidance's llg_*),
# which rustc would export from a shared library.
localize() { # archive
  local undefined=()
  nm --defined-only --extern-only --format=posix "$1" 2>/dev/null | awk '$1 ~ /^wick_/ && $2 == "T" {print $1}' | sort -u >"$work/symbols"
  [ -s "$work/symbols" ] || { echo "install.sh: $1 defines no wick_* symbol" >&2; exit 1; }
  mapfile -t undefined < <(sed 's/^/--undefined=/' "$work/symbols")
  ld -r --gc-sections --force-group-allocation "${undefined[@]}" -o "$work/wick.o" "$1"
  # The standard library's bitcode is of no use to a linker, and a plugin of another LLVM dies of it.
  objcopy --keep-global-symbols="$work/symbols" --strip-unneeded --remove-section=.llvmbc --remove-section=.llvmcmd "$work/wick.o"
}

# $work/libwick.so out of $work/wick.o, with the flags of build.rs and of rustc. A linker that folds functions
# with the same code, where there is one: rustc's own lld, the system's, gold; Rust promises no function an
# address of its own. That is 1.5 % of the library. The last is for zig, and the same: all that is exported
# are functions.
link() {
  local kind own
  own=$("${RUSTC:-rustc}" --print sysroot)/lib/rustlib/$("${RUSTC:-rustc}" --print host-tuple)/bin/gcc-ld
  for kind in "-B$own -fuse-ld=lld -Wl,--icf=all" "-fuse-ld=lld -Wl,--icf=all" "-fuse-ld=gold -Wl,--icf=all" "" "-Wl,-Bsymbolic"; do
    local flags=(-shared "-Wl,-soname,libwick.so.$abi" -Wl,-z,nodelete -Wl,--gc-sections -Wl,--as-needed -Wl,-z,relro,-z,now -Wl,-s)
    [ "$kind" = -Wl,-Bsymbolic ] || flags+=(-Wl,-Bsymbolic-functions)
    # shellcheck disable=SC2086 # several words
    ! "${CC:-cc}" "${flags[@]}" $kind "$work/wick.o" -o "$work/libwick.so" -lgcc_s -lpthread -lm -ldl 2>"$work/linker" || return 0
  done
  cat "$work/linker" >&2
  return 1
}

# Copies a template with @VERSION@ and @ABI@ filled in.
fill() { # template, destination
  sed -e "s/@VERSION@/$version/g" -e "s/@ABI@/$abi/g" "$1" >"$2"
  chmod 644 "$2"
}

install_library() {
  install -d "$root/include" "$root/lib/pkgconfig" "$root/lib/cmake/wick" "$licenses"

  # One crate type alone: beside an rlib there is no link-time optimisation.
  "${CARGO:-cargo}" rustc --locked --profile "$profile" --lib --crate-type staticlib "${features[@]}"
  localize "$built/libwick.a"
  link
  install -m 755 "$work/libwick.so" "$root/lib/libwick.so.$version"
  ln -sf "libwick.so.$version" "$root/lib/libwick.so.$abi"
  ln -sf "libwick.so.$abi" "$root/lib/libwick.so"

  rm -f "$root/lib/libwick_static.a"
  ar rcsD "$root/lib/libwick_static.a" "$work/wick.o"
  chmod 644 "$root/lib/libwick_static.a"
  # The usual name too, for `cc -static` and for build files that give its path.
  ln -sf libwick_static.a "$root/lib/libwick.a"

  install -m 644 include/wick.h include/wick.abi.json include/wick.hpp include/wick_values.hpp include/wick_coroutines.hpp "$root/include/"
  fill scripts/install/wick.pc.in "$root/lib/pkgconfig/wick.pc"
  fill scripts/install/wick-static.pc.in "$root/lib/pkgconfig/wick-static.pc"
  fill scripts/install/wickConfig.cmake.in "$root/lib/cmake/wick/wickConfig.cmake"
  fill scripts/install/wickConfigVersion.cmake.in "$root/lib/cmake/wick/wickConfigVersion.cmake"
  install -m 644 LICENSE-MIT LICENSE-APACHE THIRD_PARTY_LICENSES "$licenses/"
}

# A build of its own: its features would add crates to the library.
install_command() {
  install -d "$root/bin" "$licenses"
  "${CARGO:-cargo}" build --locked --profile "$profile" --bin wick "${features[@]}" --features cli
  install -m 755 "$built/wick" "$root/bin/wick"
  # What the command says of itself.
  local share=$root/share page
  install -d "$share/man/man1" "$share/bash-completion/completions" "$share/zsh/site-functions" "$share/fish/vendor_completions.d"
  "$built/wick" man >"$share/man/man1/wick.1"
  for page in run chat info tokenize render bench serve selftest; do
    "$built/wick" man "$page" >"$share/man/man1/wick-$page.1"
  done
  "$built/wick" completions bash >"$share/bash-completion/completions/wick"
  "$built/wick" completions zsh >"$share/zsh/site-functions/_wick"
  "$built/wick" completions fish >"$share/fish/vendor_completions.d/wick.fish"
  install -m 644 LICENSE-MIT LICENSE-APACHE THIRD_PARTY_LICENSES THIRD_PARTY_LICENSES.command "$licenses/"
}

[ $# -eq 0 ] || parts=("$@")
for part in "${parts[@]}"; do
  case $part in
    library | command) "install_$part" ;;
    *) echo "install.sh: no part \"$part\"; there are: library, command" >&2; exit 2 ;;
  esac
done
echo "installed wick $version (${parts[*]}) in $root"
