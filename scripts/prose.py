#!/usr/bin/env python3
"""Keeps prose at 110 columns: comments that have a line to themselves, and Markdown outside of tables and code.

    scripts/prose.py              names each line that is longer, and exits with 1 if there is one
    scripts/prose.py --wrap       wraps the paragraphs that hold such lines; words and code stay as they are
    ... PATH ...                  only these files, or what lies under these folders

include/wick.h is made from src/ffi: after wrapping there it is written anew (WICK_BLESS=1, the test `header`).
"""
import os
import re
import subprocess
import sys

WIDTH = 110
GENERATED = {"include/wick.h", "THIRD_PARTY_LICENSES", "Cargo.lock"}
SLASHES = re.compile(r"(\s*)(//[/!]?)( .*)?$")
HASHES = re.compile(r"(\s*)(#)( .*)?$")
STARS = re.compile(r"(\s*)(/\*\*?|\*(?!/))( .*)?$")
ITEM = re.compile(r"(\s*)([-*+]|\d+[.)])( +)")
# What would begin a list, a heading, a quote or a table if it came first in a line.
BEGINS = re.compile(r"([-*+#>]|\d+[.)]|=+|-+|\|.*|\[[^\]]+\]:.*)$")
GLUE = "\x00"


def pattern_of(path):
    """How comments look in a file: patterns whose groups are the indent, the marker and the text. None: Markdown."""
    name = os.path.basename(path)
    if name.endswith(".md"):
        return None
    if name.endswith((".sh", ".toml", ".py")) or name == "Makefile":
        return [HASHES]
    return [SLASHES, STARS] if name.endswith((".c", ".h", ".cpp", ".hpp")) else [SLASHES]


def preformatted(text):
    """Whether a line of prose is laid out by hand: a table, a heading, code, a command, a link's target."""
    bare = text.strip()
    return (
        not bare
        or text.startswith("    ")
        or bare.startswith(("|", "#", "<", "!["))
        or re.match(r"\[[^\]]+\]:|(\$ |cc |c\+\+ |cargo |scripts/|WICK_\w+=)|@|\w+[.,]? {2,}\S", bare) is not None
        or re.search(r"\S {3,}\S", bare) is not None
    )


def words_of(text):
    """The words that may stand apart: a short code span is one, and so is what must not begin a line, with the word before."""
    text = re.sub(r"`[^`]{1,50}`", lambda span: span.group().replace(" ", GLUE), text)
    words = []
    for word in text.split():
        if words and (BEGINS.match(word) or word == "*/"):
            words[-1] += GLUE + word
        else:
            words.append(word)
    return words


def fill(words, first, rest):
    """Lines of at most WIDTH columns, the first behind `first`, the others behind `rest`."""
    lines, line = [], first
    for word in words:
        if len(line) + len(word) > WIDTH and line.strip() and line not in (first, rest):
            lines.append(line.rstrip())
            line = rest
        line += word + " "
    return [line.replace(GLUE, " ") for line in lines + [line.rstrip()]]


def split(line, patterns):
    """(what stands before the text, what continues it in the next line, the text), or None if it is no prose by its form."""
    if patterns is None:
        return ("", "", line)
    for pattern in patterns:
        found = pattern.match(line)
        if found:
            indent, marker, text = found.groups()
            after = indent + (" *" if marker.startswith("/*") else marker) + " "
            return (indent + marker + " ", after, (text or "")[1:])
    return None


def prose(lines, patterns):
    """For each line what `split` says of it, or None where it is code or laid out by hand."""
    kinds, fenced, inside = [], False, False
    for line in lines:
        parts = split(line, patterns)
        # A star begins a line of prose only within a comment.
        if parts and patterns and STARS in patterns and parts[0].lstrip().startswith("*") and not inside:
            parts = None
        if patterns and STARS in patterns:
            opened = line.rfind("/*")
            inside = (inside or opened >= 0) and line.rfind("*/") <= (opened if opened >= 0 else -1)
        if parts and parts[2].lstrip().startswith(("```", "~~~")):
            fenced = not fenced
            kinds.append(None)
        elif parts is None:
            fenced = fenced and patterns is None
            kinds.append(None)
        else:
            kinds.append(None if fenced or preformatted(parts[2]) else parts)
    return kinds


def unbreakable(parts):
    before, _, text = parts
    return len(words_of(text)) < 2 or len(before) + len(words_of(text)[0]) > WIDTH


def too_long(lines, kinds):
    return [at for at, line in enumerate(lines) if len(line) > WIDTH and kinds[at] and not unbreakable(kinds[at])]


def continues(before, parts):
    """Whether a line goes on with the paragraph of the line before it."""
    if parts is None or parts[1] != before[1] or parts[0] != parts[1]:
        return False
    # So begins a line of a list of variables.
    return not ITEM.match(parts[2]) and not re.match(r"[A-Z]+_[A-Z_]+ \(", parts[2])


def wrapped(lines, patterns):
    kinds = prose(lines, patterns)
    long = set(too_long(lines, kinds))
    out, at = [], 0
    while at < len(lines):
        if at not in long:
            out.append(lines[at])
            at += 1
            continue
        before, after, text = kinds[at]
        item = ITEM.match(text)
        hang = " " * (len(item.group()) if item else len(text) - len(text.lstrip()))
        lead = item.group() if item else hang
        words = words_of(text[len(lead):])
        at += 1
        # A line that ends in two blanks is a break of its author's.
        while at < len(lines) and continues((before, after), kinds[at]) and not lines[at - 1].endswith("  "):
            if not out or kinds[at][2].startswith(hang) or not hang:
                words += words_of(kinds[at][2])
                at += 1
            else:
                break
        out += fill(words, before + lead, after + hang)
    return out


def plain(lines, patterns):
    """All words and all code of a file, without line breaks in prose: wrapping may not change it."""
    kinds = prose(lines, patterns)
    return " ".join(" ".join(kind[2].split()) if kind else line.strip() for kind, line in zip(kinds, lines)).split()


def files(paths):
    listed = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *paths],
                            check=True, capture_output=True, text=True).stdout.splitlines()
    kinds = (".rs", ".c", ".h", ".cpp", ".hpp", ".sh", ".toml", ".py", ".md", "Makefile")
    return [path for path in listed if path.endswith(kinds) and path not in GENERATED and os.path.exists(path)]


def main(arguments):
    wrap = "--wrap" in arguments
    found = 0
    for path in files([argument for argument in arguments if argument != "--wrap"]):
        with open(path, encoding="utf-8") as file:
            lines = file.read().split("\n")
        patterns = pattern_of(path)
        if wrap:
            new = wrapped(lines, patterns)
            if new != lines:
                assert plain(new, patterns) == plain(lines, patterns), f"{path}: wrapping would change words"
                with open(path, "w", encoding="utf-8") as file:
                    file.write("\n".join(new))
            lines = new
        for at in too_long(lines, prose(lines, patterns)):
            found += 1
            print(f"{path}:{at + 1}: {len(lines[at])} columns of prose; scripts/prose.py --wrap makes it {WIDTH}")
    return 1 if found else 0


if __name__ == "__main__":
    os.chdir(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    sys.exit(main(sys.argv[1:]))
