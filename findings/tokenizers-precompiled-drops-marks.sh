#!/usr/bin/env bash
# tokenizers: `normalizers.Precompiled`, the port of SentencePiece's normaliser, drops combining marks.
# 2026-11-30.
#
# Both read the same table from the same model file (rule nfkc). SentencePiece looks for the longest match
# of the bytes and keeps what has none. The port looks at grapheme clusters, replaces a cluster by what its
# first part stands for, and the rest of it is gone: Vietnamese o + circumflex + acute becomes an o with
# circumflex alone (another letter), full-width a + acute loses its accent, and Japanese ka + voiced mark,
# which SentencePiece composes, stays apart. Texts in NFD (file names, some keyboards) so get other tokens
# than the model was trained with.
. "$(dirname "$0")/lib/finding.bash"
packages sentencepiece==0.2.3 tokenizers==0.23.3 protobuf==7.36.2
in_python <<'PY'
import os, tempfile, sentencepiece
import sentencepiece.sentencepiece_model_pb2 as pb
from tokenizers import normalizers
with tempfile.TemporaryDirectory() as folder:
    with open(f"{folder}/text", "w") as file:
        file.write("\n".join(f"the quick brown fox jumps over the lazy dog {i}" for i in range(200)))
    sentencepiece.SentencePieceTrainer.train(input=f"{folder}/text", model_prefix=f"{folder}/m", vocab_size=40,
        model_type="unigram", normalization_rule_name="nfkc", minloglevel=2)
    model = pb.ModelProto()
    model.ParseFromString(open(f"{folder}/m.model", "rb").read())
    original = sentencepiece.SentencePieceNormalizer(model_file=f"{folder}/m.model", add_dummy_prefix=False,
        remove_extra_whitespaces=False, escape_whitespaces=False)
port = normalizers.Precompiled(model.normalizer_spec.precompiled_charsmap)
for text in ["e\u0301", "o\u0302\u0301", "\uff41\u0301", "a\u0300\u0323", "\u30ab\u3099"]:
    print(ascii(text), "SentencePiece", ascii(original.normalize(text)), "tokenizers", ascii(port.normalize_str(text)))
PY
seen <<'OUT'
'e\u0301' SentencePiece '\xe9' tokenizers '\xe9'
'o\u0302\u0301' SentencePiece '\u1ed1' tokenizers '\xf4'
'\uff41\u0301' SentencePiece '\xe1' tokenizers 'a'
'a\u0300\u0323' SentencePiece '\xe0\u0323' tokenizers '\xe0'
'\u30ab\u3099' SentencePiece '\u30ac' tokenizers '\u30ab\u3099'
OUT
