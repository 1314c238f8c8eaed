#!/usr/bin/env bash
# The server, by clients that others wrote: curl, and the openai package of Python in an environment of its
# own. What cannot be had is left out, and said.
#
#   serve/tests/clients.sh PROGRAM   a wick-serve with the feature `testing`
set -euo pipefail
program=$1
here=$(cd "$(dirname "$0")" && pwd)

work=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null || true; rm -rf "$work"' EXIT

printf 'a-token\n' >"$work/token"
"$program" --fake '{"reply": "Hello, world", "delay_us": 1000}' --name small --port 0 --threads 1 \
  --token-file "$work/token" >"$work/out" 2>"$work/err" &
server=$!

# The first line of its output has its address.
for _ in $(seq 1 1200); do
  [ -s "$work/out" ] && break
  kill -0 "$server" || { cat "$work/err" >&2; exit 1; }
  sleep 0.05
done
address=$(sed -n 's/^wick-serve: listening on //p' "$work/out")
[ -n "$address" ] || { echo "clients.sh: no address in $(cat "$work/out")" >&2; exit 1; }

fail() { echo "clients.sh: $*" >&2; exit 1; }

by_curl() {
  ask=(curl --silent --show-error --max-time 120 --header "Authorization: Bearer a-token")
  "${ask[@]}" --fail --retry 60 --retry-delay 1 --retry-all-errors --output /dev/null "$address/ready"
  chat='{"model": "small", "messages": [{"role": "user", "content": "Hi"}]}'
  json=(--header "Content-Type: application/json")
  "${ask[@]}" --fail "${json[@]}" --data "$chat" "$address/v1/chat/completions" | grep -q '"content":"Hello, world"' ||
    fail "no answer"
  "${ask[@]}" --fail --no-buffer "${json[@]}" --data "${chat%\}}, \"stream\": true}" "$address/v1/chat/completions" >"$work/stream"
  [ "$(tail -n 2 "$work/stream" | head -n 1)" = "data: [DONE]" ] || fail "no [DONE] at the end of the stream"
  [ "$(grep -c '"finish_reason":"stop"' "$work/stream")" = 1 ] || fail "not one end in the stream"
  # A body over 1 MiB is announced first (Expect: 100-continue).
  head -c 6000000 /dev/zero | tr '\0' ' ' >"$work/long"
  code=$("${ask[@]}" "${json[@]}" --data-binary "@$work/long" --output /dev/null --write-out '%{http_code}' "$address/v1/chat/completions") || true
  [ "$code" = 413 ] || fail "a body that is too long: $code"
  code=$(curl --silent --max-time 120 --output /dev/null --write-out '%{http_code}' "$address/v1/models")
  [ "$code" = 401 ] || fail "without a token: $code"
  echo "ok: curl"
}

by_openai() {
  if ! { python3 -m venv "$work/venv" && "$work/venv/bin/pip" install --quiet --disable-pip-version-check 'openai>=2,<3'; } >"$work/pip" 2>&1; then
    echo "left out: the openai package of Python (it cannot be installed: $(tail -n 1 "$work/pip"))"
    return
  fi
  WICK_ADDRESS=$address "$work/venv/bin/python" "$here/clients.py"
  echo "ok: openai $("$work/venv/bin/python" -c 'import openai; print(openai.__version__)')"
}

if command -v curl >/dev/null; then by_curl; else echo "left out: curl (it is not there)"; fi
if command -v python3 >/dev/null; then by_openai; else echo "left out: openai (there is no python3)"; fi
kill -TERM "$server"
wait "$server" || fail "the server ended with $?"
server=
