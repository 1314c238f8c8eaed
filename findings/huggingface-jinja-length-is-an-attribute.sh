#!/usr/bin/env bash
# @huggingface/jinja: `x.length` is the length of a list or a text. 2026-11-30.
#
# Jinja has a filter for that (`x|length`); an attribute of this name does not exist for Python's lists and
# strings, and is undefined there. Here it is a number, so that a test like `content.length is defined` (is
# it a mapping with a field of this name?) has another result, and a template that was tried with this
# package only prints nothing elsewhere.
. "$(dirname "$0")/lib/finding.bash"
modules @huggingface/jinja@0.5.11
packages Jinja2==3.1.6
in_node <<'JS'
import { Template } from "@huggingface/jinja";
for (const x of [[1, 2], "abc", { length: 7 }, {}])
  console.log(JSON.stringify(x), "->", JSON.stringify(new Template("{{ x.length }},{{ x.length is defined }}").render({ x })));
JS
mv "$work/prints" "$work/node"
in_python <<PY
import jinja2, json
print(open("$work/node").read(), end="")
for x in [[1, 2], "abc", {"length": 7}, {}]:
    print("jinja2:", json.dumps(x), "->", json.dumps(jinja2.Environment().from_string("{{ x.length }},{{ x.length is defined }}").render(x=x)))
PY
seen <<'OUT'
[1,2] -> "2,true"
"abc" -> "3,true"
{"length":7} -> "7,true"
{} -> ",false"
jinja2: [1, 2] -> ",False"
jinja2: "abc" -> ",False"
jinja2: {"length": 7} -> "7,True"
jinja2: {} -> ",False"
OUT
