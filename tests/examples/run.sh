#!/usr/bin/env bash
# Builds every C and C++ example with the flags in its first comment and runs it with the default model; a
# missing model must end each with exit 1 and a message. Links target/release/libwick.a, which scripts/test.sh
# builds first.
set -euo pipefail
cd "$(dirname "$0")/../.."

model=${WICK_MODELS:-models}/SmolLM2-135M-Instruct.Q4_1.gguf
library=${CARGO_TARGET_DIR:-target}/release/libwick.a
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

fail() { echo "FAILED: $*" >&2; cat "$tmp/out" "$tmp/err" >&2; exit 1; }
touch "$tmp/out" "$tmp/err"

# The build command of the first comment, with our library and output in place of the ones it names.
build() { # source, program
  local line
  line=$(grep -m 1 -oE '(cc|c\+\+) -std=.*' "$1") || fail "$1 does not open with the command to build it"
  line=${line/target\/release\/libwick.a/$library}
  eval "${line% -o *} -o '$2'" 2>"$tmp/err" || fail "$1 does not build: $line"
}

# A save that is damaged is told, and ends the program.
damaged() { # example, its save, its second argument, what it says
  local code=0
  head -c 100 "$2" >"$tmp/half" && mv "$tmp/half" "$2"
  timeout -s KILL 300 "$tmp/$1-c" "$model" "$3" >"$tmp/out" 2>"$tmp/err" </dev/null || code=$?
  [ "$code" -eq 1 ] && grep -q "$4" "$tmp/err" || fail "$1: a damaged save is not told: exit $code"
}

have_model=yes
if [ -f "$model" ]; then
  for seed in 1 2; do tests/examples/adapter.py "$model" "$seed" "$tmp/voice-$seed.gguf"; done
else
  have_model=
  echo "left out: the examples' answers (there is no $model)"
fi

