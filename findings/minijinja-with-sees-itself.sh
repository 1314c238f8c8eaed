#!/usr/bin/env bash
# minijinja: the assignments of one `with` see each other. 2026-11-30.
#
# In Jinja2 the values of a `with` statement are computed outside of it: its documentation shows that `b=a`
# beside `a=2` takes the outer a (since 2.9). minijinja computes them one after the other inside, so that b
# is the new a: a template that swaps two names gives another text, silently.
. "$(dirname "$0")/lib/finding.bash"
packages minijinja==3.1.0 Jinja2==3.1.6
in_python <<'PY'
import jinja2, minijinja
for source in ["{% set a = 1 %}{% with a=2, b=a %}{{ b }}{% endwith %}",
               "{% set x = 'left' %}{% set y = 'right' %}{% with x=y, y=x %}{{ x }} {{ y }}{% endwith %}"]:
    print(source)
    print("  jinja2:   ", jinja2.Environment().from_string(source).render())
    print("  minijinja:", minijinja.Environment().render_str(source))
PY
seen <<'OUT'
{% set a = 1 %}{% with a=2, b=a %}{{ b }}{% endwith %}
  jinja2:    1
  minijinja: 2
{% set x = 'left' %}{% set y = 'right' %}{% with x=y, y=x %}{{ x }} {{ y }}{% endwith %}
  jinja2:    right left
  minijinja: right right
OUT
