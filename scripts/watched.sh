#!/usr/bin/env bash
# Runs a program of tests, and kills it and says so when it hangs. Cargo's runner in the other scripts:
# building does not count.
#
#   scripts/watched.sh PROGRAM [ARGUMENT ...]
#   WICK_TEST_LIMIT   what the program may take, in seconds (1800: far more than any does)
set -uo pipefail

limit=${WICK_TEST_LIMIT:-1800}
# Whoever ends a whole run hears what was under way.
trap 'echo "watched.sh: $1 was under way" >&2; exit 143' TERM

code=0
# In the foreground: what ends the caller's group ends the program, too.
timeout --foreground --kill-after=10 "$limit" "$@" || code=$?
if [ "$SECONDS" -ge "$limit" ]; then
  case $code in 124 | 137) echo "watched.sh: $1 hangs: killed after $limit s" >&2 ;; esac
fi
exit "$code"
