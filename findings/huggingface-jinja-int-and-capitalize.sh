#!/usr/bin/env bash
# @huggingface/jinja: `-3.7|int` is -4, `-7 % 3` is -1, and 'ABC DEF'|capitalize stays as it is. 2026-11-30.
#
# Jinja's `int` cuts towards zero (-3), `%` has the sign of its right side (2), and `capitalize` makes all
# letters behind the first small ("Abc def"). Each gives another value here, without an error; the first two
# differ for negative numbers only.
. "$(dirname "$0")/lib/finding.bash"
modules @huggingface/jinja@0.5.11
in_node <<'JS'
import { Template } from "@huggingface/jinja";
for (const source of ["{{ 3.7|int }}", "{{ -3.7|int }}", "{{ x|int }}", "{{ 7 % 3 }}", "{{ -7 % 3 }}", "{{ 'ABC DEF'|capitalize }}"])
  console.log(source, "->", new Template(source).render({ x: -0.5 }));
JS
seen <<'OUT'
{{ 3.7|int }} -> 3
{{ -3.7|int }} -> -4
{{ x|int }} -> -1
{{ 7 % 3 }} -> 1
{{ -7 % 3 }} -> -1
{{ 'ABC DEF'|capitalize }} -> ABC DEF
OUT
