#!/usr/bin/env bash
# Makes what C# projects take: Wick.Llm.VERSION.nupkg and com.wick.llm-VERSION.tgz, Unity's package, both with
# the library inside.
#
#   bindings/csharp/package.sh LIBRARY [FOLDER]   libwick.so of `make install`, for Linux x86-64; where to (build/csharp)
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
library=$(realpath "$1")
out=$(mkdir -p "${2:-$root/build/csharp}" && cd "${2:-$root/build/csharp}" && pwd)
version=$(sed -n 's/^version = "\(.*\)"/\1/p' "$root/Cargo.toml" | head -n 1)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

mcs -unsafe -optimize -langversion:7.2 -warnaserror -target:library -doc:"$work/Wick.xml" -out:"$work/Wick.dll" "$here"/Runtime/*.cs
python3 "$here/Build~/nuget.py" "$out/Wick.Llm.$version.nupkg" "$version" \
  lib/netstandard2.1/Wick.dll="$work/Wick.dll" \
  lib/netstandard2.1/Wick.xml="$work/Wick.xml" \
  runtimes/linux-x64/native/libwick.so="$library" \
  README.md="$here/README.md" \
  licenses/LICENSE-MIT="$root/LICENSE-MIT" \
  licenses/LICENSE-APACHE="$root/LICENSE-APACHE" \
  licenses/THIRD_PARTY_LICENSES="$root/THIRD_PARTY_LICENSES"

# Unity's: the folder as it is, without what is for building and testing, and with the library as a plugin.
package=$work/package
mkdir -p "$package/Plugins/x86_64" "$package/Licenses"
cp -r "$here/Runtime" "$here/Runtime.meta" "$here/Samples~" "$here/package.json" "$here/package.json.meta" "$here/README.md" \
  "$here/README.md.meta" "$package"
install -m 644 "$library" "$package/Plugins/x86_64/libwick.so"
cp "$root/LICENSE-MIT" "$root/LICENSE-APACHE" "$root/THIRD_PARTY_LICENSES" "$package/Licenses"
python3 - "$here/Build~" "$package" <<'PYTHON'
import os, sys
sys.path.insert(0, sys.argv[1])
import meta
for path in ("Plugins", "Plugins/x86_64", "Plugins/x86_64/libwick.so", "Licenses", "Licenses/LICENSE-MIT",
             "Licenses/LICENSE-APACHE", "Licenses/THIRD_PARTY_LICENSES"):
    with open(os.path.join(sys.argv[2], path + ".meta"), "w", encoding="utf-8", newline="\n") as file:
        file.write(meta.meta(path, os.path.isdir(os.path.join(sys.argv[2], path))))
PYTHON
tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -czf "$out/com.wick.llm-$version.tgz" -C "$work" package
ls -l "$out"
