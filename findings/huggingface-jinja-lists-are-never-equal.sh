#!/usr/bin/env bash
# @huggingface/jinja: [1] == [1] is false, and so is {'a': 1} == {'a': 1}. 2026-11-30.
#
# Jinja compares values as Python does: lists and mappings are equal if their parts are. Here two are equal
# only if they are one object, so that `message.tool_calls == []` never holds and a template takes its other
# branch, without an error.
. "$(dirname "$0")/lib/finding.bash"
modules @huggingface/jinja@0.5.11
in_node <<'JS'
import { Template } from "@huggingface/jinja";
for (const source of ["{{ [1] == [1] }}", "{{ {'a': 1} == {'a': 1} }}", "{{ 'none' if calls == [] else 'some' }}", "{{ 'none' if calls|length == 0 else 'some' }}"])
  console.log(source, "->", new Template(source).render({ calls: [] }));
JS
seen <<'OUT'
{{ [1] == [1] }} -> false
{{ {'a': 1} == {'a': 1} }} -> false
{{ 'none' if calls == [] else 'some' }} -> some
{{ 'none' if calls|length == 0 else 'some' }} -> none
OUT
