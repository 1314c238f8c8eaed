"""Finds the shared library, and makes its calls raise."""
import ctypes
import ctypes.util
import json
import os
import sys
from pathlib import Path
from typing import Any, Callable, Optional

from . import _raw
from ._errors import Error


def _path() -> str:
    """WICK_LIBRARY, else the library in this package, else what the system has."""
    named = os.environ.get("WICK_LIBRARY")
    if named:
        return named
    name = {"win32": "wick.dll", "darwin": "libwick.dylib"}.get(sys.platform, "libwick.so")
    inside = Path(__file__).with_name(name)
    found = str(inside) if inside.exists() else ctypes.util.find_library("wick")
    if not found:
        raise ImportError(f"there is no {name} beside {__file__}, nor one that the system finds: set WICK_LIBRARY to its path")
    return found


def _load() -> ctypes.CDLL:
    path = _path()
    library = _raw.bind(path)
    found = library.wick_abi_version()
    if found != _raw.WICK_ABI_VERSION:
        raise ImportError(f"{path} has ABI version {found}, this package is for {_raw.WICK_ABI_VERSION}")
    return library


library = _load()


def new_error() -> Any:
    """A place for the details of a failure."""
    error = _raw.wick_error()
    error.struct_size = ctypes.sizeof(error)
    return error


def sized(kind: Any) -> Any:
    """A zeroed struct with its size."""
    made = kind()
    made.struct_size = ctypes.sizeof(made)
    return made


def check(status: int, error: Any = None) -> int:
    """`status`, if it is not an error.

    Raises `Error` for a negative one, with the message of `error`, a `wick_error`.
    """
    if status < 0:
        message = error.message.decode("utf-8", "replace") if error is not None else ""
        raise Error(status, message)
    return status


def call(name: str, *arguments: Any) -> int:
    """Calls a function whose last parameter is `wick_error *`."""
    error = new_error()
    return check(getattr(library, name)(*arguments, ctypes.byref(error)), error)


class Texts:
    """Texts for one call: they live as long as this."""

    def __init__(self) -> None:
        self.kept: list = []

    def str(self, text: Optional[str]) -> Any:
        """A `wick_str`; None: an absent one."""
        if text is None:
            return _raw.wick_str()
        if not isinstance(text, str):
            raise TypeError(f"a text is a str, not {type(text).__name__}")
        encoded = text.encode("utf-8")
        self.kept.append(encoded)
        return _raw.wick_str(ctypes.cast(ctypes.c_char_p(encoded), ctypes.c_void_p), len(encoded))

    def array(self, kind: Any, items: Any) -> Any:
        """A C array of them; None where there is none."""
        items = list(items)
        if not items:
            return None
        made = (kind * len(items))(*items)
        self.kept.append(made)
        return made


def sized_text(read: Callable[[Any, int, Any], int]) -> str:
    """The text of a call with (buf, cap, needed)."""
    size = 4096
    while True:
        buffer, needed = ctypes.create_string_buffer(size), ctypes.c_size_t()
        status = read(buffer, size, ctypes.byref(needed))
        if status != _raw.WICK_E_BUFFER_TOO_SMALL:
            check(status)
            return ctypes.string_at(buffer, needed.value).decode("utf-8")
        # It may have grown meanwhile.
        size = needed.value + 256


def sized_items(kind: Any, read: Callable[[Any, int, Any], int], size: int = 4096) -> Any:
    """The numbers of a call with (out, cap, needed), as a ctypes array of so many."""
    while True:
        buffer, needed = (kind * size)(), ctypes.c_size_t()
        status = read(buffer, size, ctypes.byref(needed))
        if status != _raw.WICK_E_BUFFER_TOO_SMALL:
            check(status)
            return buffer[: needed.value]
        size = needed.value + 64


def info(name: str, handle: Any) -> dict:
    """What an info call says, out of its JSON."""
    return json.loads(sized_text(lambda *place: getattr(library, name)(handle, *place)))


def nanoseconds(seconds: Optional[float]) -> int:
    """A timeout; None: for ever."""
    if seconds is None:
        return _raw.WICK_FOREVER
    if not seconds >= 0:
        raise ValueError(f"a time is 0 or more seconds, not {seconds}")
    return min(int(seconds * 1e9), _raw.WICK_FOREVER - 1)
