#!/usr/bin/env bash
# Applies each fault of tests/mutations/list to a copy of the tree, and requires that the tests notice it.
# Usage: scripts/mutations.sh [NAME...]     none given: all
set -euo pipefail
cd "$(dirname "$0")/.."

limit=${WICK_MUTATION_LIMIT:-300}        # seconds for one run of the tests, building aside
watchdog=${WICK_WATCHDOG:-20}            # seconds for one test: the same for what is sound, else a slow machine would pass for a notice
work=$PWD/target/mutations
tree=$work/tree
log=$work/log
# Never the build folder of the tree itself: cargo takes a package in another folder for the same one, and
# would hand out mutants.
export CARGO_TARGET_DIR=$work/build
# Most of the library is the same in every mutant.
export CARGO_INCREMENTAL=1
list=tests/mutations/list

for name in "$@"; do
  awk -v name="$name" '!/^#/ && $1 == name {found = 1} END {exit !found}' "$list" ||
    { echo "mutations.sh: no mutation \"$name\" in $list" >&2; exit 2; }
done

# The copy: what git would commit, as it lies here.
rm -rf "$tree" && mkdir -p "$tree"
git ls-files -z --cached --others --exclude-standard | while IFS= read -r -d '' file; do
  if [ -f "$file" ]; then printf '%s\0' "$file"; fi
done | tar --null -T - -cf - | tar -xf - -C "$tree"
find "$tree/src" "$tree/tests" -name '*.rs' -exec touch {} +
cp -R "$tree/src" "$tree/src.whole"
cd "$tree"

# replace FILE OLD NEW: OLD is in FILE exactly once, or the mutation does not apply.
replace() {
  local text without
  text=$(cat "$1" && printf x) && text=${text%x}
  without=${text/"$2"/}
  if [ "$without" = "$text" ] || [ "${without/"$2"/}" != "$without" ]; then
    echo "$1 has not exactly one: $2" >&2
    exit 1
  fi
  printf '%s' "${text/"$2"/"$3"}" > "$1"
}

# 0 if the tests pass, 1 if they fail, 124 or 137 if they hang, 2 if they do not build.
run_tests() { # PROGRAM, or PROGRAM::MODULE
  local program=${1%%::*} module=${1#"${1%%::*}"}
  local which=(--test "$program")
  [ "$program" != lib ] || which=(--lib)
  local cargo=(cargo test --quiet --no-default-features --features testing "${which[@]}")
  "${cargo[@]}" --no-run > "$log" 2>&1 || return 2
  timeout -k 5 "$limit" "${cargo[@]}" ${module:+"${module#::}::"} > "$log" 2>&1 && return 0
  local status=$?
  [ $status -eq 124 ] || [ $status -eq 137 ] && return $status
  return 1
}

# No test needs the other kinds of library.
replace Cargo.toml '"rlib", "cdylib", "staticlib"' '"rlib"'

selected() { [ $# -eq 1 ] || [[ " ${*:2} " == *" $1 "* ]]; }

failed=0 sound=" "
while read -r name tests <&3; do
  case $name in '' | '#'*) continue ;; esac
  selected "$name" "$@" || continue
  if [[ $sound != *" $tests "* ]]; then
    if ! WICK_WATCHDOG=$watchdog run_tests "$tests"; then
      cat "$log"
      echo "$tests: fails without any mutation" >&2
      exit 1
    fi
    sound="$sound$tests "
    echo "$tests: passes as it is"
  fi
  (. "tests/mutations/$name.sh") || { echo "$name: does not apply any more: mend tests/mutations/$name.sh" >&2; exit 1; }
  # A fault that needs a certain order of threads does not show in every run.
  for _ in 1 2 3; do
    status=0
    WICK_WATCHDOG=$watchdog run_tests "$tests" || status=$?
    [ "$status" -eq 0 ] || break
  done
  case $status in
    0) echo "$name: NOT NOTICED"; failed=1 ;;
    2) cat "$log"; echo "$name: does not build: mend tests/mutations/$name.sh" >&2; exit 1 ;;
    124 | 137) echo "$name: noticed (the tests hang and were killed)" ;;
    *)
      if hang=$(grep -m1 'watchdog:' "$log"); then
        echo "$name: noticed ($hang)"
      else
        echo "$name: noticed ($(grep -c '^---- ' "$log") tests fail, first: $(grep -m1 '^---- ' "$log" | cut -d' ' -f2))"
      fi ;;
  esac
  rm -rf src && cp -R src.whole src
done 3< "$list"
[ "$failed" -eq 0 ]
