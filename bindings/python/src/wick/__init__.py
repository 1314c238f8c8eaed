"""wick: language models inside your own process, as streams that always end, and say why.

    import wick
    model = wick.Model("model.gguf")
    session = model.session(system="You are brief.")
    for piece in session.ask("Hello!").texts():
        print(piece, end="", flush=True)

Everything may be used from any thread; a stream is read by one thread or task. Waiting lets other threads
run. Nothing here starts a thread of Python's.
"""
from ._errors import Error
from ._events import Channel, End, Event, Kind, Stats, ToolCall
from ._model import Adapter, Model, Vectors, build_info, version
from ._request import tool_result
from ._runtime import Runtime, default_runtime
from ._session import Session
from ._stream import Generation, Stream

__all__ = [
    "Adapter", "Channel", "End", "Error", "Event", "Generation", "Kind", "Model", "Runtime", "Session", "Stats",
    "Stream", "ToolCall", "Vectors", "build_info", "default_runtime", "tool_result", "version",
]
