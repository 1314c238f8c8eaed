#!/usr/bin/env bash
# The C# binding under Mono: compiled as C# 7.2 without a warning, its tests, programs that leave Main in the
# middle of an answer, the quick starts of the documentation as they are written, and its packages.
#
#   bindings/csharp/test.sh LIBRARY   a libwick.so with the feature `testing`
#   WICK_MODELS   where SmolLM2 lies; WICK_VECTORS: beside it lies a small model
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
library=$(realpath "$1")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

for tool in mcs mono; do
  command -v "$tool" >/dev/null || { echo "left out: the C# binding (there is no $tool: mono-mcs and mono-runtime of Debian)"; exit 0; }
done

fail() { echo "FAILED: $*" >&2; exit 1; }
# Mono looks for libwick.so beside the assembly.
ln -s "$library" "$work/libwick.so"
compile=(mcs -unsafe -langversion:7.2 -warnaserror)
run() { timeout -s KILL "$1" mono --debug "${@:2}"; }

export WICK_ABI=$root/include/wick.abi.json
small=${WICK_VECTORS:-}/../models/stories260K-f32.gguf
[ ! -f "$small" ] || WICK_SMALL=$(realpath "$small")
export WICK_SMALL=${WICK_SMALL:-}

python3 "$here/Build~/generate.py" --check
python3 "$here/Build~/meta.py" --check
"${compile[@]}" -target:library -doc:"$work/Wick.xml" -out:"$work/Wick.dll" "$here"/Runtime/*.cs
# As Unity sees it, against the few of its types that are used.
mkdir "$work/unity"
python3 "$here/Build~/snippets.py" "$root/docs/unity.md" "$work/unity"
"${compile[@]}" -target:library -d:UNITY_2021_2_OR_NEWER -d:UNITY_EDITOR -out:"$work/Unity.dll" "$here"/Runtime/*.cs \
  "$here"/Samples~/*/*.cs "$here"/Unity~/*.cs "$work"/unity/*.cs
sources=("$here"/Tests~/*.cs)
"${compile[@]}" -r:"$work/Wick.dll" -main:Wick.Tests.Program -out:"$work/Wick.Tests.exe" "${sources[@]}"
run 300 "$work/Wick.Tests.exe"

# An assembly of the same name, so that it may load the fake model, too.
mkdir "$work/leave"
cp "$work/Wick.dll" "$work/Wick.Tests.exe" "$work/leave"
ln -s "$library" "$work/leave/libwick.so"
"${compile[@]}" -r:"$work/Wick.dll" -main:Wick.Tests.Leave -out:"$work/leave/Wick.Tests.exe" "${sources[@]}"
for how in return exit elsewhere step; do
  for _ in $(seq 1 "${WICK_LEAVES:-10}"); do
    code=0
    said=$(run 60 "$work/leave/Wick.Tests.exe" "$how" 2>&1) || code=$?
    [ "$code" = 7 ] && [ "$said" = leaving ] || fail "leaving Main by $how: exit $code: $said"
  done
done
echo "ok: Main is left in the middle of an answer"

# Quick starts: the C# blocks of a page that begin with `using System`, each a program.
model=${WICK_SMALL:-}
[ ! -f "${WICK_MODELS:-}/SmolLM2-135M-Instruct.Q4_1.gguf" ] || model=$WICK_MODELS/SmolLM2-135M-Instruct.Q4_1.gguf
if [ -n "$model" ]; then
  python3 "$here/Build~/snippets.py" "$root/docs/csharp.md" "$work"
  for source in "$work"/csharp-*.cs; do
    program=${source%.cs}.exe
    "${compile[@]}" -r:"$work/Wick.dll" -out:"$program" "$source"
    said=$(run 120 "$program" "$model") || fail "$(basename "$program"): $said"
    [ -n "$said" ] || fail "$(basename "$program") says nothing"
    echo "ok: $(basename "$program") of docs/csharp.md"
  done
else
  echo "left out: the quick starts of docs/csharp.md (there is no model)"
fi

"$here/package.sh" "$library" "$work/packages" >/dev/null
python3 "$here/Build~/packages.py" "$work/packages"
# What the package holds is what a project gets: its assembly, and the library beside it.
mkdir "$work/project"
(cd "$work/project" && python3 -m zipfile -e "$work"/packages/*.nupkg all)
cp "$work"/project/all/lib/netstandard2.1/Wick.dll "$work"/project/all/runtimes/linux-x64/native/libwick.so "$work/project"
"${compile[@]}" -r:"$work/project/Wick.dll" -main:Wick.Tests.Program -out:"$work/project/Wick.Tests.exe" "${sources[@]}"
run 60 "$work/project/Wick.Tests.exe" Streams.WaitedFor Layout.EveryStructHasItsSizeAndOffsets
