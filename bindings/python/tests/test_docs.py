"""The examples of docs/python.md, as they are written, one after the other."""
import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(os.environ.get("WICK_ROOT", Path(__file__).resolve().parents[3]))


def blocks(path):
    return re.findall(r"^```python\n(.*?)^```$", path.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def test_the_examples_run_as_written(real, tmp_path):
    model = Path(os.environ.get("WICK_MODELS", "models")) / "SmolLM2-135M-Instruct.Q4_1.gguf"
    os.symlink(model.resolve(), tmp_path / model.name)
    examples = blocks(ROOT / "docs" / "python.md")
    assert len(examples) >= 4
    program = "\n".join(examples)
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    assert done.stdout.splitlines()[-1] == str(["system", "user", "assistant"])


def test_the_packages_page_begins_as_the_document(tmp_path):
    (short,) = blocks(ROOT / "bindings" / "python" / "README.md")
    assert short == blocks(ROOT / "docs" / "python.md")[0]
