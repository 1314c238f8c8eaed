"""Models: loading, tokens, templates, vectors; and what makes sessions."""
import ctypes
import json
import os
import weakref
from typing import Any, Callable, Dict, Iterable, List, Mapping, Optional, Sequence, Union

from . import _raw
from ._events import Event, Kind
from ._library import Texts, call, check, info, library, nanoseconds, new_error, sized, sized_items, sized_text
from ._request import Messages, json_text, raw_messages
from ._runtime import Runtime, default_runtime, kv_types
from ._session import Session
from ._stream import Stream

Path = Union[str, "os.PathLike[str]"]
_BACKENDS = {"auto": _raw.WICK_BACKEND_AUTO, "native": _raw.WICK_BACKEND_NATIVE, "candle": _raw.WICK_BACKEND_CANDLE}
_OVERFLOWS = {"stop": _raw.WICK_OVERFLOW_STOP, "roll": _raw.WICK_OVERFLOW_ROLL}


class Vectors(Stream):
    """Vectors as they come: VECTOR events, gathered."""

    def __init__(self, handle: Any, owner: Any) -> None:
        super().__init__(handle, owner)
        #: The vectors so far.
        self.vectors: List[List[float]] = []

    def _saw(self, event: Event) -> None:
        if event.kind == Kind.VECTOR:
            self.vectors.append(event.values)

    def __await__(self) -> Any:
        return self._all().__await__()

    async def _all(self) -> List[List[float]]:
        await self.wait_async()
        return self.vectors


class Adapter:
    """Low-rank matrices (LoRA) for sessions of the model that loaded them."""

    def __init__(self, handle: Any, load: Stream, model: "Model") -> None:
        self._handle, self._load, self._model = handle, load, model
        self._finalizer = weakref.finalize(self, library.wick_adapter_close, handle)
        self._finalizer.atexit = False

    def info(self) -> Dict[str, Any]:
        """What is known of it: wick_adapter_info of the header."""
        return info("wick_adapter_info", self._handle)

    def close(self) -> None:
        """Lets go of it; sessions keep what they need."""
        self._load.close()
        self._finalizer()


