#!/usr/bin/env bash
# llguidance: two schemas that refer to themselves cannot be met by "allOf". 2026-12-01.
#
# A tree whose nodes hold what one schema and what another one says is common where a base class is extended.
# Each of the two compiles alone, and the same tree written out as one schema does; met by "allOf" the
# compiler meets the reference of one with that of the other without end, and gives up with an error about its
# stack that names no keyword.
. "$(dirname "$0")/lib/finding.bash"
packages llguidance==1.9.1
in_python <<'PY'
import json
from llguidance import LLMatcher, LLTokenizer
tokenizer = LLTokenizer("byte")
def node(own, **more):
    items = {"type": "array", "items": {"$ref": f"#/$defs/{own}"}}
    return {"type": "object", "properties": {"children": items, **more}, "additionalProperties": True}
defs = {"named": node("named", name={"type": "string"}), "sized": node("sized", size={"type": "integer"}),
        "both": node("both", name={"type": "string"}, size={"type": "integer"})}
for schema in [{"$ref": "#/$defs/named"}, {"$ref": "#/$defs/sized"}, {"$ref": "#/$defs/both"},
               {"allOf": [{"$ref": "#/$defs/named"}, {"$ref": "#/$defs/sized"}]}]:
    error = LLMatcher(tokenizer, LLMatcher.grammar_from_json_schema(json.dumps({**schema, "$defs": defs}))).get_error()
    print(json.dumps(schema), "->", error.split("\n")[0] if error else "compiles")
PY
seen <<'OUT'
{"$ref": "#/$defs/named"} -> compiles
{"$ref": "#/$defs/sized"} -> compiles
{"$ref": "#/$defs/both"} -> compiles
{"allOf": [{"$ref": "#/$defs/named"}, {"$ref": "#/$defs/sized"}]} -> Schema intersection stack level exceeded
OUT
