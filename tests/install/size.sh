#!/usr/bin/env bash
# Installs the library as it ships, which takes minutes, and weighs it: at most 8 MB, and nothing but wick_*
# in its dynamic symbols.
set -euo pipefail
cd "$(dirname "$0")/../.."

most=8000000
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
PREFIX=$tmp scripts/install.sh library
bytes=$(stat -L -c %s "$tmp/lib/libwick.so")
[ "$bytes" -le "$most" ] || { echo "FAILED: libwick.so takes $bytes bytes; $most are allowed" >&2; exit 1; }
nm -D --defined-only --format=posix "$tmp/lib/libwick.so" | awk '{print $1}' | sort | diff tests/symbols.txt - ||
  { echo "FAILED: the shared library's symbols are not those of tests/symbols.txt" >&2; exit 1; }
echo "ok: libwick.so takes $bytes bytes"