for source in examples/c/*.c examples/cpp/*.cpp; do
  program=$tmp/$(basename "$source" | tr . -)
  build "$source" "$program"
  # What it wants besides a model.
  more=()
  [ "$source" != examples/c/adapters.c ] || more=("$tmp/voice-1.gguf")

  code=0
  timeout -s KILL 300 "$program" "$tmp/no-such-model.gguf" "${more[@]}" >"$tmp/out" 2>"$tmp/err" </dev/null || code=$?
  [ "$code" -eq 1 ] || fail "$source without a model: exit $code, not 1"
  grep -q 'WICK_E_IO' "$tmp/err" || fail "$source without a model: no WICK_E_IO in its message"
  code=0
  timeout -s KILL 300 "$program" >"$tmp/out" 2>"$tmp/err" </dev/null || code=$?
  [ "$code" -eq 2 ] || fail "$source without arguments: exit $code, not 2"

  if [ -n "$have_model" ]; then
    timeout -s KILL 300 "$program" "$model" "${more[@]}" >"$tmp/out" 2>"$tmp/err" </dev/null || fail "$source: exit $?"
    [ "$(wc -w <"$tmp/out")" -ge 5 ] || fail "$source: hardly any text"
  fi
  echo "ok: $source"
done

if [ -n "$have_model" ]; then
  # Ctrl-C: the answer ends as cancelled, well before its 256 tokens. Again where a busy machine let it
  # come to its end first.
  for _ in 1 2 3 4 5; do
    # Empty before it starts: what is in there shows that the program runs, and no longer the shell.
    : >"$tmp/out"
    "$tmp/chat-c" "$model" "Count from one to two hundred in words." >"$tmp/out" 2>"$tmp/err" </dev/null &
    chat=$!
    while [ ! -s "$tmp/out" ] && kill -0 "$chat" 2>/dev/null; do sleep 0.01; done
    kill -INT "$chat" 2>/dev/null || true
    code=0
    wait "$chat" || code=$?
    [ "$code" -eq 0 ] || break
  done
  [ "$code" -eq 130 ] || fail "chat after Ctrl-C: exit $code, not 130"
  echo "ok: chat, Ctrl-C"
fi

if [ -n "$have_model" ]; then
  # Four characters together: the same voice twice says the same, and no two others do.
  code=0
  timeout -s KILL 300 "$tmp/adapters-c" "$model" >"$tmp/out" 2>"$tmp/err" </dev/null || code=$?
  [ "$code" -eq 2 ] && grep -q '^usage: ' "$tmp/err" || fail "adapters without an adapter: exit $code, not 2 and a usage"
  timeout -s KILL 300 "$tmp/adapters-c" "$model" "$tmp"/voice-{1,1,2}.gguf >"$tmp/out" 2>"$tmp/err" </dev/null || fail "adapters: exit $?"
  # An answer a line; sorted, since they end in any order.
  answers=$(tr -s '\n' ' ' <"$tmp/out" | sed -E "s#(the model itself|$tmp/voice-[0-9].gguf): #\n\1: #g" | grep . | sort)
  [ "$(wc -l <<<"$answers")" -eq 4 ] || fail "adapters: not four answers"
  [ "$(sed 's/^[^:]*: //' <<<"$answers" | sort -u | wc -l)" -eq 3 ] && [ "$(sort -u <<<"$answers" | wc -l)" -eq 3 ] ||
    fail "adapters: the voices are not what their adapters make them"
  code=0
  timeout -s KILL 300 "$tmp/adapters-c" "$model" "$model" >"$tmp/out" 2>"$tmp/err" </dev/null || code=$?
  [ "$code" -eq 1 ] && grep -q 'general.type' "$tmp/err" || fail "adapters: a model in place of an adapter: exit $code, not 1 and why"
  echo "ok: adapters, voices"

  # One character: new, then from its save; a save that is damaged is told.
  for met in "is new here" "goes on from his save"; do
    timeout -s KILL 300 "$tmp/character-c" "$model" "$tmp/otto.wick" >"$tmp/out" 2>"$tmp/err" </dev/null || fail "character: exit $?"
    grep -q "$met" "$tmp/out" && [ "$(grep -c '^  Otto: ' "$tmp/out")" -ge 2 ] || fail "character: Otto, who $met, says nothing"
  done
  damaged character "$tmp/otto.wick" "$tmp/otto.wick" 'otto.wick: WICK_E_IO'
  echo "ok: character, its save"

  # The villagers: new ones, who are saved, then the same ones, who go on.
  mkdir "$tmp/saves"
  for old in 0 20; do
    timeout -s KILL 300 "$tmp/characters-c" "$model" "$tmp/saves" >"$tmp/out" 2>"$tmp/err" </dev/null || fail "characters: exit $?"
    grep -q "^$old of 20 went on from their saves" "$tmp/out" || fail "characters: not $old of 20 went on"
    [ "$(find "$tmp/saves" -name '*.save' | wc -l)" -eq 20 ] || fail "characters: not every villager is saved"
  done
  # A save that is damaged is told, and ends the game; the others are left as they are.
  damaged characters "$tmp/saves/Otto.save" "$tmp/saves" 'Otto.*WICK_E_IO'
  echo "ok: characters, saves"
fi

# The programs of README.md and docs/recipes.md, as they stand there, and what the pages say that they print.
recipes=$(tests/examples/programs.py "$tmp")
for page in readme recipes; do
  cc -std=c99 -Wall -Wextra -Werror -pedantic -Iinclude "$tmp/$page.c" "$library" -lpthread -lm -ldl -o "$tmp/$page" 2>"$tmp/err" ||
    fail "the C program of $page does not build"
done
rustc --edition 2024 --extern wick="${library%.a}.rlib" -L "${library%/*}/deps" "$tmp/readme.rs" -o "$tmp/readme-rust" 2>"$tmp/err" ||
  fail "the README's Rust program does not build"

prints() { # name, program and its arguments: as the page says, if it says anything
  local name=$1
  shift
  (cd "$tmp" && timeout -s KILL 300 "$@" >out 2>err </dev/null) || fail "$name: exit $?"
  [ ! -f "$tmp/$name.txt" ] || diff "$tmp/$name.txt" "$tmp/out" || fail "$name prints something else than its page says"
  echo "ok: $name"
}
if [ -n "$have_model" ]; then
  # They name models/… and model.gguf.
  mkdir "$tmp/models"
  ln -s "$(realpath "$model")" "$tmp/models/"
  ln -s "$(realpath "$model")" "$tmp/model.gguf"
  prints readme ./readme
  prints readme-rust ./readme-rust
  [ -s "$tmp/out" ] || fail "the README's Rust program says nothing"
  for recipe in $recipes; do prints "$recipe" ./recipes "$recipe"; done
fi
