#!/usr/bin/env bash
# llguidance: "multipleOf" 0.07 has "too many digits". 2026-12-01.
#
# A step is written with its decimals, so that 0.07 means seven hundredths. It is multiplied by ten in floats
# until it is whole; for some steps, 0.07 and 0.57 among them, a rounding error is left over and grows to a
# number of sixteen digits, and the schema is refused. Steps of as many and of more decimals compile.
. "$(dirname "$0")/lib/finding.bash"
packages llguidance==1.9.1
in_python <<'PY'
import json
from llguidance import LLMatcher, LLTokenizer
tokenizer = LLTokenizer("byte")
for step in [0.01, 0.07, 0.57, 0.0001, 0.0007, 0.00001]:
    schema = json.dumps({"type": "number", "multipleOf": step})
    error = LLMatcher(tokenizer, LLMatcher.grammar_from_json_schema(schema)).get_error()
    print(step, "->", error.split("\n")[0] if error else "compiles")
PY
seen <<'OUT'
0.01 -> compiles
0.07 -> Value for 'multipleOf' has too many digits: 7000000000000001
0.57 -> Value for 'multipleOf' has too many digits: 5699999999999999
0.0001 -> compiles
0.0007 -> Value for 'multipleOf' has too many digits: 7000000000000001
1e-05 -> compiles
OUT
