#!/usr/bin/env python3
"""Writes Unity's .meta files: a GUID for every file and folder of the package, made of its path.

    meta.py           writes those that are missing
    meta.py --check   exits with 1 if one is missing, left over, or has a GUID that is not its own

A GUID is the MD5 of the package's name and the path, so that it stays what it is in every checkout: references
from scenes and other packages go by it. What ends with ~ is not Unity's.
"""
import hashlib
import os
import sys

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
IMPORTERS = {".cs": "MonoImporter", ".asmdef": "AssemblyDefinitionImporter", ".md": "TextScriptImporter",
             ".xml": "TextScriptImporter"}
PLUGIN = """PluginImporter:
  externalObjects: {}
  serializedVersion: 2
  isPreloaded: 0
  isOverridable: 0
  platformData:
  - first:
      Any:
    second:
      enabled: 0
      settings: {}
  - first:
      Editor: Editor
    second:
      enabled: 1
      settings:
        CPU: x86_64
        DefaultValueInitialized: true
        OS: Linux
  - first:
      Standalone: Linux64
    second:
      enabled: 1
      settings:
        CPU: x86_64
"""


def meta(path, is_folder=False):
    guid = hashlib.md5(f"com.wick.llm/{path}".encode()).hexdigest()
    head = f"fileFormatVersion: 2\nguid: {guid}\n"
    if is_folder:
        return head + "folderAsset: yes\nDefaultImporter:\n  externalObjects: {}\n"
    name, ending = os.path.basename(path), os.path.splitext(path)[1]
    if ending == ".so":
        return head + PLUGIN
    importer = "PackageManifestImporter" if name == "package.json" else IMPORTERS.get(ending, "DefaultImporter")
    return head + f"{importer}:\n  externalObjects: {{}}\n"


def wanted():
    """Every meta that belongs to the package as it lies here, by its path."""
    found = {}
    for folder, folders, files in os.walk(HERE):
        folders[:] = sorted(one for one in folders if not one.endswith("~") and not one.startswith("."))
        inside = os.path.relpath(folder, HERE)
        for name in folders + sorted(files):
            if name.endswith((".meta", "~")) or name.startswith(".") or name in ("test.sh", "package.sh"):
                continue
            path = os.path.normpath(os.path.join(inside, name)).replace(os.sep, "/")
            found[path + ".meta"] = meta(path, name in folders)
    return found


def main():
    found, wrong = wanted(), 0
    for path, text in found.items():
        full = os.path.join(HERE, path)
        old = open(full, encoding="utf-8").read() if os.path.exists(full) else None
        if old == text:
            continue
        if "--check" in sys.argv:
            print(f"bindings/csharp/{path} is missing or not its own: Build~/meta.py writes it")
            wrong = 1
        else:
            with open(full, "w", encoding="utf-8", newline="\n") as file:
                file.write(text)
    for folder, folders, files in os.walk(HERE):
        folders[:] = [one for one in folders if not one.endswith("~")]
        for name in files:
            path = os.path.normpath(os.path.join(os.path.relpath(folder, HERE), name)).replace(os.sep, "/")
            if name.endswith(".meta") and path not in found:
                print(f"bindings/csharp/{path} is of nothing that is there")
                wrong = 1
    return wrong


if __name__ == "__main__":
    sys.exit(main())
