#!/usr/bin/env bash
# llguidance: a number with a bound may no longer be written with an exponent. 2026-11-30.
#
# {"type": "number"} accepts 1e2. With "minimum": 10 the same text is refused at its `e`, although 100 is
# well above 10; only "100" passes. A bound should restrict the value, not the way it is written. A model
# that begins a small or large number in its usual way (1e-7) is forced into another one.
. "$(dirname "$0")/lib/finding.bash"
packages llguidance==1.9.1
in_python <<'PY'
import json
from llguidance import LLMatcher, LLTokenizer
tokenizer = LLTokenizer("byte")
for schema in [{"type": "number"}, {"type": "number", "minimum": 10}, {"type": "number", "maximum": 1000000}]:
    for text in ["1e2", "100", "100.0"]:
        matcher = LLMatcher(tokenizer, LLMatcher.grammar_from_json_schema(json.dumps(schema)))
        tokens = tokenizer.tokenize_str(text)
        count = matcher.validate_tokens(tokens)
        print(json.dumps(schema), text, "accepted" if count == len(tokens) else f"refused behind {text[:count]!r}")
PY
seen <<'OUT'
{"type": "number"} 1e2 accepted
{"type": "number"} 100 accepted
{"type": "number"} 100.0 accepted
{"type": "number", "minimum": 10} 1e2 refused behind '1'
{"type": "number", "minimum": 10} 100 accepted
{"type": "number", "minimum": 10} 100.0 accepted
{"type": "number", "maximum": 1000000} 1e2 refused behind '1'
{"type": "number", "maximum": 1000000} 100 accepted
{"type": "number", "maximum": 1000000} 100.0 accepted
OUT
