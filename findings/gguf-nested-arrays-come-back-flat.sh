#!/usr/bin/env bash
# gguf: an array of arrays is written as such, and read as one flat list. 2026-11-30.
#
# GGUFWriter writes [[1, 2], [3, 4]] as the format has it. GGUFReader's field knows its types (array of
# array of int32), but `contents()` gives [1, 2, 3, 4]: where one inner list ends is lost, so that [[1, 2],
# [3, 4]] and [[1], [2, 3, 4]] read the same.
. "$(dirname "$0")/lib/finding.bash"
packages gguf==0.19.0
in_python <<'PY'
import os, tempfile, gguf
with tempfile.TemporaryDirectory() as folder:
    path = os.path.join(folder, "file.gguf")
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_array("even", [[1, 2], [3, 4]])
    writer.add_array("uneven", [[1], [2, 3, 4]])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    reader = gguf.GGUFReader(path)
    for key in ["even", "uneven"]:
        field = reader.get_field(key)
        print(key, [kind.name for kind in field.types], field.contents())
PY
seen <<'OUT'
even ['ARRAY', 'ARRAY', 'INT32'] [1, 2, 3, 4]
uneven ['ARRAY', 'ARRAY', 'INT32'] [1, 2, 3, 4]
OUT
