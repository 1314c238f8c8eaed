#!/usr/bin/env bash
# outlines_core: a JSON number may be 1e+5 and 1e-5, but not 1e5. 2026-11-30.
#
# In JSON the sign of an exponent is optional (RFC 8259, section 6: exp = e [ minus / plus ] 1*DIGIT). The
# regular expression that is made of {"type": "number"} demands one, so the usual spelling of most programs
# is refused.
. "$(dirname "$0")/lib/finding.bash"
packages outlines_core==0.2.14
in_python <<'PY'
import json, re
from outlines_core import json_schema
pattern = json_schema.build_regex_from_schema(json.dumps({"type": "number"}))
print(pattern)
for text in ["1e5", "1e+5", "1e-5", "1E5"]:
    assert isinstance(json.loads(text), float)
    print(text, "accepted" if re.fullmatch(pattern, text) else "refused")
PY
seen <<'OUT'
((-)?(0|[1-9][0-9]*))(\.[0-9]+)?([eE][+-][0-9]+)?
1e5 refused
1e+5 accepted
1e-5 accepted
1E5 refused
OUT
