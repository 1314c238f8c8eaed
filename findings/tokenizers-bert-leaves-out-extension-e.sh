#!/usr/bin/env bash
# tokenizers: BertNormalizer does not know the ideographs U+2B820 to U+2B91F as ideographs. 2026-11-30.
#
# It puts a space on both sides of each CJK ideograph, so that each becomes a word of its own. CJK Extension
# E is U+2B820 to U+2CEAF; the range in the code begins at U+2B920, 256 characters late, so that the first
# of them stick to their neighbours. The neighbours on both sides of the gap (U+2B81F, the end of Extension
# D, and U+2B920) are handled.
. "$(dirname "$0")/lib/finding.bash"
packages tokenizers==0.23.3
in_python <<'PY'
from tokenizers import normalizers
bert = normalizers.BertNormalizer()
for code in [0x4E00, 0x2B81D, 0x2B820, 0x2B91F, 0x2B920, 0x2CEA1]:
    text = bert.normalize_str(f"a{chr(code)}b")
    print(f"U+{code:X}", "a word of its own" if text == f"a {chr(code)} b" else "not set apart")
PY
seen <<'OUT'
U+4E00 a word of its own
U+2B81D a word of its own
U+2B820 not set apart
U+2B91F not set apart
U+2B920 a word of its own
U+2CEA1 a word of its own
OUT
