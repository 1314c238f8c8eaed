#!/usr/bin/env bash
# llguidance: a `const` beyond 2^53 refuses its own value. 2026-11-30.
#
# {"const": 9007199254740993} allows one text, "9007199254740993": JSON numbers have any number of digits,
# and the schema's own text has all of these. The grammar made from it refuses the last digit, without an
# error or a warning when it is made. Ids of 64 bits are such numbers.
. "$(dirname "$0")/lib/finding.bash"
packages llguidance==1.9.1
in_python <<'PY'
from llguidance import LLMatcher, LLTokenizer
tokenizer = LLTokenizer("byte")
def accepts(schema, text):
    matcher = LLMatcher(tokenizer, LLMatcher.grammar_from_json_schema(schema))
    assert not matcher.get_error()
    tokens = tokenizer.tokenize_str(text)
    return matcher.validate_tokens(tokens) == len(tokens)
for const in ["9007199254740991", "9007199254740993"]:
    print(f'{{"const": {const}}} {const}: {"accepted" if accepts(f"""{{"const": {const}}}""", const) else "refused"}')
PY
seen <<'OUT'
{"const": 9007199254740991} 9007199254740991: accepted
{"const": 9007199254740993} 9007199254740993: refused
OUT
