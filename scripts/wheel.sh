#!/usr/bin/env bash
# Builds the wheel of bindings/python, tagged by what its library needs of glibc.
#
#   scripts/wheel.sh FOLDER     puts wick_llm-VERSION-py3-none-manylinux….whl there
#
#   WHEEL_LIBRARY  a libwick.so to put in as it is; else the static library of `make install` is built, and
#                  linked against glibc 2.17 by PyPI's ziglang
#   WICK_PROFILE   cargo's profile (dist)
#   PYTHON         a Python 3.9 or later with venv (python3)
set -euo pipefail
cd "$(dirname "$0")/.."

[ $# -eq 1 ] || { echo "usage: wheel.sh FOLDER" >&2; exit 2; }
mkdir -p "$1"
folder=$(cd "$1" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
machine=$(uname -m)
most=6000000

scripts/python-env.sh "$work/env" 'setuptools>=77'
python=$work/env/bin/python

if [ -n "${WHEEL_LIBRARY:-}" ]; then
  cp "$WHEEL_LIBRARY" "$work/libwick.so"
else
  # Rust's own objects run from glibc 2.17 on; only the linker binds newer versions of symbols, where the
  # system has some. zig has the symbols of every glibc.
  "$python" -m pip install --quiet --disable-pip-version-check 'ziglang>=0.13,<0.17'
  printf '#!/bin/sh\nexec "%s" -m ziglang cc -target %s-linux-gnu.2.17 "$@"\n' "$python" "$machine" >"$work/zig"
  chmod +x "$work/zig"
  CC=$work/zig PREFIX=$work/wick scripts/install.sh library
  cp -L "$work/wick/lib/libwick.so" "$work/libwick.so"
fi

cp -r bindings/python "$work/package"
rm -rf "$work"/package/{build,dist,src/*.egg-info}
cp "$work/libwick.so" "$work/package/src/wick/libwick.so"
cp LICENSE-MIT LICENSE-APACHE THIRD_PARTY_LICENSES "$work/package/"
tag=$("$python" scripts/glibc.py "$work/libwick.so")
(cd "$work/package" && "$python" -c 'import setuptools.build_meta as b; b.build_wheel("..", {"--build-option": ["--plat-name", "'"$tag"'"]})') \
  >"$work/log" 2>&1 || { cat "$work/log" >&2; exit 1; }
wheel=$(ls "$work"/*.whl)
cp "$wheel" "$folder/"
wheel=$folder/$(basename "$wheel")
bytes=$(stat -c %s "$wheel")
if [ -z "${WHEEL_LIBRARY:-}" ] && [ "$bytes" -gt "$most" ]; then
  echo "FAILED: $wheel takes $bytes bytes; $most are allowed" >&2
  exit 1
fi
echo "ok: $wheel, $bytes bytes"
