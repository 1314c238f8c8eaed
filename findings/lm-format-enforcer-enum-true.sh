#!/usr/bin/env bash
# lm-format-enforcer: {"enum": [true]} refuses `true` and demands `True`. 2026-11-30.
#
# The only text of that schema is `true`; {"type": "boolean"} takes it. Of the enum the parser takes
# Python's spelling of the value, which is no JSON: whoever generates with it gets text that no JSON parser
# reads.
. "$(dirname "$0")/lib/finding.bash"
packages lm-format-enforcer==0.11.3
in_python <<'PY'
import json
from lmformatenforcer import JsonSchemaParser
def accepts(schema, text):
    parser = JsonSchemaParser(schema)
    for letter in text:
        if letter not in parser.get_allowed_characters():
            return False
        parser = parser.add_character(letter)
    return parser.can_end()
for schema in [{"type": "boolean"}, {"enum": [True]}]:
    for text in ["true", "True", '"true"']:
        print(json.dumps(schema), text, "accepted" if accepts(schema, text) else "refused")
PY
seen <<'OUT'
{"type": "boolean"} true accepted
{"type": "boolean"} True refused
{"type": "boolean"} "true" refused
{"enum": [true]} true refused
{"enum": [true]} True accepted
{"enum": [true]} "true" refused
OUT
