#!/usr/bin/env bash
# outlines_core: `format: date-time` refuses every offset but Z. 2026-11-30.
#
# JSON Schema defines the format by RFC 3339: an offset is Z or +hh:mm or -hh:mm, and fractions of a second
# have any number of digits. In the pattern only Z is possible, and only three digits: local times, as most
# calendars write them, cannot be said.
. "$(dirname "$0")/lib/finding.bash"
packages outlines_core==0.2.14
in_python <<'PY'
import json, re
from outlines_core import json_schema
pattern = json_schema.build_regex_from_schema(json.dumps({"type": "string", "format": "date-time"}))
for text in ["2026-02-01T10:00:00Z", "2026-02-01T10:00:00+01:00", "2026-02-01T10:00:00-05:00", "2026-02-01T10:00:00.5Z", "2026-02-01T10:00:00.500Z"]:
    print(text, "accepted" if re.fullmatch(pattern, json.dumps(text)) else "refused")
PY
seen <<'OUT'
2026-02-01T10:00:00Z accepted
2026-02-01T10:00:00+01:00 refused
2026-02-01T10:00:00-05:00 refused
2026-02-01T10:00:00.5Z refused
2026-02-01T10:00:00.500Z accepted
OUT
