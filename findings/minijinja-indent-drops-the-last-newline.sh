#!/usr/bin/env bash
# minijinja: the filter `indent` drops a newline at the end of its text. 2026-11-30.
#
# In Jinja2 `"a\n"|indent` keeps every line break of the text; only spaces are added. minijinja leaves out
# the last one, so that what follows in the template comes on the same line; two become one.
. "$(dirname "$0")/lib/finding.bash"
packages minijinja==3.1.0 Jinja2==3.1.6
in_python <<'PY'
import jinja2, minijinja
for text in ["a", "a\n", "a\nb\n", "a\n\n"]:
    source = "{{ text|indent(2) }}|"
    print(ascii(text), "jinja2", ascii(jinja2.Environment().from_string(source).render(text=text)),
          "minijinja", ascii(minijinja.Environment().render_str(source, text=text)))
PY
seen <<'OUT'
'a' jinja2 'a|' minijinja 'a|'
'a\n' jinja2 'a\n|' minijinja 'a|'
'a\nb\n' jinja2 'a\n  b\n|' minijinja 'a\n  b|'
'a\n\n' jinja2 'a\n\n|' minijinja 'a\n|'
OUT
