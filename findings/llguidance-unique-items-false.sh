#!/usr/bin/env bash
# llguidance: `uniqueItems: false`, which is the default written out, makes a schema unsupported.
# 2026-11-30.
#
# JSON Schema gives `uniqueItems` the default false, so that writing it says nothing. The schema is refused
# as having an unimplemented keyword; without the line, which means the same, it compiles. Generators of
# schemas do write it. The same with `propertyNames: {"type": "string"}`, which every JSON object fulfils.
. "$(dirname "$0")/lib/finding.bash"
packages llguidance==1.9.1
in_python <<'PY'
import json
from llguidance import LLMatcher, LLTokenizer
tokenizer = LLTokenizer("byte")
for schema in [{"type": "array"}, {"type": "array", "uniqueItems": False},
               {"type": "object"}, {"type": "object", "propertyNames": {"type": "string"}}]:
    text = json.dumps(schema)
    print(text, "->", LLMatcher(tokenizer, LLMatcher.grammar_from_json_schema(text)).get_error() or "compiles")
PY
seen <<'OUT'
{"type": "array"} -> compiles
{"type": "array", "uniqueItems": false} -> Unimplemented keys: ["uniqueItems"]
{"type": "object"} -> compiles
{"type": "object", "propertyNames": {"type": "string"}} -> Unimplemented keys: ["propertyNames"]
OUT
