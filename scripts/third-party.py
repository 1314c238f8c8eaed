#!/usr/bin/env python3
"""Writes THIRD_PARTY_LICENSES, what the library of the default features links, THIRD_PARTY_LICENSES.command, what the
`wick` command links besides, and THIRD_PARTY_LICENSES.server, what `wick-serve` links besides the library, each with
the licence texts; `--check` only compares the lists with what the lock files say.
Build-time and test-time crates are left out, all platforms are in."""

import json
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
HEAD = """{what}. Each line: crate, version, licence.
The texts follow. Where a crate offers a choice that includes MIT, its MIT text is given.
Made by scripts/third-party.py; do not edit.
"""
LIBRARY = "wick is linked with what is below (the default features, every platform)"
SERVER = "The server wick-serve is linked with what THIRD_PARTY_LICENSES lists and with what is below (every platform)"
COMMAND = "The wick command is linked with what THIRD_PARTY_LICENSES lists and with what is below (every platform)"

# What is inside and no crate: title, and whose the MIT text is.
OTHERS = [
    ("Rust's standard library  MIT OR Apache-2.0", "The Rust Project Developers (see https://thanks.rust-lang.org)"),
    ("the gguf Python package's tables, in src/kernel/block/grids.rs  MIT", "2023 Georgi Gerganov"),
]


def linked_packages(*features, folder="."):
    """The packages reached from the one in a folder through ordinary dependencies, sorted by name and version; ours are none."""
    command = ["cargo", "metadata", "--locked", "--format-version", "1", *features]
    metadata = json.loads(subprocess.run(command, cwd=ROOT / folder, check=True, stdout=subprocess.PIPE).stdout)
    packages = {package["id"]: package for package in metadata["packages"]}
    nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
    root = metadata["resolve"]["root"]
    seen, left = {root}, [root]
    while left:
        for dependency in nodes[left.pop()]["deps"]:
            ordinary = any(kind["kind"] is None for kind in dependency["dep_kinds"])
            if ordinary and dependency["pkg"] not in seen:
                seen.add(dependency["pkg"])
                left.append(dependency["pkg"])
    return sorted((packages[i] for i in seen if packages[i]["source"]), key=lambda p: (p["name"], p["version"]))


def title(package):
    return f"{package['name']} {package['version']}  {package['license'] or 'see its file'}"


def offers_mit(package):
    expression = (package["license"] or "").replace("/", " OR ")
    return " AND " not in expression and "MIT" in [part.strip(" ()") for part in expression.split(" OR ")]


def own_texts(package):
    """The licence files in the crate's root: the MIT one alone where that may be chosen."""
    folder = pathlib.Path(package["manifest_path"]).parent
    prefixes = ("LICENSE", "LICENCE", "COPYING", "NOTICE", "UNLICENSE")
    files = sorted(f for f in folder.iterdir() if f.is_file() and f.name.upper().startswith(prefixes))
    if offers_mit(package):
        files = [f for f in files if "MIT" in f.name.upper()] or files
    return ["\n".join(line.rstrip() for line in f.read_text("utf-8", "replace").strip().splitlines()) for f in files]


def mit_text(who):
    return (ROOT / "LICENSE-MIT").read_text().strip().replace("2026 The wick contributors", who)


def standard_texts(package):
    """For a crate that ships no licence file: the standard text of its licence, with its authors."""
    if offers_mit(package):
        who = ", ".join(package["authors"]) or f"the authors of {package['name']}"
        return [mit_text(who)]
    if "Apache-2.0" in (package["license"] or ""):
        return [(ROOT / "LICENSE-APACHE").read_text().strip()]
    if package["license"] == "BSL-1.0":
        return [(ROOT / "scripts/install/LICENSE-BSL").read_text().strip()]
    sys.exit(f"third-party.py: {title(package)} has no licence file and no standard text is known: add it here")


class File:
    """One of the files: its name, its first sentence, its crates, and what is inside and no crate."""

    def __init__(self, name, what, packages, others):
        self.path, self.head = ROOT / name, HEAD.format(what=what)
        self.packages, self.others = packages, others

    def titles(self):
        """The list: crates, then what is none."""
        return [title(package) for package in self.packages] + [name for name, _ in self.others]

    def write(self):
        by_text = {}
        for package in self.packages:
            for text in own_texts(package) or standard_texts(package):
                by_text.setdefault(text, []).append(f"{package['name']} {package['version']}")
        for name, who in self.others:
            by_text.setdefault(mit_text(who), []).append(name.split("  ")[0])
        parts = [self.head, "\n".join(self.titles())]
        parts += ["-" * 100 + "\n" + ", ".join(names) + "\n\n" + text for text, names in by_text.items()]
        self.path.write_text("\n\n".join(parts) + "\n", "utf-8")

    def check(self):
        """Compares the committed list with what it has to be."""
        body = self.path.read_text("utf-8").removeprefix(self.head).lstrip("\n")
        listed, expected = body.split("\n\n", 1)[0].splitlines(), self.titles()
        if listed != expected:
            for line in sorted(set(expected) ^ set(listed)):
                print(("missing: " if line in expected else "not linked: ") + line)
            sys.exit(f"{self.path.name} is out of date: run scripts/third-party.py")
        print(f"ok: {self.path.name} lists the {len(self.packages)} crates that are linked, and {len(self.others)} more")


def main():
    library = linked_packages()
    in_library = {package["id"] for package in library}
    besides = [package for package in linked_packages("--features", "cli") if package["id"] not in in_library]
    server = [package for package in linked_packages(folder="serve") if package["id"] not in in_library]
    files = [
        File("THIRD_PARTY_LICENSES.server", SERVER, server, []),
        File("THIRD_PARTY_LICENSES", LIBRARY, library, OTHERS),
        File("THIRD_PARTY_LICENSES.command", COMMAND, besides, []),
    ]
    for file in files:
        file.check() if sys.argv[1:] == ["--check"] else file.write()


if __name__ == "__main__":
    main()
