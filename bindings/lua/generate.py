#!/usr/bin/env python3
"""Writes wick/abi.lua, what LuaJIT's FFI has to know of the library, from include/wick.abi.json.

    generate.py           writes it
    generate.py --check   exits with 1 if it is not what it would write
"""
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "generate"))
import wick_abi  # noqa: E402

NUMBERS = ("int32", "int64", "uint8", "uint16", "uint32", "uint64", "size", "float", "alias")
PATH = Path(__file__).resolve().parent / "wick" / "abi.lua"


def declared(kind, name):
    """A field, parameter or result of a type, as C declares it."""
    what = kind["kind"]
    if what == "array":
        return f"{declared(kind['of'], name)}[{kind['count']}]"
    if what == "function":
        parameters = ", ".join(declared(one["type"], one["name"]) for one in kind["parameters"])
        return f"{declared(kind['returns'], '')}(*{name})({parameters or 'void'})"
    text = wick_abi.c_type(kind)
    return text + name if text.endswith("*") else f"{text} {name}"


def function(item):
    parameters = ", ".join(declared(one["type"], one["name"]) for one in item["parameters"])
    return f"{declared(item['returns'], item['name'])}({parameters or 'void'});"


def lua(value):
    """A constant: what a double cannot hold as FFI's 64 bits."""
    return str(value) if abs(value) < 2**53 else f"{value}ULL"


def key(name):
    """A key of a table, in brackets where the language has the word for itself."""
    return f'["{name}"]' if name in ("end", "and", "not", "or", "in", "repeat", "then") else name


def sort(field, groups):
    """What the upper layer gives a field: a name of a group's, a text, a handle, a number, or else a list."""
    kind, group = field["type"], groups.get(field["name"])
    if group:
        return group
    if kind["kind"] == "struct":
        return "text" if kind["name"] == "wick_str" else kind["name"]
    return "number" if kind["kind"] in NUMBERS else "other"


def main():
    abi = wick_abi.load()
    out = [f"-- {wick_abi.NOTICE}", "", 'local ffi = require "ffi"', "", "ffi.cdef [[", ""]
    for alias in abi.aliases:
        out.append(f"typedef {declared(alias['type'], alias['name'])};")
    for handle in abi.handles:
        out.append(f"typedef struct {handle['name']} {{ uint64_t id; }} {handle['name']};")
    for struct in abi.structs:
        out.append(f"typedef struct {struct['name']} {struct['name']};")
    for callback in abi.callbacks:
        out.append(f"typedef {declared(callback['type'], callback['name'])};")
    for struct in abi.embedded():
        fields = "".join(f"  {declared(field['type'], field['name'])};\n" for field in struct["fields"])
        out.append(f"struct {struct['name']} {{\n{fields}}};")
    out += [function(item) for item in abi.functions]
    out += ["]]", "", "return {", f"  abi_version = {abi.abi_version},", f'  soname = "{abi.soname}",']
    for constant in abi.constants:
        out.append(f"  {constant['name'].removeprefix('WICK_')} = {lua(constant['value'])},")
    out.append("  -- Names of constants in lower case, by group: a name has its value, a value its name.")
    out.append("  groups = {")
    for group in abi.enums:
        pairs = [f"{key(value['short'].lower())} = {value['value']}" for value in group["values"]]
        pairs += [f"[{value['value']}] = \"{value['short'].lower()}\"" for value in group["values"]]
        out.append(f"    {key(group['name'])} = {{ {', '.join(pairs)} }},")
    out.append("  },")
    out.append("  -- Bytes of each struct; of its fields the name, the offset, and what it takes.")
    out.append("  layout = {")
    for struct in abi.structs:
        names = [(path.split("."), group["name"]) for group in abi.enums for path in group["fields"]]
        groups = {field: group for (of, field), group in names if of == struct["name"]}
        out.append(f"    {struct['name']} = {{ size = {struct['size']},")
        for field in struct["fields"]:
            out.append(f"      {{ \"{field['name']}\", {field['offset']}, \"{sort(field, groups)}\" }},")
        out.append("    },")
    out += ["  },", "}", ""]
    wick_abi.finish(PATH, "\n".join(out))


main()
