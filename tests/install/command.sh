#!/usr/bin/env bash
# Installs the `wick` command alone and runs it. WICK_CARGO and WICK_PROFILE: of a build that is there
# already, so that it takes seconds.
set -euo pipefail
cd "$(dirname "$0")/../.."

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
fail() { echo "FAILED: $*" >&2; exit 1; }

PREFIX=/opt/wick DESTDIR=$tmp scripts/install.sh command >"$tmp/log" 2>&1 || { cat "$tmp/log"; fail "install.sh command"; }
root=$tmp/opt/wick
[ "$(cd "$root" && find . -type f -executable)" = ./bin/wick ] || fail "other programs than bin/wick: $(find "$root" -type f)"
[ -f "$root/share/licenses/wick/THIRD_PARTY_LICENSES.command" ] || fail "the command's licences are not installed"
version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
[ "$("$root/bin/wick" --version)" = "wick $version" ] || fail "wick --version says: $("$root/bin/wick" --version)"
"$root/bin/wick" selftest >"$tmp/log" 2>&1 || { cat "$tmp/log"; fail "wick selftest"; }
echo "ok: the command, installed"
