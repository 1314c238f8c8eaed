"""Reads include/wick.abi.json for the generators of bindings, and writes or compares what they make.

A generator is a script that builds one text out of `load()` and ends with `finish(path, text)`:

    generate.py           writes the generated file
    generate.py --check   compares it with the one that is there, and exits with 1 if they differ

No packages: what Python 3.9 has.
"""
import json
import re
import sys
import textwrap
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# What a generated file says of itself, behind its language's mark of a comment.
NOTICE = "Generated from include/wick.abi.json: do not edit. See docs/abi.md."


class Abi:
    """The description, with the tables that generators look things up in."""

    def __init__(self, description):
        self.version = description["version"]
        self.abi_version = description["abi_version"]
        self.soname = description["soname"]
        self.rules = description["rules"]
        self.constants = description["constants"]
        self.enums = description["enums"]
        self.aliases = description["aliases"]
        self.callbacks = description["callbacks"]
        self.handles = description["handles"]
        self.structs = description["structs"]
        self.functions = description["functions"]
        self.handle_names = {handle["name"] for handle in self.handles}
        self.alias_of = {alias["name"]: alias["type"] for alias in self.aliases}

    def enum(self, name):
        """The constants of a group, such as "event"."""
        return next(group["values"] for group in self.enums if group["name"] == name)

    def all_constants(self):
        """Every constant, grouped ones first."""
        return [value for group in self.enums for value in group["values"]] + self.constants

    def plain(self, kind):
        """A type without the name that an integer has been given."""
        return self.alias_of[kind["name"]] if kind["kind"] == "alias" else kind

    def is_handle(self, kind):
        """Whether a type is a handle, which is passed by value: 64 bits."""
        return kind["kind"] == "struct" and kind["name"] in self.handle_names

    def embedded(self):
        """The structs in the order in which they can be defined: what lies inside another comes first."""
        by_name = {struct["name"]: struct for struct in self.structs}
        ordered = {}

        def add(struct):
            for field in struct["fields"]:
                kind = field["type"]
                kind = kind["of"] if kind["kind"] == "array" else kind
                if kind["kind"] == "struct" and kind["name"] in by_name:
                    add(by_name[kind["name"]])
            ordered[struct["name"]] = struct

        for struct in self.structs:
            add(struct)
        return list(ordered.values())


def load():
    """The description of this checkout."""
    return Abi(json.loads((ROOT / "include" / "wick.abi.json").read_text(encoding="utf-8")))


def c_type(kind):
    """A type as C writes it, for comments."""
    what = kind["kind"]
    if what == "pointer":
        return ("const " if kind["const"] else "") + c_type(kind["to"]) + " *"
    if what == "array":
        return f"{c_type(kind['of'])}[{kind['count']}]"
    if what == "function":
        return f"{c_type(kind['returns'])} (*)({', '.join(c_type(one['type']) for one in kind['parameters'])})"
    if what in ("struct", "alias", "callback"):
        return kind["name"]
    return what if what in ("void", "char", "float") else what + "_t"


def camel(name):
    """`wick_stream_next` without its prefix, as `StreamNext`."""
    return "".join(word[:1].upper() + word[1:].lower() for word in re.sub(r"^(wick|WICK)_", "", name).split("_"))


def comment(doc, begin, width=110):
    """The lines of a doc, each behind `begin`, at most `width` wide."""
    lines = []
    for paragraph in doc.split("\n\n"):
        lines += [""] if lines else []
        lines += textwrap.wrap(paragraph, width - len(begin), break_long_words=False, break_on_hyphens=False)
    return [(begin + line).rstrip() for line in lines]


def finish(path, text, *more):
    """Writes a generated file, or with --check compares it; `more` pairs of these; ends the program."""
    arguments = sys.argv[1:]
    if arguments not in ([], ["--check"]):
        sys.exit(f"usage: {sys.argv[0]} [--check]")
    for path, text in [(path, text), *more]:
        path = Path(path)
        if not arguments:
            with open(path, "w", encoding="utf-8", newline="\n") as file:
                file.write(text)
            print(f"wrote {path}")
        elif not path.exists() or path.read_text(encoding="utf-8") != text:
            sys.exit(f"{path} is not what include/wick.abi.json says: run {sys.argv[0]}")
    sys.exit(0)
