#!/usr/bin/env python3
"""Writes Runtime/Native.cs and Runtime/Enums.cs from include/wick.abi.json.

    generate.py           writes both
    generate.py --check   exits with 1 if one of them is not what it would write

Every type is blittable: Mono and IL2CPP lay out fixed buffers and `bool` in ways of their own, so that arrays
become single fields and flags stay bytes. Tests~/Layout.cs compares what the runtime makes of it with the JSON.
"""
import re
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(HERE.parent / "generate"))
import wick_abi  # noqa: E402

WIDTH = 110
SCALARS = {"void": "void", "char": "byte", "uint8": "byte", "uint16": "ushort", "int32": "int", "uint32": "uint",
           "int64": "long", "uint64": "ulong", "float": "float", "size": "UIntPtr"}
SIZES = {"char": 1, "uint8": 1, "uint32": 4, "uint64": 8}
KEYWORDS = {"event", "out", "in", "ref", "params", "object", "string", "lock"}
# What the groups of constants are called in C#; one that is not here is called by its own name.
ENUMS = {"event": "EventKind", "end": "EndReason", "note": "NoteSource", "kv": "KvType", "grammar": "GrammarKind",
         "scope": "GrammarScope", "tools": "ToolChoice"}
ABOUT = {"Status": "What a call came to.", "EventKind": "What an event is.", "EndReason": "Why a stream ended.",
         "NoteSource": "Whose note it is.", "Channel": "What a text is.", "Mode": "Who computes.",
         "Backend": "What computes a model.", "KvType": "What keys and values are kept as.",
         "Overflow": "What a full context does.", "GrammarKind": "How a grammar is written.",
         "GrammarScope": "What a grammar binds.", "ToolChoice": "Whether tools may be called.",
         "Cut": "What a text event holds."}


def named(name):
    return "@" + name if name in KEYWORDS else name


def camel(name):
    """E_INVALID_ARGUMENT: InvalidArgument. Q8_0 stays."""
    name = name[2:] if name.startswith("E_") else name
    return name if re.search(r"\d", name) else "".join(part.capitalize() for part in name.split("_"))


def type_of(kind):
    what = kind["kind"]
    if what == "pointer":
        # What callbacks and the host's own data are addressed by; all else is typed.
        return "IntPtr" if kind["to"]["kind"] == "void" else type_of(kind["to"]) + "*"
    if what in ("callback", "function"):
        return "IntPtr"
    if what == "alias":
        return "int"
    return kind["name"] if what in ("struct", "handle") else SCALARS[what]


def escaped(text):
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def doc(text, indent):
    """A summary, at WIDTH columns."""
    return wick_abi.comment("<summary>" + escaped(text) + "</summary>", " " * indent + "/// ", WIDTH)


def fields(field):
    """The C# fields of one field of C."""
    kind, name = field["type"], field["name"]
    if kind["kind"] != "array":
        return [f"public {type_of(kind)} {named(name)};"]
    element, count = kind["of"]["kind"], kind["count"]
    size = SIZES[element] * count
    # Long texts in words, where they lie on words.
    if element == "char" and field["offset"] % 4 == 0 and size % 4 == 0:
        element, count = "uint32", size // 4
    names = ", ".join(f"{name}_{at}" for at in range(count))
    return [f"public {SCALARS[element]} {names};"]


def wrapped(code, indent):
    """A list of names may be long."""
    lines, pad = [], " " * indent
    while len(pad) + len(code) > WIDTH and ", " in code:
        cut = code.rfind(", ", 0, WIDTH - len(pad)) + 1
        lines.append(pad + code[:cut])
        code = "    " + code[cut:].strip()
    return lines + [pad + code]


def parameters(of):
    return ", ".join(f"{type_of(one['type'])} {named(one['name'])}" for one in of)


def native(abi):
    out = ["// The C ABI as it is. Made by Build~/generate.py from include/wick.abi.json: do not edit.",
           "using System;", "using System.Runtime.InteropServices;", "", "namespace Wick", "{",
           "    /// <summary>The C ABI as it is; everything here is blittable.</summary>",
           "    internal static unsafe class Native", "    {",
           "#if UNITY_IOS && !UNITY_EDITOR",
           '        private const string Library = "__Internal";',
           "#else",
           '        private const string Library = "wick";',
           "#endif", ""]
    for constant in abi.constants:
        value, name = constant["value"], constant["name"]
        kind = "uint" if value < 1 << 32 else "ulong"
        out += doc(constant["doc"], 8) + [f"        public const {kind} {name} = {value}u;", ""]
    for handle in abi.handles:
        out += doc(handle["doc"], 8)
        out += ["        [StructLayout(LayoutKind.Sequential)]", f"        public struct {handle['name']}", "        {",
                "            public ulong id;", "        }", ""]
    for struct in abi.structs:
        out += doc(struct["doc"], 8)
        out += ["        [StructLayout(LayoutKind.Sequential)]", f"        public struct {struct['name']}", "        {"]
        for field in struct["fields"]:
            for line in fields(field):
                out += wrapped(line, 12)
        out += ["        }", ""]
    for callback in abi.callbacks:
        kind = callback["type"]
        out += doc(callback["doc"], 8)
        out += ["        [UnmanagedFunctionPointer(CallingConvention.Cdecl)]"]
        out += wrapped(f"public delegate {type_of(kind['returns'])} {callback['name']}({parameters(kind['parameters'])});", 8)
        out += [""]
    for function in abi.functions:
        out += ["        [DllImport(Library, CallingConvention = CallingConvention.Cdecl, ExactSpelling = true)]"]
        head = f"public static extern {type_of(function['returns'])} {function['name']}"
        out += wrapped(f"{head}({parameters(function['parameters'])});", 8)
        out += [""]
    out[-1] = "    }"
    return "\n".join(out + ["}", ""])


def enums(abi):
    out = ["// The constants of the C ABI. Made by Build~/generate.py from include/wick.abi.json: do not edit.",
           "namespace Wick", "{"]
    for group in abi.enums:
        name = ENUMS.get(group["name"], group["name"].capitalize())
        out += doc(ABOUT.get(name, f"WICK_{group['name'].upper()}_…"), 4) + [f"    public enum {name}", "    {"]
        for value in group["values"]:
            out += doc(value["doc"], 8) + [f"        {camel(value['short'])} = {value['value']},", ""]
        out[-1] = "    }"
        out += [""]
    out[-1] = "}"
    return "\n".join(out + [""])


def main():
    abi, runtime = wick_abi.load(), HERE / "Runtime"
    wick_abi.finish(runtime / "Native.cs", native(abi), (runtime / "Enums.cs", enums(abi)))


main()
