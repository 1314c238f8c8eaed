#!/usr/bin/env bash
# llguidance: a constant loses its control characters where \u escapes are not allowed. 2026-12-01.
#
# With a "json_allowed_escapes" without "u" the text a, U+0001, b cannot be spelled in JSON. One would expect
# an error when the schema is compiled, as for other schemas that nothing satisfies; the text "ab" is forced
# instead. What has an escape of its own, such as a tab, is written right.
. "$(dirname "$0")/lib/finding.bash"
packages llguidance==1.9.1
in_python <<'PY'
import json
from llguidance import LLMatcher, LLTokenizer
tokenizer = LLTokenizer("byte")
for allowed in ["nrbtf\\\"u", "nrbtf\\\""]:
    for text in ["a\u0001b", "a\u0000b"]:
        schema = {"const": text, "x-guidance": {"json_allowed_escapes": allowed, "whitespace_flexible": False}}
        matcher = LLMatcher(tokenizer, LLMatcher.grammar_from_json_schema(json.dumps(schema)))
        error = matcher.get_error()
        said = matcher.compute_ff_bytes() if not error else None
        print(json.dumps(allowed), json.dumps(text), "->", error.split("\n")[0] if error else said)
PY
seen <<'OUT'
"nrbtf\\\"u" "a\u0001b" -> b'"a\\u0001b"'
"nrbtf\\\"u" "a\u0000b" -> b'"a\\u0000b"'
"nrbtf\\\"" "a\u0001b" -> b'"ab"'
"nrbtf\\\"" "a\u0000b" -> b'"ab"'
OUT
