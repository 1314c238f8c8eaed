#!/usr/bin/env python3
"""Writes src/wick/_raw.py, the C ABI as ctypes has it; with --check compares it."""
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "generate"))
import wick_abi  # noqa: E402

PLAIN = {
    "float": "c_float",
    "int32": "c_int32",
    "int64": "c_int64",
    "uint8": "c_uint8",
    "uint16": "c_uint16",
    "uint32": "c_uint32",
    "uint64": "c_uint64",
    "size": "c_size_t",
}


def ctype(abi, kind):
    """A type in ctypes. Text is an address: a c_char_p would end at the first NUL."""
    what = kind["kind"]
    if what == "pointer":
        to = kind["to"]["kind"]
        return "c_void_p" if to in ("void", "char") else f"POINTER({ctype(abi, kind['to'])})"
    if what == "array":
        of = "c_char" if kind["of"]["kind"] == "char" else ctype(abi, kind["of"])
        return f"{of} * {kind['count']}"
    if what == "function":
        returns = "None" if kind["returns"]["kind"] == "void" else ctype(abi, kind["returns"])
        return f"CFUNCTYPE({', '.join([returns] + [ctype(abi, one['type']) for one in kind['parameters']])})"
    if what in ("struct", "callback"):
        return kind["name"]
    return PLAIN[abi.plain(kind)["kind"]]


def struct(abi, one):
    """A class; its layout is asserted when it is imported where pointers have 64 bits."""
    lines = [f"class {one['name']}(Structure):"]
    doc = wick_abi.comment(one["doc"], "    ", 100)
    doc[0] = '    """' + doc[0].strip()
    lines += doc[:-1] + [doc[-1] + '"""', ""]
    return lines


def fields(abi, one):
    """What fills a class in: behind all classes, since some point to each other."""
    lines = [f"{one['name']}._fields_ = ["]
    for field in one["fields"]:
        lines += wick_abi.comment(field["doc"], "    # ", 110)
        lines.append(f"    (\"{field['name']}\", {ctype(abi, field['type'])}),")
    return lines + ["]"]


def function(abi, one):
    returns = one["returns"]
    result = "c_char_p" if returns["kind"] == "pointer" else ctype(abi, returns)
    lines = wick_abi.comment(" ".join(f"[{tag.upper()}]" for tag in one["tags"]) + " " + one["doc"], "    # ", 110)
    lines.append(f"    \"{one['name']}\": (")
    lines.append(f"        {result},")
    lines.append("        [")
    for parameter in one["parameters"]:
        lines.append(f"            {ctype(abi, parameter['type'])},  # {parameter['name']}")
    return lines + ["        ],", "    ),"]


def text():
    abi = wick_abi.load()
    names = ", ".join(["CDLL", "CFUNCTYPE", "POINTER", "Structure", "c_char", "c_char_p"] + sorted(PLAIN.values()))
    lines = [f"# {wick_abi.NOTICE}", '"""The C ABI of wick, as the header has it."""']
    lines += ["from ctypes import (  # noqa: F401", f"    {names},", "    c_void_p,", "    sizeof,", ")", ""]
    lines.append(f"VERSION = \"{abi.version}\"")
    for constant in abi.all_constants():
        lines += wick_abi.comment(constant["doc"], "# ", 110)
        lines.append(f"{constant['name']} = {constant['value']}")
    for handle in abi.handles:
        lines += ["", ""] + struct(abi, handle) + ["    _fields_ = [(\"id\", c_uint64)]"]
    for callback in abi.callbacks:
        if callback["name"] != "wick_event_fn":
            lines += [""] + wick_abi.comment(callback["doc"], "# ", 110)
            lines.append(f"{callback['name']} = {ctype(abi, callback['type'])}")
    ordered = abi.embedded()
    for one in ordered:
        lines += ["", ""] + struct(abi, one)[:-1]
    for callback in abi.callbacks:
        if callback["name"] == "wick_event_fn":
            lines += ["", ""] + wick_abi.comment(callback["doc"], "# ", 110)
            lines.append(f"{callback['name']} = {ctype(abi, callback['type'])}")
    for one in ordered:
        lines += [""] + fields(abi, one)
    lines += ["", "# Result and parameters of each function.", "FUNCTIONS = {"]
    for one in abi.functions:
        lines += function(abi, one)
    lines += ["}", "", "# Sizes and offsets on 64-bit systems.", "LAYOUT = {"]
    for one in abi.structs:
        offsets = ", ".join(f"\"{field['name']}\": {field['offset']}" for field in one["fields"])
        lines.append(f"    {one['name']}: ({one['size']}, {{{offsets}}}),")
    lines += ["}", "", "", "def bind(path):"]
    lines += ['    """The library at `path`, with the types of its functions."""', "    library = CDLL(path)"]
    lines += ["    for name, (result, parameters) in FUNCTIONS.items():", "        function = getattr(library, name)"]
    lines += ["        function.restype, function.argtypes = result, parameters", "    return library"]
    return "\n".join(lines) + "\n"


wick_abi.finish(HERE / "src" / "wick" / "_raw.py", text())
