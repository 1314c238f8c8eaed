"""Runtimes: threads, memory and logs; and how they end before the interpreter does."""
import atexit
import ctypes
import os
import threading
import weakref
from typing import Any, Callable, Dict, Optional

from . import _raw
from ._library import Texts, call, check, info, library, nanoseconds, sized

# The handles of runtimes that live, with what their callbacks need.
_alive: Dict[int, Any] = {}
_lock = threading.Lock()
_default: Optional["Runtime"] = None


def _shutdown(id: int) -> None:
    """Ends a runtime and joins its threads, so that none of them is in Python code that goes away."""
    runtime = _raw.wick_runtime(id)
    if library.wick_runtime_shutdown(runtime, _raw.WICK_FOREVER) == _raw.WICK_OK:
        _alive.pop(id, None)


@atexit.register
def _shutdown_all() -> None:
    for id in list(_alive):
        _shutdown(id)


def _in_child() -> None:
    """After a fork the runtimes are the parent's: the child makes its own."""
    global _default, _lock
    _default, _lock = None, threading.Lock()
    # Not freed: the parent's objects may name them.
    _in_child.kept = dict(_alive)  # type: ignore[attr-defined]
    _alive.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)


class Runtime:
    """The threads, the memory budget and the log of models. `Model` uses a common one if it is given none.

    `log(level, text)` takes log lines: 1 errors to 5 everything, up to `log_level`. It is called on threads
    of wick.
    """

    def __init__(
        self,
        *,
        threads: int = 0,
        memory_budget: int = 0,
        max_sequences: int = 0,
        max_waiting: int = 0,
        pace_percent: int = 0,
        log: Optional[Callable[[int, str], None]] = None,
        log_level: int = 0,
    ) -> None:
        options = sized(_raw.wick_runtime_options)
        options.abi_version = _raw.WICK_ABI_VERSION
        options.threads, options.memory_budget = threads, memory_budget
        options.max_sequences, options.max_waiting = max_sequences, max_waiting
        options.pace_percent, options.log_level = pace_percent, log_level
        sink: Any = None
        if log is not None:
            take = log
            # What it raises goes to sys.unraisablehook.
            sink = _raw.wick_log_fn(
                lambda _, level, text, length: take(level, ctypes.string_at(text, length).decode("utf-8", "replace"))
            )
            options.log = sink
        out = _raw.wick_runtime()
        call("wick_runtime_create", ctypes.byref(options), ctypes.byref(out))
        self._handle = out
        _alive[out.id] = sink
        self._finalizer = weakref.finalize(self, _shutdown, out.id)
        self._finalizer.atexit = False

    def info(self) -> Dict[str, Any]:
        """Counts, memory and queues: wick_runtime_info of the header says what they are."""
        return info("wick_runtime_info", self._handle)

    def pause(self) -> None:
        """Stops computing; events, cancels and deadlines still work."""
        check(library.wick_runtime_pause(self._handle))

    def resume(self) -> None:
        """Computes again."""
        check(library.wick_runtime_resume(self._handle))

    def trim(self) -> None:
        """Gives back memory whose contents can be computed again."""
        check(library.wick_runtime_trim(self._handle))

    def set_pace(self, percent: int) -> None:
        """Computes this share of the time at most; 0: all of it."""
        check(library.wick_runtime_set_pace(self._handle, percent))

    def estimate(self, path: "os.PathLike[str] | str", *, context: int = 0, sequences: int = 0,
                 kv_type: str = "f16", timeout: Optional[float] = None) -> Dict[str, int]:
        """What a model would take, in bytes, by its header alone."""
        texts, options, out = Texts(), sized(_raw.wick_model_options), sized(_raw.wick_estimate)
        options.path, options.kv_type = texts.str(os.fspath(path)), kv_types[kv_type]
        arguments = (ctypes.byref(options), context, sequences, ctypes.byref(out), nanoseconds(timeout))
        call("wick_model_estimate", self._handle, *arguments)
        return {name: getattr(out, name) for name, *_ in out._fields_ if name.endswith("_bytes")}

    def close(self) -> None:
        """Ends every stream with SHUTDOWN, and joins the threads."""
        self._finalizer()

    def __enter__(self) -> "Runtime":
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()


kv_types = {"f16": _raw.WICK_KV_F16, "q8_0": _raw.WICK_KV_Q8_0}


def default_runtime() -> Runtime:
    """The common one, which lives as long as the interpreter."""
    global _default
    with _lock:
        if _default is None or not _default._finalizer.alive:
            _default = Runtime()
        return _default
