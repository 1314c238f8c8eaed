#!/usr/bin/env bash
# llguidance: the range of a signed 64-bit integer cannot be compiled. 2026-11-30.
#
# Schemas that are generated from typed programs give an int64 field its minimum and maximum. That range is
# refused with an error, also if it is a little smaller, so that the schema of every such field fails; 0 to
# 2^63 - 1 and the range of an int32 compile.
. "$(dirname "$0")/lib/finding.bash"
packages llguidance==1.9.1
in_python <<'PY'
import json
from llguidance import LLMatcher, LLTokenizer
tokenizer = LLTokenizer("byte")
for low, high in [(-2**63, 2**63 - 1), (-2**63 + 1, 2**63 - 2), (0, 2**63 - 1), (-2**31, 2**31 - 1)]:
    schema = json.dumps({"type": "integer", "minimum": low, "maximum": high})
    error = LLMatcher(tokenizer, LLMatcher.grammar_from_json_schema(schema)).get_error()
    print(low, high, "->", error.split(":")[0] if error else "compiles")
PY
seen <<'OUT'
-9223372036854775808 9223372036854775807 -> Failed to generate regex for integer range
-9223372036854775807 9223372036854775806 -> Failed to generate regex for integer range
0 9223372036854775807 -> compiles
-2147483648 2147483647 -> compiles
OUT
