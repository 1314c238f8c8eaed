#!/usr/bin/env bash
# gguf: a key whose value is an empty string or an empty list is not written. 2026-11-30.
#
# The format has both: a string of length 0, an array of 0 elements. GGUFWriter.add_string(key, "") and
# add_array(key, []) say nothing and leave the key out, so that who reads the file cannot tell "empty" from
# "not given": an empty chat template, an empty list of merges.
. "$(dirname "$0")/lib/finding.bash"
packages gguf==0.19.0
in_python <<'PY'
import os, tempfile, gguf
with tempfile.TemporaryDirectory() as folder:
    path = os.path.join(folder, "file.gguf")
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_string("text.empty", "")
    writer.add_string("text.space", " ")
    writer.add_array("list.empty", [])
    writer.add_array("list.one", [1])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    reader = gguf.GGUFReader(path)
    for key in ["text.empty", "text.space", "list.empty", "list.one"]:
        field = reader.get_field(key)
        print(key, f"is there: {field.contents()!r}" if field else "is not there")
PY
seen <<'OUT'
text.empty is not there
text.space is there: ' '
list.empty is not there
list.one is there: [1]
OUT
