#!/usr/bin/env bash
# Installs into a temporary prefix and links a C and a C++ program in every way that docs/linking.md names;
# runs each. Uses the features in WICK_CARGO (default: none but the fake model's), so that it takes seconds.
set -euo pipefail
cd "$(dirname "$0")/../.."
export WICK_CARGO=${WICK_CARGO---no-default-features --features testing}

here=tests/install
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
prefix=$tmp/opt/wick
static=$prefix/lib/libwick_static.a
cc=(cc -std=c99 -Wall -Wextra -Werror -pedantic)
cxx=(c++ -std=c++11 -Wall -Wextra -Werror -pedantic)

fail() { echo "FAILED: $*" >&2; exit 1; }
have() { command -v "$1" >/dev/null || { echo "left out: $2 ($1 is not installed)"; return 1; }; }
runs() { # name, program
  LD_LIBRARY_PATH=${3:-} timeout -s KILL 300 "$2" >"$tmp/out" 2>&1 || fail "$1: exit $?: $(cat "$tmp/out")"
  grep -qx 'wick [0-9.]*' "$tmp/out" || fail "$1 printed: $(cat "$tmp/out")"
  echo "ok: $1"
}

PREFIX=$prefix scripts/install.sh library >"$tmp/log" 2>&1 || { cat "$tmp/log"; fail "install.sh"; }
mkdir "$tmp/stage"
PREFIX=/usr DESTDIR=$tmp/stage WITH_COMMAND=0 scripts/install.sh >"$tmp/log" 2>&1 || { cat "$tmp/log"; fail "install.sh with DESTDIR"; }
diff <(cd "$prefix" && find . | sort) <(cd "$tmp/stage/usr" && find . | sort) || fail "DESTDIR lays out other files"
echo "ok: install, with PREFIX and with DESTDIR, without the command"
for wrong in "WITH_COMMAND=no scripts/install.sh" "scripts/install.sh libraries"; do
  ! env PREFIX="$tmp/wrong" bash -c "$wrong" >"$tmp/log" 2>&1 || fail "$wrong is taken"
done
[ ! -e "$tmp/wrong" ] || fail "a wrong use installs something"

# What is exported: the contract's functions, and with the feature `testing` those of wick_testing.h.
public() { grep -v '^wick_testing_' | sort; }
nm -D --defined-only --format=posix "$prefix/lib/libwick.so" | awk '{print $1}' | public | diff tests/symbols.txt - ||
  fail "the shared library's symbols are not those of tests/symbols.txt"
[ -z "$(nm --format=posix "$prefix/lib/libwick.so" 2>/dev/null)" ] || fail "the shared library is not stripped"
nm -g --defined-only --format=posix "$prefix/lib/libwick_static.a" | awk 'NF > 1 {print $1}' | public | diff tests/symbols.txt - ||
  fail "the static library's global symbols are not those of tests/symbols.txt"
readelf -d "$prefix/lib/libwick.so" >"$tmp/dynamic"
grep -q 'soname: \[libwick\.so\.0\.1\]' "$tmp/dynamic" || fail "soname"
grep -q 'NODELETE' "$tmp/dynamic" || fail "-z nodelete"
echo "ok: exported symbols, soname, nodelete"

"${cc[@]}" -I"$prefix/include" $here/program.c -L"$prefix/lib" -lwick -Wl,-rpath,"$prefix/lib" -o "$tmp/plain-shared"
runs "plain gcc, shared" "$tmp/plain-shared"
"${cc[@]}" -I"$prefix/include" $here/program.c "$static" -lpthread -lm -ldl -o "$tmp/plain-static"
runs "plain gcc, static" "$tmp/plain-static"
"${cxx[@]}" -I"$prefix/include" $here/program.cpp -L"$prefix/lib" -lwick -Wl,-rpath,"$prefix/lib" -o "$tmp/plain-shared-cpp"
runs "plain g++, shared" "$tmp/plain-shared-cpp"
"${cxx[@]}" -I"$prefix/include" $here/program.cpp "$static" -lpthread -lm -ldl -o "$tmp/plain-static-cpp"
runs "plain g++, static" "$tmp/plain-static-cpp"

# The usual name, which a linker takes where it wants no shared library.
"${cc[@]}" -I"$prefix/include" $here/program.c -L"$prefix/lib" -Wl,-Bstatic -lwick -Wl,-Bdynamic -lpthread -lm -ldl -o "$tmp/plain-bstatic"
runs "plain gcc, -Bstatic -lwick" "$tmp/plain-bstatic"

rustc --edition 2024 -O -o "$tmp/libneighbour.a" $here/neighbour.rs
for order in "$static $tmp/libneighbour.a" "$tmp/libneighbour.a $static"; do
  # shellcheck disable=SC2086 # two archives
  "${cc[@]}" -I"$prefix/include" $here/beside.c $order -lpthread -lm -ldl -o "$tmp/beside"
  runs "static, beside another Rust library" "$tmp/beside"
done

if have pkg-config "linking through pkg-config"; then
  export PKG_CONFIG_PATH=$prefix/lib/pkgconfig
  for package in wick wick-static; do
    read -ra flags <<<"$(pkg-config --cflags --libs $package)"
    "${cc[@]}" $here/program.c "${flags[@]}" -o "$tmp/pc"
    runs "pkg-config $package, C" "$tmp/pc" "$prefix/lib"
    "${cxx[@]}" $here/program.cpp "${flags[@]}" -o "$tmp/pc-cpp"
    runs "pkg-config $package, C++" "$tmp/pc-cpp" "$prefix/lib"
  done
  ! readelf -d "$tmp/pc" | grep -q libwick || fail "wick-static linked the shared library"
  "${cc[@]}" -fPIC -shared $here/plugin.c "${flags[@]}" -o "$tmp/plugin.so"
  readelf -d "$tmp/plugin.so" | grep -q NODELETE || fail "pkg-config does not hand nodelete on to a plugin"
  echo "ok: pkg-config hands nodelete on"
fi

cmake_project() { # name, cmake's arguments
  local name=$1 build=$tmp/cmake-$1 program
  shift
  cmake -S $here -B "$build" -DCMAKE_BUILD_TYPE=Release "$@" >"$tmp/log" 2>&1 && cmake --build "$build" >>"$tmp/log" 2>&1 ||
    { cat "$tmp/log"; fail "cmake, $name"; }
  for program in c_shared c_static cpp_shared cpp_static; do runs "cmake $name, $program" "$build/$program"; done
  for program in pc_shared pc_static; do
    [ ! -e "$build/$program" ] || runs "cmake $name, pkg_check_modules, $program" "$build/$program" "$prefix/lib"
  done
  readelf -d "$build/c_shared" | grep -q 'libwick\.so\.0\.1\]' || fail "cmake $name: c_shared does not need libwick.so.0.1"
  ! readelf -d "$build/c_static" | grep -q libwick || fail "cmake $name: c_static needs the shared library"
  readelf -d "$build/libplugin.so" | grep -q NODELETE || fail "cmake $name does not hand nodelete on to a plugin"
}
if have cmake "linking through CMake"; then
  cmake_project find_package -DCMAKE_PREFIX_PATH="$prefix"
  $here/versions.sh "$prefix" "$tmp/versions"
  cmake_project FetchContent -DWICK_SOURCE_DIR="$PWD" -DWICK_CARGO="$WICK_CARGO"
fi
