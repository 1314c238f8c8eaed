#!/usr/bin/env python3
"""Takes the programs out of README.md and docs/recipes.md: programs.py FOLDER. Knows no compiler.

Writes readme.c and readme.rs with what they print (readme.txt), and recipes.c, which runs the recipe that its argument names;
NAME.txt is what that prints, where the page says it."""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.M | re.S)
RECIPE = re.compile(r"^static int (\w+)\(wick_runtime rt, wick_model model\)", re.M)

# Runs one recipe with a model that is loaded.
MAIN = """int main(int argc, char **argv) {
  wick_runtime_options ro = { .struct_size = sizeof ro, .abi_version = WICK_ABI_VERSION };
  wick_model_options mo = { .struct_size = sizeof mo, .path = wick_cstr("models/SmolLM2-135M-Instruct.Q4_1.gguf") };
  wick_event ev = { .struct_size = sizeof ev };
  wick_runtime rt; wick_model model; wick_stream load;
  char why[256];
  int well = 0;
  if (argc != 2 || wick_runtime_create(&ro, &rt, NULL) || wick_model_load(rt, &mo, &model, &load, NULL)) return 2;
  while (wick_stream_next(load, &ev, why, sizeof why, WICK_FOREVER) == WICK_OK) continue;
  if (wick_stream_close(load) || ev.end_reason != WICK_END_READY) return 2;
CALLS
  return wick_runtime_shutdown(rt, WICK_FOREVER) != WICK_OK || !well;
}
"""


def blocks(page):
    """(language, text, what it prints or None) of each block of a page."""
    found = BLOCK.findall((ROOT / page).read_text("utf-8"))
    prints = [text if language == "text" else None for language, text in found[1:]] + [None]
    return [(language, text, output) for (language, text), output in zip(found, prints)]


def first(page, language):
    return next((text, output) for kind, text, output in blocks(page) if kind == language)


def main():
    folder = pathlib.Path(sys.argv[1])
    program, output = first("README.md", "c")
    folder.joinpath("readme.c").write_text(program, "utf-8")
    folder.joinpath("readme.txt").write_text(output, "utf-8")
    rust, _ = first("README.md", "rust")
    folder.joinpath("readme.rs").write_text(f"fn main() -> wick::Result<()> {{\n{rust}Ok(()) }}\n", "utf-8")

    functions, names = [], []
    for language, text, output in blocks("docs/recipes.md"):
        if language != "c":
            continue
        names.append(RECIPE.search(text)[1])
        functions.append(text)
        if output is not None:
            folder.joinpath(f"{names[-1]}.txt").write_text(output, "utf-8")
    helpers = program.split("int main(void) {\n")[0].replace("<stdio.h>", "<stdio.h>\n#include <string.h>")
    calls = "".join(f'  if (strcmp(argv[1], "{name}") == 0) well = {name}(rt, model);\n' for name in names)
    recipes = [helpers, *functions, MAIN.replace("CALLS\n", calls)]
    folder.joinpath("recipes.c").write_text("\n".join(recipes), "utf-8")
    print("\n".join(names))


if __name__ == "__main__":
    main()
