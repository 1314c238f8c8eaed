#!/usr/bin/env python3
"""snippets.py PAGE FOLDER: writes the C# blocks of a page that begin with `using` as FOLDER/csharp-N.cs, as they are."""
import re
import sys

page, folder = sys.argv[1:]
with open(page, encoding="utf-8") as file:
    blocks = [block for block in re.findall(r"^```csharp\n(.*?)^```", file.read(), re.M | re.S) if block.startswith("using ")]
assert blocks, f"{page} has no program"
for at, block in enumerate(blocks):
    with open(f"{folder}/csharp-{at + 1}.cs", "w", encoding="utf-8") as file:
        file.write(block)
