"""Events of a stream, as Python sees them."""
import json
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, Dict, List, Optional, Tuple

from . import _raw


class Kind(IntEnum):
    """What an event is."""

    STARTED = _raw.WICK_EVENT_STARTED
    PROGRESS = _raw.WICK_EVENT_PROGRESS
    TEXT = _raw.WICK_EVENT_TEXT
    NOTE = _raw.WICK_EVENT_NOTE
    END = _raw.WICK_EVENT_END
    TOOL_CALL = _raw.WICK_EVENT_TOOL_CALL
    VECTOR = _raw.WICK_EVENT_VECTOR


class End(IntEnum):
    """Why a stream has ended."""

    STOP = _raw.WICK_END_STOP
    STOP_STRING = _raw.WICK_END_STOP_STRING
    LENGTH = _raw.WICK_END_LENGTH
    CONTEXT_FULL = _raw.WICK_END_CONTEXT_FULL
    READY = _raw.WICK_END_READY
    CANCELLED = _raw.WICK_END_CANCELLED
    DEADLINE = _raw.WICK_END_DEADLINE
    SHUTDOWN = _raw.WICK_END_SHUTDOWN
    ERROR = _raw.WICK_END_ERROR


class Channel(IntEnum):
    """What a TEXT belongs to."""

    ANSWER = _raw.WICK_CHANNEL_ANSWER
    REASONING = _raw.WICK_CHANNEL_REASONING
    TOOL = _raw.WICK_CHANNEL_TOOL


@dataclass
class Stats:
    """A stream's figures; times in seconds. The header's `wick_stats` says what each counts."""

    prompt_tokens: int = 0
    cached_tokens: int = 0
    output_tokens: int = 0
    session_tokens: int = 0
    queue: float = 0.0
    prefill: float = 0.0
    ttft: float = 0.0
    decode: float = 0.0
    max_gap: float = 0.0
    seed: int = 0
    notes_dropped: int = 0
    draft_tokens: int = 0
    draft_accepted: int = 0

    @classmethod
    def _of(cls, raw: Any) -> "Stats":
        names = [name for name, *_ in raw._fields_ if name != "reserved"]
        values = {name: getattr(raw, name) for name in names}
        return cls(**{(n[:-3] if n.endswith("_ns") else n): v / 1e9 if n.endswith("_ns") else v for n, v in values.items()})


@dataclass
class ToolCall:
    """A call of a tool, as the model asks for it."""

    id: str
    name: str
    arguments: Dict[str, Any]


@dataclass
class Event:
    """One event. What says nothing of its kind is empty."""

    #: A `Kind`; a plain int for one that this package does not know.
    kind: int
    #: TEXT: the text; NOTE: its text; END: the stop string.
    text: str = ""
    #: TEXT: the ids behind it.
    tokens: List[int] = field(default_factory=list)
    #: TEXT: a `Channel`. NOTE: 0 the host's, 1 the library's.
    channel: int = 0
    #: TEXT, if asked for: natural logarithm of the last id's probability.
    logprob: Optional[float] = None
    #: TEXT with top_logprobs: (id, logarithm of its probability).
    alternatives: List[Tuple[int, float]] = field(default_factory=list)
    #: TOOL_CALL: the call.
    call: Optional[ToolCall] = None
    #: PROGRESS: of `total`. VECTOR: the text's index.
    done: int = 0
    #: PROGRESS: bytes or tokens in all. VECTOR: how many texts there are.
    total: int = 0
    #: VECTOR: the vector, of length 1.
    values: List[float] = field(default_factory=list)
    #: END: an `End`; a plain int for one that this package does not know.
    end: Optional[int] = None
    #: END (ERROR): the status of the error.
    status: int = 0
    #: 0, 1, 2, …
    seq: int = 0
    #: Seconds since the stream was started.
    time: float = 0.0
    #: END: the final figures.
    stats: Optional[Stats] = None


def _known(enum: Any, value: int) -> int:
    try:
        return enum(value)
    except ValueError:
        return value


def of_raw(raw: Any, text: str, tokens: List[int], values: List[float]) -> Event:
    """An event out of its last piece, and what all its pieces say together."""
    kind = _known(Kind, raw.kind)
    event = Event(kind, text, tokens, done=raw.done, total=raw.total, values=values, seq=raw.seq, time=raw.time_ns / 1e9)
    event.channel = raw.channel
    if kind == Kind.TEXT:
        event.channel = _known(Channel, raw.channel)
        event.logprob = None if raw.logprob != raw.logprob else raw.logprob
        event.alternatives = [(one.token, one.logprob) for one in raw.alternatives[: raw.alternative_count]]
    elif kind == Kind.TOOL_CALL:
        said = json.loads(text)
        event.call = ToolCall(said["id"], said["name"], said["arguments"])
    elif kind == Kind.END:
        event.end = _known(End, raw.end_reason)
        event.status = raw.status
        event.stats = Stats._of(raw.stats)
    return event
