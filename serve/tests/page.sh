#!/usr/bin/env bash
# The chat page in a real browser, if Chromium is there: two turns, a stop, and a screenshot.
#
#   serve/tests/page.sh PROGRAM SCREENSHOT   a wick-serve with the feature `testing`; where the picture goes
set -euo pipefail
program=$1 screenshot=$2
here=$(cd "$(dirname "$0")" && pwd)

chromium=$(command -v chromium || command -v chromium-browser || command -v google-chrome || true)
[ -n "$chromium" ] || { echo "left out: the chat page (there is no chromium)"; exit 0; }

work=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null || true; rm -rf "$work"' EXIT

if ! { python3 -m venv "$work/venv" && "$work/venv/bin/pip" install --quiet --disable-pip-version-check 'websocket-client>=1.8,<2'; } >"$work/pip" 2>&1; then
  echo "left out: the chat page (websocket-client cannot be installed: $(tail -n 1 "$work/pip"))"
  exit 0
fi

"$program" --fake '{"reply": "Hello, traveller. Come in!", "delay_us": 150000}' --name small --port 0 --threads 1 \
  >"$work/out" 2>"$work/err" &
server=$!
for _ in $(seq 1 1200); do
  [ -s "$work/out" ] && break
  kill -0 "$server" || { cat "$work/err" >&2; exit 1; }
  sleep 0.05
done
mkdir -p "$(dirname "$screenshot")"
"$work/venv/bin/python" "$here/page.py" "$chromium" "$(sed -n 's/^wick-serve: listening on //p' "$work/out")" "$screenshot"
