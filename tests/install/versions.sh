#!/usr/bin/env bash
# Which versions find_package takes of an installed wick 0.1.0: versions.sh PREFIX FOLDER. Ranges need CMake
# 3.19.
set -euo pipefail
prefix=$1 work=$2
mkdir -p "$work"
cat >"$work/CMakeLists.txt" <<'CMAKE'
cmake_minimum_required(VERSION 3.16)
project(versions LANGUAGES NONE)
separate_arguments(wanted UNIX_COMMAND "${WANTED}")
find_package(wick ${wanted} CONFIG QUIET)
if(wick_FOUND)
  message(STATUS "it is found")
endif()
CMAKE

found() { # what is asked for
  cmake -S "$work" -B "$work/build" -DCMAKE_PREFIX_PATH="$prefix" -DWANTED="$1" >"$work/log" 2>&1 ||
    { cat "$work/log"; echo "FAILED: find_package(wick $1): cmake fails" >&2; exit 1; }
  rm -rf "$work/build"
  grep -q "it is found" "$work/log"
}

taken=("" 0.1 0.1.0 "0.1.0 EXACT")
refused=(0.0.9 0.1.1 0.2 1.0 "0.1.1 EXACT" 0 1)
if [ "$(printf '%s\n' 3.19 "$(cmake --version | sed -n '1s/.* //p')" | sort -V | head -n 1)" = 3.19 ]; then
  taken+=(0.1...0.3 0.1.0...0.1.0 0.0.5...0.1.5 "0.1...<0.2" 0.1...1.0)
  refused+=(0.0.1...0.0.9 "0.0.1...<0.1.0" "0.1.1...0.3" 0.2...0.3 1.0...2.0)
else
  echo "left out: version ranges (CMake is older than 3.19)"
fi
for wanted in "${taken[@]}"; do found "$wanted" || { echo "FAILED: find_package(wick $wanted) finds nothing" >&2; exit 1; }; done
for wanted in "${refused[@]}"; do ! found "$wanted" || { echo "FAILED: find_package(wick $wanted) finds 0.1.0" >&2; exit 1; }; done
echo "ok: cmake, ${#taken[@]} versions that are taken and ${#refused[@]} that are refused"
