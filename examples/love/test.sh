#!/usr/bin/env bash
# Runs the tavern for some seconds in a virtual display and ends it in the middle of a sentence: frames came,
# guests have spoken, both pictures are there. Says what the frames took; fails for no time.
#
#   test.sh SECONDS FOLDER   the pictures go into the folder
set -euo pipefail
cd "$(dirname "$0")/../.."

[ $# -eq 2 ] || { echo "usage: $0 SECONDS FOLDER" >&2; exit 2; }
model=${WICK_MODELS:-models}/SmolLM2-135M-Instruct.Q4_1.gguf
for tool in love xvfb-run luajit; do
  command -v $tool >/dev/null || { echo "left out: the tavern (there is no $tool)"; exit 0; }
done
[ -f "$model" ] || { echo "left out: the tavern (there is no $model)"; exit 0; }

cargo rustc --locked --quiet --release --lib --crate-type cdylib
mkdir -p "$2"
rm -f "$2"/{frames,tavern}.png
export WICK_LIBRARY=$PWD/${CARGO_TARGET_DIR:-target}/release/libwick.so
case ${CARGO_TARGET_DIR:-} in /*) export WICK_LIBRARY=$CARGO_TARGET_DIR/release/libwick.so ;; esac
out=$(timeout -s KILL $(($1 + 240)) xvfb-run -a -s "-screen 0 1280x800x24" \
  env SDL_AUDIODRIVER=dummy love examples/love "$(realpath "$model")" --seconds "$1" --to "$2") ||
  { echo "FAILED: the tavern: exit $?" >&2; exit 1; }
echo "$out"
[ -s "$2/frames.png" ] && [ -s "$2/tavern.png" ] || { echo "FAILED: the tavern left no pictures" >&2; exit 1; }
grep -qE '^[1-9][0-9]* sentences' <<<"$out" || { echo "FAILED: nobody has spoken" >&2; exit 1; }
code=0
xvfb-run -a env SDL_AUDIODRIVER=dummy timeout -s KILL 120 love examples/love "$2/no-such-model.gguf" --seconds 2 >/dev/null 2>"$2/why" || code=$?
[ "$code" -eq 1 ] && grep -q WICK_E_IO "$2/why" || { echo "FAILED: a missing model: exit $code" >&2; exit 1; }
echo "ok: the tavern"
