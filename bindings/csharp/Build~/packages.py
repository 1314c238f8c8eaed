#!/usr/bin/env python3
"""packages.py FOLDER: looks at the two packages as those who install them do."""
import glob
import json
import re
import sys
import tarfile
import xml.etree.ElementTree as xml
import zipfile

folder = sys.argv[1]
nupkg, = glob.glob(f"{folder}/*.nupkg")
with zipfile.ZipFile(nupkg) as package:
    names = set(package.namelist())
    assert package.testzip() is None
    for name in ("lib/netstandard2.1/Wick.dll", "lib/netstandard2.1/Wick.xml", "runtimes/linux-x64/native/libwick.so",
                 "README.md", "[Content_Types].xml", "_rels/.rels"):
        assert name in names, f"{nupkg} lacks {name}"
    spec = xml.fromstring(package.read("Wick.Llm.nuspec"))
    space = {"n": "http://schemas.microsoft.com/packaging/2013/05/nuspec.xsd"}
    version = spec.find("n:metadata/n:version", space).text
    assert nupkg.endswith(f"Wick.Llm.{version}.nupkg"), nupkg
    assert spec.find("n:metadata/n:readme", space).text in names
    # Every part has a type: without, installers refuse the package.
    types = xml.fromstring(package.read("[Content_Types].xml"))
    endings = {one.get("Extension") for one in types if one.get("Extension")}
    parts = {one.get("PartName") for one in types if one.get("PartName")}
    for name in names - {"[Content_Types].xml"}:
        assert name.rsplit(".", 1)[-1] in endings or "/" + name in parts, f"{name} has no content type"

tgz, = glob.glob(f"{folder}/*.tgz")
with tarfile.open(tgz) as package:
    names = {name.removeprefix("package/") for name in package.getnames()} - {"package"}
    manifest = json.load(package.extractfile("package/package.json"))
    assert manifest["version"] == version and manifest["name"] == "com.wick.llm", manifest
    for sample in manifest["samples"]:
        assert sample["path"] in names, f"{tgz} lacks {sample['path']}"
    assert "Plugins/x86_64/libwick.so" in names
    guids = {}
    for name in names:
        if any(part.endswith("~") for part in name.split("/")) or name.endswith(".meta"):
            continue
        assert name + ".meta" in names, f"{name} has no .meta: Unity would make a GUID of its own"
        text = package.extractfile(f"package/{name}.meta").read().decode()
        guid = re.search(r"^guid: ([0-9a-f]{32})$", text, re.M).group(1)
        assert guid not in guids, f"{name} and {guids[guid]} have one GUID"
        guids[guid] = name
print(f"ok: {nupkg.rsplit('/', 1)[-1]} and {tgz.rsplit('/', 1)[-1]}, {len(guids)} GUIDs")
