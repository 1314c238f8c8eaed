#!/usr/bin/env python3
"""Writes lib/abi.js, what koffi has to know of the library, from include/wick.abi.json.

    generate.py           writes it
    generate.py --check   exits with 1 if it is not what it would write
"""
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "generate"))
import wick_abi  # noqa: E402

PLAIN = {"size": "size_t", "float": "float", "char": "char", "void": "void"}
PATH = Path(__file__).resolve().parent / "lib" / "abi.js"


def lower(name):
    """`max_tokens` as `maxTokens`."""
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def plain(kind):
    """A type of koffi's for what is no pointer."""
    what = kind["kind"]
    if what == "struct":
        return kind["name"]
    if what == "array":
        return f"koffi.array({plain(kind['of'])}, {kind['count']})"
    return f"'{PLAIN.get(what, what + '_t')}'"


def field(abi, kind):
    """Lists of structs are arrays of objects; all other addresses, of bytes and functions too, are addresses."""
    kind = abi.plain(kind)
    if kind["kind"] == "pointer" and kind["to"]["kind"] == "struct":
        return f"koffi.pointer({kind['to']['name']})"
    return "'void *'" if kind["kind"] in ("pointer", "callback", "function") else plain(kind)


def parameter(abi, kind, sized):
    """What a call writes is an object or a list of one; a struct with a struct_size is read before."""
    kind = abi.plain(kind)
    if kind["kind"] != "pointer":
        return plain(kind)
    to = abi.plain(kind["to"])
    if to["kind"] == "struct":
        pointer = f"koffi.pointer({to['name']})"
        return pointer if kind["const"] else f"koffi.{'inout' if to['name'] in sized else 'out'}({pointer})"
    if not kind["const"] and to["kind"] in ("size", "uint64"):
        return f"koffi.out(koffi.pointer({plain(to)}))"
    return "'void *'"


def returned(abi, kind):
    kind = abi.plain(kind)
    return "'const char *'" if kind["kind"] == "pointer" else plain(kind)


def number(value):
    """A constant: what a double cannot hold as a BigInt."""
    return str(value) if abs(value) < 2**53 else f"{value}n"


def sort(abi, struct, one):
    """What the upper layer gives a field: a name of a group's, a text, a handle, a number, or else a list."""
    kind = abi.plain(one["type"])
    for group in abi.enums:
        if f"{struct['name']}.{one['name']}" in group["fields"]:
            return group["name"]
    if kind["kind"] == "struct":
        return "text" if kind["name"] == "wick_str" else kind["name"]
    return "other" if kind["kind"] in ("pointer", "callback", "function", "array") else kind["kind"]


def ordered(abi):
    """The structs in an order in which each comes behind those that its fields name."""
    by_name = {struct["name"]: struct for struct in abi.structs}
    done = {}

    def add(struct):
        for one in struct["fields"]:
            kind = abi.plain(one["type"])
            while kind["kind"] in ("pointer", "array"):
                kind = abi.plain(kind.get("to") or kind["of"])
            if kind["kind"] == "struct" and kind["name"] in by_name:
                add(by_name[kind["name"]])
        done[struct["name"]] = struct

    for struct in abi.structs:
        add(struct)
    return list(done.values())


def main():
    abi = wick_abi.load()
    sized = {struct["name"] for struct in abi.structs if struct["fields"][0]["name"] == "struct_size"}
    out = [f"// {wick_abi.NOTICE}", "", "'use strict';", "", "const koffi = require('koffi');", ""]
    for handle in abi.handles:
        out.append(f"const {handle['name']} = koffi.struct({{ id: 'uint64_t' }});")
    for struct in ordered(abi):
        fields = [f"  {one['name']}: {field(abi, one['type'])}," for one in struct["fields"]]
        out += [f"const {struct['name']} = koffi.struct({{", *fields, "});"]
    names = [item["name"] for item in abi.handles + abi.structs]
    out += ["", f"exports.structs = {{ {', '.join(names)} }};", ""]
    out.append("// The functions of a library that koffi has loaded, without `wick_`.")
    out.append("exports.bind = (library) => ({")
    for item in abi.functions:
        parameters = ", ".join(parameter(abi, one["type"], sized) for one in item["parameters"])
        name = item["name"]
        out.append(f"  {name.removeprefix('wick_')}: library.func('{name}', {returned(abi, item['returns'])}, [{parameters}]),")
    out += ["});", "", f"exports.abiVersion = {abi.abi_version};", f"exports.soname = '{abi.soname}';"]
    for constant in abi.constants:
        out.append(f"exports.{constant['name'].removeprefix('WICK_')} = {number(constant['value'])};")
    out += ["", "// Values of constants by their names in lower case, by group.", "exports.groups = {"]
    for group in abi.enums:
        pairs = ", ".join(f"{value['short'].lower()}: {value['value']}" for value in group["values"])
        out.append(f"  {group['name']}: {{ {pairs} }},")
    out += ["};", "", "// Bytes of each struct; of its fields the name, the offset, the name in JavaScript, what it takes."]
    out.append("exports.layout = {")
    for struct in abi.structs:
        out += [f"  {struct['name']}: {{", f"    size: {struct['size']},", "    fields: ["]
        for one in struct["fields"]:
            out.append(f"      ['{one['name']}', {one['offset']}, '{lower(one['name'])}', '{sort(abi, struct, one)}'],")
        out += ["    ],", "  },"]
    out += ["};", ""]
    wick_abi.finish(PATH, "\n".join(out))


main()
