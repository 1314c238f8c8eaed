#!/usr/bin/env bash
# @huggingface/jinja: 'xax'.strip('x') takes off white space and nothing else. 2026-11-30.
#
# The methods strip, lstrip and rstrip of strings exist for templates that were written for Python, where an
# argument names the characters to take off. It is ignored without an error: chat templates that cut line
# breaks with strip('\n') lose the spaces too, and those that cut other characters keep them.
. "$(dirname "$0")/lib/finding.bash"
modules @huggingface/jinja@0.5.11
packages Jinja2==3.1.6
in_node <<'JS'
import { Template } from "@huggingface/jinja";
for (const source of ["[{{ 'xax'.strip('x') }}]", "[{{ '\\n  a\\n'.strip('\\n') }}]", "[{{ 'a::'.rstrip(':') }}]"])
  console.log(source, "->", JSON.stringify(new Template(source).render({})));
JS
mv "$work/prints" "$work/node"
in_python <<PY
import jinja2, json
print(open("$work/node").read(), end="")
for source in ["[{{ 'xax'.strip('x') }}]", "[{{ '\\\\n  a\\\\n'.strip('\\\\n') }}]", "[{{ 'a::'.rstrip(':') }}]"]:
    print("jinja2:", source, "->", json.dumps(jinja2.Environment().from_string(source).render()))
PY
seen <<'OUT'
[{{ 'xax'.strip('x') }}] -> "[xax]"
[{{ '\n  a\n'.strip('\n') }}] -> "[a]"
[{{ 'a::'.rstrip(':') }}] -> "[a::]"
jinja2: [{{ 'xax'.strip('x') }}] -> "[a]"
jinja2: [{{ '\n  a\n'.strip('\n') }}] -> "[  a]"
jinja2: [{{ 'a::'.rstrip(':') }}] -> "[a]"
OUT
