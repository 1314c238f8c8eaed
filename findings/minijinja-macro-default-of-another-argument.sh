#!/usr/bin/env bash
# minijinja: a macro's default that names an earlier argument is empty. 2026-11-30.
#
# `macro field(name, label=name)` is usual in Jinja2: a default may use the arguments before it. In
# minijinja it is undefined, so that nothing is printed, without an error, also where a variable of that
# name exists outside.
. "$(dirname "$0")/lib/finding.bash"
packages minijinja==3.1.0 Jinja2==3.1.6
in_python <<'PY'
import jinja2, minijinja
for source in ["{% macro field(name, label=name) %}[{{ label }}]{% endmacro %}{{ field('age') }}",
               "{% set name = 'outer' %}{% macro field(name, label=name) %}[{{ label }}]{% endmacro %}{{ field('age') }}"]:
    print(source)
    print("  jinja2:   ", jinja2.Environment().from_string(source).render())
    print("  minijinja:", minijinja.Environment().render_str(source))
PY
seen <<'OUT'
{% macro field(name, label=name) %}[{{ label }}]{% endmacro %}{{ field('age') }}
  jinja2:    [age]
  minijinja: []
{% set name = 'outer' %}{% macro field(name, label=name) %}[{{ label }}]{% endmacro %}{{ field('age') }}
  jinja2:    [age]
  minijinja: []
OUT
