#!/usr/bin/env bash
# The Lua module's tests: what is generated is up to date, the fake model, and the programs of docs/lua.md as
# they stand there, with the default model.
#
#   test.sh LIBRARY   a libwick.so with the feature `testing`
set -euo pipefail
[ $# -eq 1 ] || { echo "usage: $0 LIBRARY" >&2; exit 2; }
library=$(realpath "$1")
cd "$(dirname "$0")"

./generate.py --check
command -v luajit >/dev/null || { echo "left out: the Lua module's tests (there is no luajit)"; exit 0; }
export WICK_LIBRARY=$library
timeout -s KILL 900 luajit tests/test.lua

root=$(cd ../.. && pwd)
models=$(realpath "${WICK_MODELS:-$root/models}")
if [ ! -f "$models/SmolLM2-135M-Instruct.Q4_1.gguf" ]; then
  echo "left out: the programs of docs/lua.md (there is no SmolLM2-135M-Instruct.Q4_1.gguf in $models)"
  exit 0
fi
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
ln -s "$models" "$tmp/models"
export LUA_PATH="$PWD/?.lua;$PWD/?/init.lua;;"
# Every block, and what the page says that it prints.
awk -v to="$tmp" '/^```lua$/ { n++; out = to "/" n ".lua"; next } /^```text$/ { out = to "/" n ".txt"; next }
                  /^```/ { out = ""; next } out { print > out }' ../../docs/lua.md
cd "$tmp"
for program in 1 2; do
  timeout -s KILL 300 luajit $program.lua >$program.out || { echo "FAILED: program $program of docs/lua.md: exit $?" >&2; exit 1; }
  [ -s $program.out ] || { echo "FAILED: program $program of docs/lua.md says nothing" >&2; exit 1; }
  [ ! -f $program.txt ] || diff $program.txt $program.out || { echo "FAILED: program $program of docs/lua.md prints something else than the page says" >&2; exit 1; }
done
echo "ok: the programs of docs/lua.md"
