#!/usr/bin/env bash
# The Node package's tests: what is generated is up to date, the fake model, the types, the package as npm
# packs and installs it, and the programs of docs/node.md as they stand there, with the default model.
#
#   test.sh LIBRARY   a libwick.so with the feature `testing`
set -euo pipefail
[ $# -eq 1 ] || { echo "usage: $0 LIBRARY" >&2; exit 2; }
library=$(realpath "$1")
cd "$(dirname "$0")"

./generate.py --check
for tool in node npm; do
  command -v "$tool" >/dev/null || { echo "left out: the Node package's tests (there is no $tool)"; exit 0; }
done
major=$(node -p 'process.versions.node.split(".")[0]')
[ "$major" -ge 18 ] || { echo "left out: the Node package's tests (node is of version $major, 18 is the least)"; exit 0; }
export WICK_LIBRARY=$library
root=$(cd ../.. && pwd)
models=$(realpath "${WICK_MODELS:-$root/models}")
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
fail() { echo "FAILED: $*" >&2; exit 1; }
export NO_UPDATE_NOTIFIER=1 npm_config_update_notifier=false npm_config_audit=false npm_config_fund=false

# Nothing is left in the checkout.
git ls-files -z --cached --others --exclude-standard . | xargs -0 cp --parents -t "$tmp"
cd "$tmp"
if ! npm ci --ignore-scripts >npm.log 2>&1; then
  if grep -qE 'ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT|ENETUNREACH' npm.log; then
    echo "left out: the Node package's tests (npm reaches no registry)"
    exit 0
  fi
  cat npm.log
  fail "npm ci"
fi
timeout -s KILL 900 node --test --expose-gc tests/ >tests.log 2>&1 || { cat tests.log; fail "the Node package's tests"; }
echo "ok: $(sed -n 's/^[#ℹ] pass //p' tests.log | tail -1) tests of the Node package"

# As others get it: packed, and installed in a folder of their own.
npm pack --silent >/dev/null
mkdir project
cd project
npm init -y >/dev/null
npm install --ignore-scripts ../wick-llm-*.tgz >npm.log 2>&1 || { cat npm.log; fail "npm install of the package"; }
node -e "require('wick-llm').version === require('wick-llm/package.json').version || process.exit(1)" || fail "require('wick-llm')"
[ ! -e node_modules/wick-llm/tests ] || fail "the package holds its tests"

# Every block of the page, and what it says that it prints.
awk '/^```js$/ { n++; out = n ".mts"; next } /^```text$/ { out = n ".txt"; next }
     /^```/ { out = ""; next } out { print > out }' "$root/docs/node.md"
cp ../tests/types.ts types.mts
../node_modules/.bin/tsc --noEmit --strict --module nodenext --target es2022 --lib es2023,esnext.disposable \
  --typeRoots ../node_modules/@types --types node ./*.mts || fail "the types"
../node_modules/.bin/tsc --noEmit --strict --module nodenext --target es2022 --lib es2023,dom --types '' types.mts || fail "the types without Node's"
echo "ok: types"

if [ ! -f "$models/SmolLM2-135M-Instruct.Q4_1.gguf" ]; then
  echo "left out: the programs of docs/node.md (there is no SmolLM2-135M-Instruct.Q4_1.gguf in $models)"
  exit 0
fi
ln -s "$models" models
for program in 1 2; do
  mv $program.mts $program.mjs
  timeout -s KILL 300 node $program.mjs >$program.out || fail "program $program of docs/node.md: exit $?"
  diff $program.txt $program.out || fail "program $program of docs/node.md prints something else than the page says"
done
echo "ok: the programs of docs/node.md"
