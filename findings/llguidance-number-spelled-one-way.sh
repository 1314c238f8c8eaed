#!/usr/bin/env bash
# llguidance: `const: 1.0` accepts "1" and refuses "1.0", the text that stands in the schema; `multipleOf:
# 0.5` refuses "0.50". 2026-11-30.
#
# JSON Schema compares numbers by value: 1, 1.0 and 0.50 of 0.5 are equal, and all should pass. One spelling
# is let through, and for a constant it is not the one that the author of the schema wrote.
. "$(dirname "$0")/lib/finding.bash"
packages llguidance==1.9.1
in_python <<'PY'
from llguidance import LLMatcher, LLTokenizer
tokenizer = LLTokenizer("byte")
for schema, texts in [('{"const": 1.0}', ["1", "1.0"]), ('{"enum": [2.50]}', ["2.5", "2.50"]),
                      ('{"type": "number", "multipleOf": 0.5}', ["0.5", "0.50", "1.0"])]:
    for text in texts:
        matcher = LLMatcher(tokenizer, LLMatcher.grammar_from_json_schema(schema))
        tokens = tokenizer.tokenize_str(text)
        print(schema, text, "accepted" if matcher.validate_tokens(tokens) == len(tokens) else "refused")
PY
seen <<'OUT'
{"const": 1.0} 1 accepted
{"const": 1.0} 1.0 refused
{"enum": [2.50]} 2.5 accepted
{"enum": [2.50]} 2.50 refused
{"type": "number", "multipleOf": 0.5} 0.5 accepted
{"type": "number", "multipleOf": 0.5} 0.50 refused
{"type": "number", "multipleOf": 0.5} 1.0 accepted
OUT
