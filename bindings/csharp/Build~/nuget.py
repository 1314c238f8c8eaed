#!/usr/bin/env python3
"""nuget.py OUT VERSION NAME=FILE ...: writes a NuGet package (a zip in the Open Packaging Conventions) with these
files; the same bytes for the same files."""
import os
import sys
import zipfile

NUSPEC = """<?xml version="1.0" encoding="utf-8"?>
<package xmlns="http://schemas.microsoft.com/packaging/2013/05/nuspec.xsd">
  <metadata>
    <id>Wick.Llm</id>
    <version>{version}</version>
    <title>wick</title>
    <authors>wick contributors</authors>
    <license type="expression">MIT OR Apache-2.0</license>
    <readme>README.md</readme>
    <description>An embeddable LLM runtime: token streams that always end, and say why.</description>
    <tags>llm inference streaming native</tags>
    <dependencies>
      <group targetFramework=".NETStandard2.1" />
    </dependencies>
  </metadata>
</package>
"""
TYPES = """<?xml version="1.0" encoding="utf-8"?>
<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">
{types}</Types>
"""
RELATIONS = """<?xml version="1.0" encoding="utf-8"?>
<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">
  <Relationship Type="http://schemas.microsoft.com/packaging/2010/07/manifest" Target="/Wick.Llm.nuspec" Id="R1" />
</Relationships>
"""


def content_types(names):
    """What each ending is; a name without one is named itself."""
    endings = sorted({os.path.splitext(name)[1][1:] for name in names if os.path.splitext(name)[1]} | {"nuspec", "rels"})
    bare = [name for name in names if not os.path.splitext(name)[1]]
    known = {"rels": "application/vnd.openxmlformats-package.relationships+xml", "xml": "text/xml"}
    lines = [f'  <Default Extension="{one}" ContentType="{known.get(one, "application/octet")}" />\n' for one in endings]
    lines += [f'  <Override PartName="/{name}" ContentType="application/octet" />\n' for name in bare]
    return TYPES.format(types="".join(lines))


def main(out, version, *pairs):
    files = dict(pair.split("=", 1) for pair in pairs)
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as package:
        def add(name, data):
            # No times: the same bytes each time.
            info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            info.external_attr = 0o644 << 16
            package.writestr(info, data, zipfile.ZIP_DEFLATED)

        add("[Content_Types].xml", content_types(files))
        add("_rels/.rels", RELATIONS)
        add("Wick.Llm.nuspec", NUSPEC.format(version=version))
        for name, path in files.items():
            with open(path, "rb") as file:
                add(name, file.read())


if __name__ == "__main__":
    main(*sys.argv[1:])