class Model:
    """A model out of a GGUF file.

    It is loaded when this returns; `progress(done, total)` is told the bytes. With `wait=False` it returns at
    once: sessions may be made, and wait for it; `wait()` or `await model` until it is there. Raises `Error`
    for what cannot be loaded.
    """

    def __init__(
        self,
        path: Path,
        *,
        runtime: Optional[Runtime] = None,
        wait: bool = True,
        progress: Optional[Callable[[int, int], None]] = None,
        context_length: int = 0,
        kv_type: str = "f16",
        backend: str = "auto",
        chat_template: Optional[str] = None,
        prefix_cache_bytes: int = 0,
        no_mmap: bool = False,
        vocab_only: bool = False,
        no_prefix_cache: bool = False,
        no_drafts: bool = False,
        preload: bool = False,
        sampling_from_model: bool = False,
    ) -> None:
        texts, options = Texts(), sized(_raw.wick_model_options)
        options.path, options.chat_template = texts.str(os.fspath(path)), texts.str(chat_template)
        options.backend, options.kv_type = _BACKENDS[backend], kv_types[kv_type]
        options.context_length, options.prefix_cache_bytes = context_length, prefix_cache_bytes
        flags = dict(no_mmap=no_mmap, vocab_only=vocab_only, no_prefix_cache=no_prefix_cache, no_drafts=no_drafts)
        for name, value in dict(flags, preload=preload, sampling_from_model=sampling_from_model).items():
            setattr(options, name, bool(value))
        runtime = runtime or default_runtime()
        out, load = _raw.wick_model(), _raw.wick_stream()
        call("wick_model_load", runtime._handle, ctypes.byref(options), ctypes.byref(out), ctypes.byref(load))
        self._begin(runtime, out, load)
        if wait:
            self.wait(progress)

    def _begin(self, runtime: Runtime, handle: Any, load: Any) -> None:
        self._runtime, self._handle = runtime, handle
        self._finalizer = weakref.finalize(self, library.wick_model_close, handle)
        self._finalizer.atexit = False
        #: The stream of the load: closing it before its end cancels the load.
        self.loading = Stream(load, runtime)

    def wait(self, progress: Optional[Callable[[int, int], None]] = None) -> "Model":
        """Waits for the load."""
        for event in self.loading:
            if progress is not None and event.kind == Kind.PROGRESS:
                progress(event.done, event.total)
        self.loading.wait()
        return self

    def __await__(self) -> Any:
        return self._loaded().__await__()

    async def _loaded(self) -> "Model":
        await self.loading
        return self

    def info(self) -> Dict[str, Any]:
        """What is known of the model: wick_model_info of the header."""
        return info("wick_model_info", self._handle)

    def session(
        self,
        system: Optional[str] = None,
        *,
        tools: Optional[Sequence[Mapping[str, Any]]] = None,
        template: Optional[Mapping[str, Any]] = None,
        context_length: int = 0,
        overflow: str = "stop",
        pinned_messages: int = 0,
        adapter: Optional[Adapter] = None,
        adapter_scale: float = 0.0,
    ) -> Session:
        """A new conversation, with a system message, tools and template variables for all its turns.

        `overflow="roll"`: where the context is full the oldest exchanges go.
        """
        texts, options, out = Texts(), sized(_raw.wick_session_options), _raw.wick_session()
        options.system = texts.str(system)
        options.tools_json, options.template_json = texts.str(json_text(tools)), texts.str(json_text(template))
        options.context_length, options.pinned_messages = context_length, pinned_messages
        options.overflow, options.adapter_scale = _OVERFLOWS[overflow], adapter_scale
        if adapter is not None:
            options.adapter = adapter._handle
        call("wick_session_create", self._handle, ctypes.byref(options), ctypes.byref(out))
        return Session(out, self)

    def _restored(self, name: str, path: Path, adapter: Optional[Adapter], *out: Any) -> Stream:
        texts, options, stream = Texts(), sized(_raw.wick_store_options), _raw.wick_stream()
        options.path = texts.str(os.fspath(path))
        if adapter is not None:
            options.adapter = adapter._handle
        call(name, self._handle, ctypes.byref(options), *out, ctypes.byref(stream))
        return Stream(stream, self)

    def restore(self, path: Path, *, adapter: Optional[Adapter] = None, wait: bool = True) -> Session:
        """A session out of a save. With `wait=False` it returns at once; `await session.restoring`."""
        out = _raw.wick_session()
        stream = self._restored("wick_session_restore", path, adapter, ctypes.byref(out))
        session = Session(out, self)
        session.restoring = stream
        if wait:
            stream.wait()
        return session

    def warm(self, path: Path, *, adapter: Optional[Adapter] = None) -> Stream:
        """Puts a save with keys and values into the prefix cache; `wait()` for it, or `await` it."""
        return self._restored("wick_model_warm", path, adapter)

    def adapter(self, path: Path, *, wait: bool = True) -> Adapter:
        """An adapter (LoRA) out of a GGUF file."""
        texts, options = Texts(), sized(_raw.wick_adapter_options)
        options.path = texts.str(os.fspath(path))
        out, stream = _raw.wick_adapter(), _raw.wick_stream()
        call("wick_adapter_load", self._handle, ctypes.byref(options), ctypes.byref(out), ctypes.byref(stream))
        adapter = Adapter(out, Stream(stream, self), self)
        if wait:
            adapter._load.wait()
        return adapter

    def tokenize(self, text: str, *, add_special: bool = False, parse_special: bool = False) -> List[int]:
        """The ids of a text."""
        texts, error = Texts(), new_error()
        given = (texts.str(text), int(add_special), int(parse_special))
        return sized_items(
            ctypes.c_uint32,
            lambda *place: _with(error, library.wick_model_tokenize(self._handle, *given, *place, ctypes.byref(error))),
        )

    def detokenize(self, ids: Iterable[int], *, special: bool = False) -> str:
        """The text of ids."""
        ids, error = list(ids), new_error()
        array = (ctypes.c_uint32 * max(1, len(ids)))(*ids)
        given = (array, len(ids), int(special))
        return sized_text(
            lambda *place: _with(error, library.wick_model_detokenize(self._handle, *given, *place, ctypes.byref(error)))
        )

    def count_tokens(self, text: str, *, add_special: bool = False, parse_special: bool = False) -> int:
        """How many ids a text has."""
        texts, count = Texts(), ctypes.c_size_t()
        given = (texts.str(text), int(add_special), int(parse_special))
        call("wick_model_count_tokens", self._handle, *given, ctypes.byref(count))
        return count.value

    def render(self, messages: Messages, *, tools: Any = None, template: Any = None,
               add_generation_prompt: bool = True) -> str:
        """Messages through the chat template, as text."""
        texts, error = Texts(), new_error()
        array, count = raw_messages(texts, messages)
        given = (array, count, texts.str(json_text(tools)), texts.str(json_text(template)), int(add_generation_prompt))
        return sized_text(
            lambda *place: _with(error, library.wick_model_render(self._handle, *given, *place, ctypes.byref(error)))
        )

    def count_messages(self, messages: Messages, *, tools: Any = None, template: Any = None,
                       add_generation_prompt: bool = True) -> int:
        """How many tokens messages are, through the chat template."""
        texts, tokens = Texts(), ctypes.c_size_t()
        array, count = raw_messages(texts, messages)
        given = (array, count, texts.str(json_text(tools)), texts.str(json_text(template)), int(add_generation_prompt))
        call("wick_model_count_messages", self._handle, *given, ctypes.byref(tokens))
        return tokens.value

    def embedding(self, texts: Iterable[str], *, priority: int = 0, deadline: float = 0.0) -> Vectors:
        """The vectors of texts as a stream: VECTOR events, or `await` all of them."""
        kept, options, stream = Texts(), sized(_raw.wick_embed_options), _raw.wick_stream()
        options.priority, options.deadline_ns = priority, nanoseconds(deadline)
        items = [kept.str(text) for text in texts]
        array = kept.array(_raw.wick_str, items)
        call("wick_embed_start", self._handle, array, len(items), ctypes.byref(options), ctypes.byref(stream))
        return Vectors(stream, self)

    def embed(self, texts: Union[str, Iterable[str]]) -> Any:
        """The vectors of texts, each of length 1; of one text its vector."""
        with self.embedding([texts] if isinstance(texts, str) else texts) as stream:
            stream.wait()
            return stream.vectors[0] if isinstance(texts, str) else stream.vectors

    def rerank(self, query: str, texts: Iterable[str], *, timeout: Optional[float] = None) -> List[float]:
        """How well each text answers `query`, by a cross-encoder: raw scores."""
        kept = Texts()
        items = [kept.str(text) for text in texts]
        array, scores, needed = kept.array(_raw.wick_str, items), (ctypes.c_float * max(1, len(items)))(), ctypes.c_size_t()
        place = (scores, len(items), ctypes.byref(needed), nanoseconds(timeout))
        call("wick_rerank", self._handle, kept.str(query), array, len(items), *place)
        return list(scores[: needed.value])

    def keep_mapped(self) -> None:
        """Leaves the weights of a mapped file where other processes share them."""
        check(library.wick_model_keep_mapped(self._handle))

    def close(self) -> None:
        """Lets go of the model; sessions keep what they need."""
        self.loading.close()
        self._finalizer()

    def __enter__(self) -> "Model":
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()


def _with(error: Any, status: int) -> int:
    """`status`, with the message of a failure that no larger buffer mends."""
    return status if status == _raw.WICK_E_BUFFER_TOO_SMALL else check(status, error)


def version() -> str:
    """The library's version."""
    return library.wick_version().decode()


def build_info() -> Dict[str, Any]:
    """What the library is: wick_build_info of the header."""
    return json.loads(sized_text(library.wick_build_info))
