#!/usr/bin/env bash
# The wheel of a library, in an environment that has nothing else; its quick start as docs/python.md has it;
# then pytest. What cannot be had is left out, and said.
#
#   bindings/python/tests/run.sh                            the wheel as it ships; with a real model only
#   WHEEL_LIBRARY=libwick.so bindings/python/tests/run.sh   a debug library with the feature `testing`: the
#                                                           quick start, then with the fake model only
set -euo pipefail
cd "$(dirname "$0")/../../.."
export WICK_ROOT=$PWD WICK_MODELS=${WICK_MODELS:-$PWD/models}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
command -v python3 >/dev/null || { echo "left out: the Python package (there is no python3)"; exit 0; }
bindings/python/generate.py --check
scripts/python-env.sh "$work/env" >"$work/log" 2>&1 ||
  { echo "left out: the Python package (no environment can be made: $(tail -n 1 "$work/log"))"; exit 0; }
python=$work/env/bin/python
"$python" -m pip download --quiet --disable-pip-version-check --no-deps --dest "$work/there" pytest >"$work/log" 2>&1 ||
  { echo "left out: the Python package (pip gets no packages: $(tail -n 1 "$work/log"))"; exit 0; }

scripts/wheel.sh "$work/wheel"
"$python" -m pip install --quiet --disable-pip-version-check --no-index "$work"/wheel/*.whl
model=$WICK_MODELS/SmolLM2-135M-Instruct.Q4_1.gguf
if [ -f "$model" ]; then
  mkdir "$work/start"
  ln -s "$(realpath "$model")" "$work/start/"
  awk '/^```python/ {on = 1; next} /^```/ {if (on) exit} on' docs/python.md >"$work/start/start.py"
  (cd "$work/start" && timeout -s KILL 120 "$python" start.py >answer)
  [ -s "$work/start/answer" ] || { echo "FAILED: the quick start says nothing" >&2; exit 1; }
  echo "ok: the quick start says: $(head -c 60 "$work/start/answer" | tr '\n' ' ')…"
else
  echo "left out: the quick start with a real model (there is no $model)"
fi
"$python" -m pip install --quiet --disable-pip-version-check pytest
# A debug library takes minutes for what a real model says.
[ -z "${WHEEL_LIBRARY:-}" ] || export WICK_MODELS=$work/none
# Out of the source tree: what is tested is what was installed.
cp -r bindings/python/tests "$work/tests"
(cd "$work" && timeout -s KILL 900 "$python" -m pytest -q -rs -p no:cacheprovider tests)
