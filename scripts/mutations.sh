#!/usr/bin/env bash
# Applies each fault of tests/mutations/list to a copy of the tree, and requires that the tests notice it.
# Usage: scripts/mutations.sh [NAME...]     none given: all
set -euo pipefail
cd "$(dirname "$0")/.."

limit=${WICK_MUTATION_LIMIT:-300}        # seconds for one run of the tests, building aside
watchdog=${WICK_WATCHDOG:-20}            # seconds for one test of a mutant, at least
work=$PWD/target/mutations
tree=$work/tree
# Never the build folder of the tree itself: cargo takes a package in another folder for the same one, and
# would hand out mutants.
export CARGO_TARGET_DIR=$work/build
# Most of the library is the same in every mutant, and each is built for one run.
export CARGO_INCREMENTAL=1 CARGO_PROFILE_DEV_OPT_LEVEL=0
# Many tests make panics happen, whose backtraces would bury what failed.
export RUST_BACKTRACE=${WICK_BACKTRACE:-0}
# What it says is read.
export CARGO_TERM_COLOR=never
list=tests/mutations/list

for name in "$@"; do
  awk -v name="$name" '!/^#/ && $1 == name {found = 1} END {exit !found}' "$list" ||
    { echo "mutations.sh: no mutation \"$name\" in $list" >&2; exit 2; }
done

# The copy: what git would commit, as it lies here.
rm -rf "$tree" "$work"/*.program && mkdir -p "$tree"
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

# Builds PROGRAM, or the program of PROGRAM::MODULE, as it is in the tree now, and keeps it as NAME: the next
# build may begin while it runs.
build_tests() { # NAME, PROGRAM or PROGRAM::MODULE
  local program=${2%%::*} built
  local which=(--test "$program")
  [ "$program" != lib ] || which=(--lib)
  cargo test --no-run --no-default-features --features testing "${which[@]}" > "$work/$1.log" 2>&1 || return
  built=$(sed -n 's/^ *Executable .* (\(.*\))$/\1/p' "$work/$1.log")
  cp "$built" "$work/$1.program"
}

# Runs what was built. 0 if the tests pass, 1 if they fail, 124 or 137 if they hang.
run_tests() { # NAME, PROGRAM or PROGRAM::MODULE, seconds for one test
  local module=${2#"${2%%::*}"} status=0
  # The shell itself says of a program that its watchdog has aborted that it was.
  { WICK_WATCHDOG=$3 timeout -k 5 "$limit" "$work/$1.program" --quiet ${module:+"${module#::}::"} > "$work/$1.log" 2>&1; } 2> /dev/null ||
    status=$?
  case $status in 0 | 124 | 137) return $status ;; *) return 1 ;; esac
}

# How many tests passed in the last run.
passed() { # NAME
  sed -n 's/^test result: .* \([0-9]*\) passed;.*/\1/p' "$work/$1.log"
}

# Whether the mutant's tests notice it: says how, or what ran without noticing.
judge() { # NAME, PROGRAM or PROGRAM::MODULE, seconds for one test
  local name=$1 log=$work/$1.log status=0 hang
  # A fault that needs a certain order of threads does not show in every run.
  for _ in 1 2 3; do
    status=0
    run_tests "$@" || status=$?
    [ "$status" -eq 0 ] || break
  done
  case $status in
    0)
      echo "$name: NOT NOTICED by the $(passed "$name") tests of $2, in three runs"
      return 1 ;;
    124 | 137) echo "$name: noticed (the tests hang and were killed)" ;;
    *)
      if hang=$(grep -m1 'watchdog:' "$log"); then
        echo "$name: noticed ($hang)"
      else
        echo "$name: noticed ($(grep -c '^---- ' "$log") tests fail, first: $(grep -m1 '^---- ' "$log" | cut -d' ' -f2))"
      fi ;;
  esac
  rm -f "$work/$name.program"
}

# No test needs the other kinds of library.
replace Cargo.toml '"rlib", "cdylib", "staticlib"' '"rlib"'

selected() { [ $# -eq 1 ] || [[ " ${*:2} " == *" $1 "* ]]; }

# Ends with what is wrong, once the mutant under way is said.
give_up() {
  wait
  echo "$*" >&2
  exit 1
}

failed=0 judged=
declare -A patience
while read -r name tests <&3; do
  case $name in '' | '#'*) continue ;; esac
  selected "$name" "$@" || continue
  if [ -z "${patience[$tests]:-}" ]; then
    # One for all modules of a program.
    sound=sound-${tests%%::*}
    [ -f "$work/$sound.program" ] || build_tests "$sound" "$tests" || { cat "$work/$sound.log"; give_up "$tests: does not build"; }
    begun=$SECONDS
    run_tests "$sound" "$tests" "$limit" || { cat "$work/$sound.log"; give_up "$tests: fails without any mutation"; }
    [ "$(passed "$sound")" -gt 0 ] || give_up "$tests: there is no such test"
    # Each test of a mutant may take several times as long as all did here, beside the next build: else a slow
    # machine would pass for a notice.
    took=$(((SECONDS - begun + 1) * 5))
    patience[$tests]=$((took > watchdog ? took : watchdog))
    echo "$tests: passes as it is ($(passed "$sound") tests)"
  fi
  (. "tests/mutations/$name.sh") || give_up "$name: does not apply any more: mend tests/mutations/$name.sh"
  build_tests "$name" "$tests" || { cat "$work/$name.log"; give_up "$name: does not build: mend tests/mutations/$name.sh"; }
  rm -rf src && cp -R src.whole src
  # It runs while the next one is built, and is said before that one is.
  [ -z "$judged" ] || wait "$judged" || failed=1
  judge "$name" "$tests" "${patience[$tests]}" &
  judged=$!
done 3< "$list"
[ -z "$judged" ] || wait "$judged" || failed=1
[ "$failed" -eq 0 ]
