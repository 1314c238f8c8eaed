"""The fake model, in a library with the feature `testing`; a real one, where WICK_MODELS has it."""
import ctypes
import json
import os
from pathlib import Path

import pytest
import wick
from wick import _raw
from wick._library import Texts, call, check, library

TESTING = hasattr(library, "wick_testing_model_load")


def load_fake(script, runtime=None):
    """A model that says what the script tells it."""
    function = library.wick_testing_model_load
    function.restype = ctypes.c_int32
    function.argtypes = [_raw.wick_runtime, _raw.wick_str] + [ctypes.c_void_p] * 4
    texts, out, load = Texts(), _raw.wick_model(), _raw.wick_stream()
    runtime = runtime or wick.default_runtime()
    given = (runtime._handle, texts.str(json.dumps(script)), None, ctypes.byref(out), ctypes.byref(load))
    call("wick_testing_model_load", *given)
    model = wick.Model.__new__(wick.Model)
    model._begin(runtime, out, load)
    return model


@pytest.fixture
def fake():
    if not TESTING:
        pytest.skip("left out: the library has no fake model (feature testing)")
    models = []

    def make(**script):
        models.append(load_fake(script))
        return models[-1]

    yield make
    for model in models:
        model.close()


@pytest.fixture
def release():
    """Lets tokens of a gated model through."""
    function = library.wick_testing_release
    function.restype, function.argtypes = ctypes.c_int32, [_raw.wick_model, ctypes.c_uint64]
    return lambda model, count: check(function(model._handle, count))


@pytest.fixture(scope="session")
def real():
    path = Path(os.environ.get("WICK_MODELS") or "models") / "SmolLM2-135M-Instruct.Q4_1.gguf"
    if not path.exists():
        pytest.skip(f"left out: there is no {path}")
    with wick.Model(path) as model:
        yield model
