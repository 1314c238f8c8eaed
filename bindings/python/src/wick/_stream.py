"""Streams: read by a loop, by asyncio, or to their end."""
import asyncio
import ctypes
import weakref
from typing import Any, Iterator, List, Optional

from . import _raw
from ._errors import Error
from ._events import Channel, Event, Kind, Stats, ToolCall, of_raw
from ._library import Texts, check, library

# A thread that waits looks up as often for Ctrl-C, which Python only notices between calls.
_LOOK_UP = 100_000_000
_CAPACITY = 1 << 16


class Stream:
    """What a generation, a load, a save or vectors tell: events, the last of which is END.

    Iterate over it, with `for` or with `async for`; or wait with `result()` or `await`. An END that says
    ERROR is raised as `Error`. One thread or task reads a stream. To stop early: leave a `with` block,
    `close()`, or drop the last reference; a task that is cancelled while it waits for an event cancels the
    stream. `cancel()` lets it run to its END (CANCELLED).
    """

    def __init__(self, handle: Any, owner: Any) -> None:
        self._handle = handle
        # What has to outlive it: a model that loads must not be closed for want of a reference.
        self._owner = owner
        self._buffer = ctypes.create_string_buffer(_CAPACITY)
        self._raw = _raw.wick_event()
        self._raw.struct_size = ctypes.sizeof(self._raw)
        self._pieces: List[bytes] = []
        self._tokens: List[int] = []
        self._values: List[float] = []
        self._waiting: Optional[tuple] = None
        self._over = False
        #: The END event, once it was read.
        self.end: Optional[Event] = None
        self._finalizer = weakref.finalize(self, library.wick_stream_close, handle)
        self._finalizer.atexit = False

    def _next(self, timeout: int) -> Optional[Event]:
        """The next event, in one piece; None if none came in time."""
        while True:
            raw = self._raw
            status = library.wick_stream_next(self._handle, ctypes.byref(raw), self._buffer, _CAPACITY, timeout)
            if status == _raw.WICK_E_STALE_HANDLE and self._over:
                return None  # Another thread has closed it.
            if check(status) != _raw.WICK_OK:
                self._over = self._over or status == _raw.WICK_ENDED
                return None
            self._pieces.append(ctypes.string_at(raw.text, raw.text_len) if raw.text_len else b"")
            self._tokens += raw.tokens[: raw.token_count]
            self._values += raw.values[: raw.value_count]
            if not raw.more:
                break
        text = b"".join(self._pieces).decode("utf-8")
        event = of_raw(raw, text, self._tokens, self._values)
        self._pieces, self._tokens, self._values = [], [], []
        if event.kind == Kind.END:
            self.end = event
            self._over = True
            if event.status < 0:
                raise Error(event.status, text)
        else:
            self._saw(event)
        return event

    def _saw(self, event: Event) -> None:
        """For what gathers: an event before the END."""

    def __iter__(self) -> Iterator[Event]:
        return self

    def __next__(self) -> Event:
        while not self._over:
            event = self._next(_LOOK_UP)
            if event is not None:
                return event
        raise StopIteration

    def __aiter__(self) -> "Stream":
        return self

    async def __anext__(self) -> Event:
        while not self._over:
            event = self._next(0)
            if event is not None:
                return event
            if not self._over:
                await self._readable()
        raise StopAsyncIteration

    async def _readable(self) -> None:
        """Waits until an event is there, on the event loop itself: no thread waits."""
        if self._waiting is not None:
            raise RuntimeError("another task waits for this stream")
        place = _raw.wick_os_handle()
        check(library.wick_stream_os_handle(self._handle, ctypes.byref(place)))
        loop = asyncio.get_running_loop()
        woken = loop.create_future()
        loop.add_reader(place.fd, lambda: woken.done() or woken.set_result(None))
        self._waiting = (loop, place.fd, woken)
        try:
            await woken
        except asyncio.CancelledError:
            if not self._over:
                library.wick_stream_cancel(self._handle)
            raise
        finally:
            self._stop_waiting()

    def _stop_waiting(self) -> None:
        """Before the stream is closed: the descriptor is the library's, and may be another's then."""
        if self._waiting is not None:
            loop, fd, woken = self._waiting
            self._waiting = None
            if not loop.is_closed():
                loop.remove_reader(fd)
                if not woken.done():
                    woken.set_result(None)

    def wait(self) -> Event:
        """Reads to the END, which it returns; raises `Error` for one that says so."""
        for _ in self:
            pass
        return self._the_end()

    async def wait_async(self) -> Event:
        """As `wait`, for asyncio."""
        async for _ in self:
            pass
        return self._the_end()

    def __await__(self) -> Any:
        return self.wait_async().__await__()

    def _the_end(self) -> Event:
        if self.end is None:
            raise Error(_raw.WICK_E_STALE_HANDLE, "the stream was closed before its end")
        if self.end.status < 0:
            raise Error(self.end.status, self.end.text)
        return self.end

    def cancel(self) -> None:
        """Asks for the END, which then says CANCELLED; from any thread."""
        if self._finalizer.alive:
            library.wick_stream_cancel(self._handle)

    def note(self, text: str) -> None:
        """Merges a NOTE into the stream, from any thread."""
        texts = Texts()
        check(library.wick_stream_note(self._handle, texts.str(text)))

    @property
    def stats(self) -> Stats:
        """The figures as of now; after the END the final ones."""
        if self.end is not None and self.end.stats is not None:
            return self.end.stats
        raw = _raw.wick_stats()
        check(library.wick_stream_stats(self._handle, ctypes.byref(raw)))
        return Stats._of(raw)

    def close(self) -> None:
        """Cancels what has not ended, and forgets it; as often as you like."""
        self._over = True
        self._stop_waiting()
        self._finalizer()

    def __enter__(self) -> "Stream":
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    async def __aenter__(self) -> "Stream":
        return self

    async def __aexit__(self, *_: Any) -> None:
        self.close()


class Generation(Stream):
    """An answer as it comes: a `Stream` that also gathers what was said."""

    def __init__(self, handle: Any, owner: Any) -> None:
        super().__init__(handle, owner)
        self._said: dict = {}
        #: The calls of tools so far.
        self.tool_calls: List[ToolCall] = []

    def _saw(self, event: Event) -> None:
        if event.kind == Kind.TEXT:
            self._said.setdefault(event.channel, []).append(event.text)
        elif event.kind == Kind.TOOL_CALL and event.call is not None:
            self.tool_calls.append(event.call)

    def text(self) -> str:
        """Waits for the END; the answer, without thinking and calls."""
        self.wait()
        return self.answer

    @property
    def answer(self) -> str:
        """What of the answer was read so far."""
        return "".join(self._said.get(Channel.ANSWER, []))

    @property
    def reasoning(self) -> str:
        """What of the thinking was read so far."""
        return "".join(self._said.get(Channel.REASONING, []))

    def texts(self) -> Iterator[str]:
        """The pieces of the answer alone."""
        for event in self:
            if event.kind == Kind.TEXT and event.channel == Channel.ANSWER and event.text:
                yield event.text

    def __await__(self) -> Any:
        return self._answer().__await__()

    async def _answer(self) -> str:
        await self.wait_async()
        return self.answer

    def answer_now(self) -> None:
        """Ends the thinking here; the answer begins."""
        check(library.wick_stream_answer_now(self._handle))
