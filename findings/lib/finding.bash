# Sourced by every finding: packages in a folder of its own that goes when it ends, and the comparison of what a program prints with what was seen.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Python packages with their versions, `NAME==VERSION …`.
packages() {
  echo "with: $*"
  python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --target "$work/python" "$@" 2>"$work/errors" ||
    { cat "$work/errors" >&2; exit 1; }
}

# npm packages with their versions, `NAME@VERSION …`.
modules() {
  echo "with: $*"
  npm install --silent --no-audit --no-fund --prefix "$work" "$@" >/dev/null
}

# A crate with its version, `NAME@VERSION`; further words are features.
crate() {
  echo "with: $1"
  cargo init --quiet --vcs none --name finding "$work/finding"
  (cd "$work/finding" && cargo add --quiet "${1/@/@=}" "${@:2}" 2>"$work/errors") || { cat "$work/errors" >&2; exit 1; }
}

# Run a program from standard input, and keep what it prints.
in_rust() {
  cat >"$work/finding/src/main.rs"
  (cd "$work/finding" && cargo run --quiet >"$work/prints" 2>"$work/errors") || { cat "$work/errors" >&2; exit 1; }
}
in_python() { PYTHONPATH=$work/python python3 - >"$work/prints" 2>"$work/errors" || { cat "$work/errors" >&2; exit 1; }; }
in_node() {
  cat >"$work/finding.mjs"
  (cd "$work" && node finding.mjs >prints 2>errors) || { cat "$work/errors" >&2; exit 1; }
}

# Compares that with what was seen, from standard input.
seen() {
  cat "$work/prints"
  diff - "$work/prints" >"$work/difference" || { echo "CHANGED (< seen before, > now):"; cat "$work/difference"; exit 1; }
  echo "as seen before"
}
