# Generated from include/wick.abi.json: do not edit. See docs/abi.md.
"""The C ABI of wick, as the header has it."""
from ctypes import (  # noqa: F401
    CDLL, CFUNCTYPE, POINTER, Structure, c_char, c_char_p, c_float, c_int32, c_int64, c_size_t, c_uint16, c_uint32, c_uint64, c_uint8,
    c_void_p,
    sizeof,
)

VERSION = "0.1.0"
# Done.
WICK_OK = 0
# Nothing to read now, or the timeout passed.
WICK_EMPTY = 1
# The stream has delivered its END event; the queue those of all its streams, and its runtime is shut down.
WICK_ENDED = 2
# The budget is used up, work is left.
WICK_MORE = 3
# An argument is malformed or out of range; the message names it.
WICK_E_INVALID_ARGUMENT = -1
# The handle is none, closed, of another kind, or its runtime is shut down.
WICK_E_STALE_HANDLE = -2
# The session has a live generation, the model is not loaded yet, or the object is in another [EXCL] call.
WICK_E_BUSY = -3
# A [BLOCK] or [EXCL] function was called inside a callback.
WICK_E_REENTRANT = -4
# An architecture, tensor type, option or feature that this build lacks; the message names it.
WICK_E_UNSUPPORTED = -5
# Reading or writing failed.
WICK_E_IO = -6
# A malformed or hostile model file; the message says what and where.
WICK_E_MODEL_INVALID = -7
# Over the memory budget, or the system refused memory or a thread.
WICK_E_OUT_OF_MEMORY = -8
# The input does not fit the session's context.
WICK_E_CONTEXT_FULL = -9
# The chat template failed, or went over its limits.
WICK_E_TEMPLATE = -10
# The tokenizer failed.
WICK_E_TOKENIZER = -11
# The grammar is malformed or cannot be satisfied.
WICK_E_GRAMMAR = -12
# NaN or infinite logits.
WICK_E_NUMERIC = -13
# The runtime is being shut down: nothing new is taken.
WICK_E_SHUTDOWN = -14
# The time given was not enough.
WICK_E_TIMEOUT = -15
# Too many waiting generations.
WICK_E_QUEUE_FULL = -16
# The buffer is too small; `*needed` says how much it takes.
WICK_E_BUFFER_TOO_SMALL = -17
# A caught panic: this operation is over, the runtime goes on.
WICK_E_INTERNAL = -18
# In a child of fork(): the runtime, or the object's runtime, is the parent's. No drop function runs there.
WICK_E_FORKED = -19
# The request left the waiting line; at most once, and then first.
WICK_EVENT_STARTED = 1
# A load went on: `done` of `total` bytes; or the computing of an input: tokens, or bytes of weights while a
# model's first pass waits long for its file. Only the newest unread one is kept.
WICK_EVENT_PROGRESS = 2
# Text that can be shown, and the ids behind it.
WICK_EVENT_TEXT = 3
# A note, merged by the host with wick_stream_note or by the library: `channel` says whose.
WICK_EVENT_NOTE = 4
# The end: always the last event, exactly once.
WICK_EVENT_END = 5
# One call of a tool, whole, as JSON: `{"id":"…","name":"…","arguments":{…}}` (docs/tools.md).
WICK_EVENT_TOOL_CALL = 6
# The vector of one text of wick_embed_start, or its score of wick_rerank_start.
WICK_EVENT_VECTOR = 7
# Not an END event.
WICK_END_NONE = 0
# An end-of-generation token.
WICK_END_STOP = 1
# A stop string; the event's text says which.
WICK_END_STOP_STRING = 2
# max_tokens were generated.
WICK_END_LENGTH = 3
# The session's context is full.
WICK_END_CONTEXT_FULL = 4
# A load or a prefill finished.
WICK_END_READY = 5
# The host cancelled it, or closed its session.
WICK_END_CANCELLED = 6
# Its deadline passed.
WICK_END_DEADLINE = 7
# The runtime was shut down.
WICK_END_SHUTDOWN = 8
# Something failed: see the event's status and text.
WICK_END_ERROR = 9
# A NOTE of the host's, from wick_stream_note.
WICK_NOTE_HOST = 0
# A NOTE of the library's: a JSON object, never dropped. Its `event` says what it is about: "rolled", with
# `messages` and `tokens`: so many have gone (WICK_OVERFLOW_ROLL). Skip what you do not know.
WICK_NOTE_LIBRARY = 1
# A TEXT to be shown.
WICK_CHANNEL_ANSWER = 0
# A TEXT of thinking (docs/reasoning.md).
WICK_CHANNEL_REASONING = 1
# A TEXT that is a tool call's markup. The call itself comes as WICK_EVENT_TOOL_CALL.
WICK_CHANNEL_TOOL = 2
# The runtime owns its threads.
WICK_MODE_THREADS = 0
# No thread at all: work is done in wick_runtime_step, and in [BLOCK] calls while they wait.
WICK_MODE_HOST_STEP = 1
# The native backend; candle in a build without it.
WICK_BACKEND_AUTO = 0
# wick's own decoder.
WICK_BACKEND_NATIVE = 1
# candle: a second opinion, slow, without prefix cache, drafts and adapters (wick_model_info says so).
# WICK_E_UNSUPPORTED in a build without it, and for a model with an operation that it lacks, by name.
WICK_BACKEND_CANDLE = 2
# Keys and values as half precision floats.
WICK_KV_F16 = 0
# Keys and values in blocks of 32 signed bytes with a scale (ggml's Q8_0): 0.53 of the bytes.
WICK_KV_Q8_0 = 1
# A full context ends the generation: END (CONTEXT_FULL).
WICK_OVERFLOW_STOP = 0
# Before a turn for which the context has no room whole exchanges go, the oldest first: the user's message and
# all up to the user's next, so that a call of a tool stays with its result. They go until the turn's input,
# its `max_tokens` (which count as half of the context at most) and a quarter of the context are free; without
# `max_tokens` there is room as long as one token of the answer has it. What stays is computed again, but for
# its beginning that stays the same. A NOTE of the library's says what went; END's session_tokens from before
# are void for wick_session_rewind (WICK_E_INVALID_ARGUMENT). A turn that comes to nothing brings all back. If
# nothing more may go and it still does not fit: END (ERROR, CONTEXT_FULL). An answer that fills the context
# ends with END (CONTEXT_FULL). Raw input, and an answer that goes on: as WICK_OVERFLOW_STOP.
WICK_OVERFLOW_ROLL = 1
# No grammar.
WICK_GRAMMAR_NONE = 0
# A JSON schema (docs/grammars.md says which keywords are kept).
WICK_GRAMMAR_JSON_SCHEMA = 1
# A regular expression, Rust's, which the whole answer matches.
WICK_GRAMMAR_REGEX = 2
# A Lark grammar, which begins at `start`.
WICK_GRAMMAR_LARK = 3
# Any JSON value; `grammar` is absent.
WICK_GRAMMAR_JSON = 4
# A GBNF grammar, as llama.cpp has it, which begins at `root`.
WICK_GRAMMAR_GBNF = 5
# The grammar binds everything generated.
WICK_SCOPE_ALL = 0
# Reasoning is free, the grammar binds what follows; no calls.
WICK_SCOPE_ANSWER = 1
# The model may call a tool or not.
WICK_TOOLS_AUTO = 0
# Tools stay in the prompt, a call cannot begin.
WICK_TOOLS_NONE = 1
# The answer is one call, behind what the model thinks, and bound to the tools' schemas (docs/tools.md).
WICK_TOOLS_REQUIRED = 2
# The answer is a call of the tool `tool_name`, bound to its schema.
WICK_TOOLS_NAMED = 3
# A TEXT for each token that gives text.
WICK_CUT_TOKEN = 0
# A TEXT holds whole words, each with the white space behind it.
WICK_CUT_WORD = 1
# A TEXT holds a whole line, with its end.
WICK_CUT_LINE = 2
# A TEXT holds a whole sentence, with the white space behind it.
WICK_CUT_SENTENCE = 3
# Raised when something in this header changes incompatibly: see `wick_runtime_options.abi_version`.
WICK_ABI_VERSION = 1
# A timeout: wait as long as it takes.
WICK_FOREVER = 18446744073709551615
# As `reasoning_budget`: thinking is ended before its first token.
WICK_NO_REASONING = 4294967295


class wick_runtime(Structure):
    """A runtime's handle; id 0 is none. Several live side by side in a process."""

    _fields_ = [("id", c_uint64)]


class wick_queue(Structure):
    """A queue's handle; id 0 is none."""

    _fields_ = [("id", c_uint64)]


class wick_stream(Structure):
    """A stream's handle; id 0 is none. Every stream yields STARTED? (PROGRESS|TEXT|NOTE|TOOL_CALL)*
    END: exactly one END, always last, whatever happens, unless the host closes the stream or its
    queue first. Every stream handed out has to be closed, also after END."""

    _fields_ = [("id", c_uint64)]


class wick_model(Structure):
    """A model's handle; id 0 is none."""

    _fields_ = [("id", c_uint64)]


class wick_adapter(Structure):
    """An adapter's handle; id 0 is none."""

    _fields_ = [("id", c_uint64)]


class wick_session(Structure):
    """A session's handle; id 0 is none."""

    _fields_ = [("id", c_uint64)]

# Frees a `user` pointer. Called exactly once; inside it, [BLOCK] and [EXCL] functions return
# WICK_E_REENTRANT.
wick_drop_fn = CFUNCTYPE(None, c_void_p)

# Takes log lines: `level` 1 error, 2 warning, 3 info, 4 debug, 5 trace; `text` is UTF-8 of `len` bytes, valid
# during the call. Any thread, also concurrently, also inside a call into this library.
wick_log_fn = CFUNCTYPE(None, c_void_p, c_int32, c_void_p, c_size_t)

# Reads `len` bytes (at most 16 MiB) at `offset` into `dst`; 0 on success. Any thread, one call at a time.
wick_read_at_fn = CFUNCTYPE(c_int32, c_void_p, c_uint64, c_void_p, c_uint64)

# Writes `len` bytes (at most 16 MiB) at `offset`, ascending, without gaps; 0 on success. For
# wick_session_save. Any thread, one call at a time.
wick_write_at_fn = CFUNCTYPE(c_int32, c_void_p, c_uint64, c_void_p, c_uint64)


class wick_str(Structure):
    """UTF-8 text: `len` bytes at `ptr`. `len` SIZE_MAX: `ptr` is NUL-terminated. `ptr` NULL: absent
    (`len` must be 0); `ptr` not NULL and `len` 0: present, and empty."""


class wick_runtime_options(Structure):
    """What a runtime is made of. Zero means the default for every field but the first two."""


class wick_error(Structure):
    """Details of a failed call: the caller's own, optional (NULL) everywhere. A call that succeeds
    sets `code` to WICK_OK and an empty message."""


class wick_stats(Structure):
    """A stream's figures; times in nanoseconds. This struct lies inside another: it has no
    struct_size, `reserved` is its room."""


class wick_alternative(Structure):
    """An id that could have come in place of the last one, and the natural logarithm of its
    probability by the model itself: before biases, penalties, grammar, truncation and temperature."""


class wick_event(Structure):
    """One event of a stream. A field that says nothing of this kind of event is zero (`logprob`: NaN;
    `text`: empty)."""


class wick_os_handle(Structure):
    """What an event loop waits on: readable (signalled) exactly while an event, the rest of one, or a
    wake waits. It is the library's until the stream or queue is closed: wait on it, never read,
    write, reset or close it."""


class wick_io(Structure):
    """A model inside a pak file, an archive, an asset, …"""


class wick_model_options(Structure):
    """What a model is loaded from, and how. Exactly one of `path`, `data` and `io`."""


class wick_estimate(Structure):
    """What a model would take, in bytes."""


class wick_message(Structure):
    """One message of a conversation."""


class wick_adapter_options(Structure):
    """What an adapter is loaded from: a GGUF. Exactly one of `path`, `data` and `io`, as in
    wick_model_options."""


class wick_session_options(Structure):
    """What a session is made of."""


class wick_store_options(Structure):
    """Where a session is saved to or restored from. Exactly one of `path` and `io`."""


class wick_sampling(Structure):
    """How tokens are chosen. All zero: greedily. Applied in this order: logit_bias, penalties, DRY,
    grammar, top_n_sigma, top_k, typical_p, top_p, min_p, XTC, temperature (with dynatemp).
    mirostat_tau above 0: top_n_sigma to XTC are left out, mirostat comes after temperature. A value
    out of its range, NaN or infinite is WICK_E_INVALID_ARGUMENT. This struct lies inside another:
    it has no struct_size."""


class wick_logit_bias(Structure):
    """What is added to one token's logit."""


class wick_generate_options(Structure):
    """What is generated, how, and how its events are read. All zero but struct_size: go on from where
    the session is, greedily.

    Reading: no queue and no callback: wick_stream_next. A queue only: wick_queue_next. A callback
    only: it is called on a thread of the runtime (in HOST_STEP: where the runtime's work is done).
    A queue and a callback: it is called inside wick_queue_dispatch."""


class wick_embed_options(Structure):
    """How vectors or scores are computed and read; fields as in wick_generate_options."""


# Takes an event; the pointers in `*event` are valid during the call. Calls for one stream never overlap. It
# has to return: no exception, longjmp or panic may leave it. Inside it, [BLOCK] and [EXCL] functions return
# WICK_E_REENTRANT.
wick_event_fn = CFUNCTYPE(None, c_void_p, POINTER(wick_event))

wick_str._fields_ = [
    # The first byte; NULL: absent.
    ("ptr", c_void_p),
    # Bytes, or SIZE_MAX.
    ("len", c_size_t),
]

wick_runtime_options._fields_ = [
    # sizeof(wick_runtime_options).
    ("struct_size", c_uint32),
    # WICK_ABI_VERSION.
    ("abi_version", c_uint32),
    # WICK_MODE_…
    ("mode", c_uint32),
    # Compute threads, at most 1024; 0: one for each physical core that the process may use, of the
    # performance cores only where the system tells them from slower ones (Linux): all threads wait for the
    # slowest.
    ("threads", c_uint32),
    # Bytes for weights (mapped ones too), keys and values, caches and scratch; 0: no budget. When it is used
    # up: caches go, then keys and values of idle sessions (computed again when needed), then
    # WICK_E_OUT_OF_MEMORY.
    ("memory_budget", c_uint64),
    # Generations computed together, at most 4096; 0: 16.
    ("max_sequences", c_uint32),
    # Generations waiting for a place; 0: 1024.
    ("max_waiting", c_uint32),
    # What the threads' names begin with; absent: "wick".
    ("thread_name", wick_str),
    # Called first (`start` 1) and last (0) on each thread of the runtime; may be NULL.
    ("on_thread", CFUNCTYPE(None, c_void_p, c_int32)),
    # For `on_thread`.
    ("thread_user", c_void_p),
    # Drops `thread_user`, once, at the shutdown.
    ("thread_drop", wick_drop_fn),
    # Takes log lines; may be NULL.
    ("log", wick_log_fn),
    # For `log`.
    ("log_user", c_void_p),
    # Drops `log_user`, once, at the shutdown.
    ("log_drop", wick_drop_fn),
    # The least grave lines that are logged: 1 errors … 5 everything; 0: 2, warnings.
    ("log_level", c_int32),
    # 0.
    ("reserved", c_uint32),
    # THREADS: of each 16.7 ms, the share in percent that the threads compute at most, loads and text apart;
    # 0: 100. In HOST_STEP anything but 0 is WICK_E_UNSUPPORTED: the budget of each step is the pace.
    ("pace_percent", c_uint32),
    # 1: each thread keeps the policy, priority and processors of the thread that starts it; 0: it has the
    # process' own (Linux; elsewhere threads have what the system gives them).
    ("keep_scheduling", c_uint32),
]

wick_error._fields_ = [
    # sizeof(wick_error), set by the caller.
    ("struct_size", c_uint32),
    # What the call returned.
    ("code", c_int32),
    # UTF-8, NUL-terminated, cut at a code point if need be: the thing, the value and the way out.
    ("message", c_char * 248),
]

wick_stats._fields_ = [
    # Tokens before the first generated one: the session's past and the input, cached ones included.
    ("prompt_tokens", c_uint32),
    # Those of them whose keys and values were there already, by the session itself or by others that begin
    # alike.
    ("cached_tokens", c_uint32),
    # Generated tokens.
    ("output_tokens", c_uint32),
    # The session's length now: what wick_session_rewind takes.
    ("session_tokens", c_uint32),
    # From wick_generate to STARTED.
    ("queue_ns", c_uint64),
    # From STARTED to the first sampled token, with prefill_only to END.
    ("prefill_ns", c_uint64),
    # From wick_generate to the first TEXT being readable.
    ("ttft_ns", c_uint64),
    # From the first sampled token to the last.
    ("decode_ns", c_uint64),
    # The longest time between two generated tokens.
    ("max_gap_ns", c_uint64),
    # The effective seed.
    ("seed", c_uint64),
    # Unread notes that were dropped.
    ("notes_dropped", c_uint64),
    # Tokens that were drafted: computed together with the one before them, since the text seemed to repeat
    # itself.
    ("draft_tokens", c_uint64),
    # Those of them that were then chosen: each saved a pass.
    ("draft_accepted", c_uint64),
    # 0.
    ("reserved", c_uint64 * 3),
]

wick_alternative._fields_ = [
    # The token.
    ("token", c_uint32),
    # Natural logarithm of its probability.
    ("logprob", c_float),
]

wick_event._fields_ = [
    # sizeof(wick_event), set by the caller.
    ("struct_size", c_uint32),
    # WICK_EVENT_…
    ("kind", c_uint16),
    # END: WICK_END_…
    ("end_reason", c_uint16),
    # Whose event it is.
    ("stream", wick_stream),
    # As given when the stream was started.
    ("user", c_void_p),
    # 0, 1, 2, … without a gap; END is the last.
    ("seq", c_uint64),
    # When it happened, since the stream was started.
    ("time_ns", c_uint64),
    # TEXT, NOTE: whole UTF-8 code points; TOOL_CALL: JSON; END: the stop string or the error's text. A NUL
    # follows it.
    ("text", c_void_p),
    # Bytes of `text`, without the NUL.
    ("text_len", c_size_t),
    # TEXT: the ids behind this text.
    ("tokens", POINTER(c_uint32)),
    # How many ids there are at `tokens`.
    ("token_count", c_uint32),
    # TEXT: natural logarithm of the last id's probability, if asked for; else NaN.
    ("logprob", c_float),
    # PROGRESS: bytes or tokens so far. VECTOR: the text's index.
    ("done", c_uint64),
    # PROGRESS: bytes or tokens in all. VECTOR: how many texts there are.
    ("total", c_uint64),
    # END: the error if `end_reason` is WICK_END_ERROR, else WICK_OK.
    ("status", c_int32),
    # TEXT: WICK_CHANNEL_…; NOTE: WICK_NOTE_…
    ("channel", c_uint16),
    # 1: the text, the ids or the values go on in this stream's next event.
    ("more", c_uint16),
    # END: the final figures; else as of now.
    ("stats", wick_stats),
    # TEXT with top_logprobs: the likeliest ids in place of the last one, in order; the last one is among them
    # where it is one of these. NULL for ids of `answer_prefix`.
    ("alternatives", POINTER(wick_alternative)),
    # How many there are at `alternatives`.
    ("alternative_count", c_uint32),
    # How many there are at `values`.
    ("value_count", c_uint32),
    # VECTOR: `value_count` floats, L2-normalised; of wick_rerank_start the score. `done` is the text's index.
    ("values", POINTER(c_float)),
]

wick_os_handle._fields_ = [
    # A file descriptor on Unix, else -1.
    ("fd", c_int32),
    # A manual-reset event's HANDLE on Windows, else NULL.
    ("event", c_void_p),
]

wick_io._fields_ = [
    # sizeof(wick_io).
    ("struct_size", c_uint32),
    # 0.
    ("flags", c_uint32),
    # Bytes in all; for wick_session_save without meaning.
    ("size", c_uint64),
    # Reads a part; for wick_session_save without meaning.
    ("read_at", wick_read_at_fn),
    # For wick_session_save, which writes with it; else NULL.
    ("write_at", wick_write_at_fn),
    # For both functions.
    ("user", c_void_p),
    # Drops `user`, once, when nothing is read or written any more.
    ("drop", wick_drop_fn),
]

wick_model_options._fields_ = [
    # sizeof(wick_model_options).
    ("struct_size", c_uint32),
    # WICK_BACKEND_…
    ("backend", c_uint32),
    # A .gguf file; or a folder with safetensors, config.json and tokenizer.json, in builds with the feature
    # folders: WICK_E_UNSUPPORTED in others.
    ("path", wick_str),
    # Where in the file the .gguf begins: in bytes.
    ("path_offset", c_uint64),
    # Bytes that it takes; 0: up to the end of the file.
    ("path_size", c_uint64),
    # The bytes of a .gguf: borrowed until `data_drop` is called.
    ("data", c_void_p),
    # Bytes at `data`.
    ("data_len", c_size_t),
    # For `data_drop`.
    ("data_user", c_void_p),
    # Called once, with `data_user`, when `data` is not needed any more.
    ("data_drop", wick_drop_fn),
    # A reader of a .gguf.
    ("io", POINTER(wick_io)),
    # 1: read into owned memory instead of mapping: for files that may change under us.
    ("no_mmap", c_uint8),
    # 1: tokenizer and chat template only (counting tokens); sessions are refused.
    ("vocab_only", c_uint8),
    # 1: sessions share no keys and values, and none are kept for later ones; 0: the beginning that a
    # session's tokens have in common with those of another of the model, live, cleared or closed, is not
    # computed again. Answers are the same bits. The candle backend shares nothing: a fork, a rewind and a
    # restored session are computed again from their tokens.
    ("no_prefix_cache", c_uint8),
    # 0.
    ("reserved", c_uint8),
    # The most tokens of context; 0: the model's own.
    ("context_length", c_uint32),
    # Keys and values that may be kept for reuse while no session uses them, in bytes; 0: those of one whole
    # context, at most a quarter of the memory budget and 512 MiB. The budget counts them; they give way to
    # what sessions need, and to wick_runtime_trim.
    ("prefix_cache_bytes", c_uint64),
    # Jinja text that replaces the model's own chat template, or the name of a built-in one: "chatml",
    # "llama2", "llama3", "gemma", "phi3", "mistral", "zephyr"; absent: the model's own.
    ("chat_template", wick_str),
    # How the load's events are read: as in wick_generate_options.
    ("queue", wick_queue),
    # As in wick_generate_options.
    ("on_event", wick_event_fn),
    # As in wick_generate_options.
    ("user", c_void_p),
    # As in wick_generate_options.
    ("drop", wick_drop_fn),
    # 0.
    ("reserved2", c_uint64),
    # What keys and values are kept as: WICK_KV_F16, or WICK_KV_Q8_0, which takes 0.53 of its bytes. Answers
    # of the two are not the same bits. The candle backend has f16 alone: else the load ends with
    # WICK_E_UNSUPPORTED. A save's keys and values of the other type are computed again.
    ("kv_type", c_uint32),
    # 1: a mapped file's pages are brought in before END (READY), with progress, so that the first prompt need
    # not wait for the disk.
    ("preload", c_uint8),
    # 1: sampling fields that are 0 take what the file says (general.sampling.…). A negative temperature is
    # then greedy, other negative fields are off, but for penalty_last_n. A file whose values are out of range
    # ends its load with WICK_E_MODEL_INVALID.
    ("sampling_from_model", c_uint8),
    # 1: no speculation in this model's sessions; 0: where a text repeats what its session has said or read,
    # or what another of the model has said, several tokens are computed at once, as long as that is quicker.
    # The text is the same; its pace and `draft_accepted` may hint at what the others said.
    ("no_drafts", c_uint8),
    # 0.
    ("reserved1", c_uint8),
]

wick_estimate._fields_ = [
    # sizeof(wick_estimate), set by the caller.
    ("struct_size", c_uint32),
    # 0.
    ("reserved", c_uint32),
    # The file, or all files of a split model.
    ("file_bytes", c_uint64),
    # Weights, mapped or owned, with the header's metadata.
    ("weight_bytes", c_uint64),
    # Keys and values of all sessions, and, of layers with a window, what the prefix cache keeps of those
    # behind it.
    ("kv_bytes", c_uint64),
    # Recurrent states and their snapshots; 0 for a model without.
    ("state_bytes", c_uint64),
    # What passes compute in: the largest one of so many sessions.
    ("scratch_bytes", c_uint64),
    # What the memory budget will count: weights, keys and values, states and scratch.
    ("total_bytes", c_uint64),
    # 0.
    ("reserved1", c_uint64 * 4),
]

wick_message._fields_ = [
    # Who speaks: "system", "user", "assistant", "tool", … Has to be there.
    ("role", wick_str),
    # What is said; absent (a NULL text): the template sees none, unless `extra_json` has one.
    ("content", wick_str),
    # A JSON object with further fields for the template (tool_calls, tool_call_id, name, reasoning_content,
    # …), or absent.
    ("extra_json", wick_str),
]

wick_adapter_options._fields_ = [
    # sizeof(wick_adapter_options).
    ("struct_size", c_uint32),
    # 0.
    ("reserved", c_uint32),
    # A .gguf file.
    ("path", wick_str),
    # Where in the file the .gguf begins: in bytes.
    ("path_offset", c_uint64),
    # Bytes that it takes; 0: up to the end of the file.
    ("path_size", c_uint64),
    # The bytes of a .gguf: borrowed until `data_drop` is called.
    ("data", c_void_p),
    # Bytes at `data`.
    ("data_len", c_size_t),
    # For `data_drop`.
    ("data_user", c_void_p),
    # Called once, with `data_user`, when `data` is not needed any more.
    ("data_drop", wick_drop_fn),
    # A reader of a .gguf.
    ("io", POINTER(wick_io)),
    # How the load's events are read: as in wick_generate_options.
    ("queue", wick_queue),
    # As in wick_generate_options.
    ("on_event", wick_event_fn),
    # As in wick_generate_options.
    ("user", c_void_p),
    # As in wick_generate_options.
    ("drop", wick_drop_fn),
]

wick_session_options._fields_ = [
    # sizeof(wick_session_options).
    ("struct_size", c_uint32),
    # The most tokens; 0: the model's context. More than that: WICK_E_INVALID_ARGUMENT or, while the model
    # loads, END (ERROR) of the generations.
    ("context_length", c_uint32),
    # The persona: a system message before all others that belongs to the session, so that neither a cancelled
    # turn nor a clear loses it; absent: none. Such a session takes messages only, and no system message as
    # the conversation's first.
    ("system", wick_str),
    # JSON: tools for the template in every turn, until a generation brings its own; a clear brings these
    # back. Absent: none.
    ("tools_json", wick_str),
    # A JSON object: more variables for the template in every turn, until a generation brings its own; a clear
    # brings these back. Absent: none.
    ("template_json", wick_str),
    # WICK_OVERFLOW_STOP or WICK_OVERFLOW_ROLL.
    ("overflow", c_uint32),
    # With WICK_OVERFLOW_ROLL: so many messages stay too, and the rest of the exchange that they end in. The
    # system and developer messages that the conversation begins with stay anyway, and do not count. With
    # WICK_OVERFLOW_STOP anything but 0 is WICK_E_INVALID_ARGUMENT.
    ("pinned_messages", c_uint32),
    # An adapter of the same model, loaded or loading; id 0: none. Sessions share keys and values only where
    # adapter and scale are the same.
    ("adapter", wick_adapter),
    # How strongly the session takes it, besides its own alpha / rank; finite; 0: 1.
    ("adapter_scale", c_float),
    # 0.
    ("reserved", c_uint32),
]

wick_store_options._fields_ = [
    # sizeof(wick_store_options).
    ("struct_size", c_uint32),
    # 1: with keys and values: large, and no prefill after a restore; 0: tokens and messages only. Where a
    # backend's cannot be copied (candle) the save is made without them.
    ("with_kv", c_uint8),
    # 0.
    ("reserved", c_uint8 * 3),
    # A file, written atomically.
    ("path", wick_str),
    # Or the host's own storage.
    ("io", POINTER(wick_io)),
    # How the events are read: as in wick_generate_options.
    ("queue", wick_queue),
    # As in wick_generate_options.
    ("on_event", wick_event_fn),
    # As in wick_generate_options.
    ("user", c_void_p),
    # As in wick_generate_options.
    ("drop", wick_drop_fn),
    # wick_session_restore, wick_model_warm: the adapter that it was saved with, known by its content; id 0:
    # none. None or another: END (ERROR, UNSUPPORTED). wick_session_save: id 0.
    ("adapter", wick_adapter),
]

wick_sampling._fields_ = [
    # 0 or more. 0: greedy. Above: logits are divided by it before the draw.
    ("temperature", c_float),
    # 0 to 1. Keeps the likeliest tokens whose probabilities add up to this; 0 or 1: off.
    ("top_p", c_float),
    # 0 to 1. Keeps tokens at least this fraction as likely as the likeliest; 0: off.
    ("min_p", c_float),
    # 0 to 1. Keeps the tokens closest to the expected information that add up to this (Meister et al., 2022);
    # 0 or 1: off.
    ("typical_p", c_float),
    # 0 or more. Keeps the k likeliest tokens; 0: off.
    ("top_k", c_int32),
    # 0 or more. Tokens seen: positive logits are divided by it, others multiplied; 0 or 1: off.
    ("repeat_penalty", c_float),
    # Tokens seen: subtracted from the logit once; 0: off.
    ("presence_penalty", c_float),
    # Tokens seen: subtracted from the logit once per occurrence; 0: off.
    ("frequency_penalty", c_float),
    # -1 or more. How many of the last tokens count as seen; 0: 64; -1: all.
    ("penalty_last_n", c_int32),
    # Begins the random numbers; 0: random, and reported in wick_stats.
    ("seed", c_uint64),
    # DRY, 0 or more: a token that would go on with a repetition loses this times dry_base to the power of how
    # many tokens the repetition is longer than dry_allowed_length; 0: off. Newline, ':', '"' and '*' end a
    # repetition.
    ("dry_multiplier", c_float),
    # DRY: 1 or more; 0: 1.75.
    ("dry_base", c_float),
    # DRY, 0 or more: the shortest repetition that is penalized, in tokens; 0: 2.
    ("dry_allowed_length", c_int32),
    # DRY, -1 or more: how many of the last tokens are looked at; 0 or -1: the whole context.
    ("dry_last_n", c_int32),
    # XTC, 0 to 1: how often, of the tokens that are likely, only the least likely stays; 0: off.
    ("xtc_probability", c_float),
    # XTC, 0 to 1: from which probability on a token counts as likely; 0: 0.1.
    ("xtc_threshold", c_float),
    # 0 or more. Keeps the tokens whose logit is at most this many standard deviations below the highest; 0:
    # off.
    ("top_n_sigma", c_float),
    # Mirostat 2, 0 or more: the surprise of a token that is aimed at, in bits; 0: off.
    ("mirostat_tau", c_float),
    # Mirostat 2, 0 or more: how fast it follows; 0: 0.1.
    ("mirostat_eta", c_float),
    # Dynamic temperature, 0 or more: the temperature is between this much lower and this much higher, by how
    # flat the distribution is; 0: off.
    ("dynatemp_range", c_float),
    # Dynamic temperature, 0 or more: the flatness (0 to 1) to this power; 0: 1.
    ("dynatemp_exponent", c_float),
    # 0.
    ("reserved", c_uint32),
]

wick_logit_bias._fields_ = [
    # The token.
    ("token", c_uint32),
    # Added to its logit; -INFINITY forbids it.
    ("bias", c_float),
]

wick_generate_options._fields_ = [
    # sizeof(wick_generate_options).
    ("struct_size", c_uint32),
    # Tokens to generate at most; 0: until the context is full.
    ("max_tokens", c_uint32),
    # Higher is computed first.
    ("priority", c_int32),
    # 0.
    ("reserved0", c_uint32),
    # Raw text, appended: in two pieces it is as in one, but for words that are cut. A session's first gets
    # BOS where the model's file says so, and SentencePiece's space; BOS never twice. The text of control
    # tokens in it is plain text, but with `parse_special`: set that for a text from wick_model_render. At
    # most one of prompt, messages and prompt_tokens; none: the session goes on where it ended, in the middle
    # of a character too (END (LENGTH, CANCELLED, DEADLINE) shows only whole ones), and a conversation that
    # ends with what the host gave opens the assistant's turn.
    ("prompt", wick_str),
    # The new messages: appended to the conversation, through the model's chat template.
    ("messages", POINTER(wick_message)),
    # How many messages there are.
    ("message_count", c_size_t),
    # Ids, appended as they are.
    ("prompt_tokens", POINTER(c_uint32)),
    # How many ids there are.
    ("prompt_token_count", c_size_t),
    # With messages: tools for the template, JSON, in place of the session's from this turn on, whole; "[]":
    # none. Absent: those in force.
    ("tools_json", wick_str),
    # With messages: a JSON object, more variables for the template, in place of the session's from this turn
    # on, whole; "{}": none. Absent: those in force.
    ("template_json", wick_str),
    # How tokens are chosen.
    ("sampling", wick_sampling),
    # Stop strings: the answer ends before the first of them. The text of a control token counts, whole,
    # though it is not shown.
    ("stop", POINTER(wick_str)),
    # How many stop strings there are.
    ("stop_count", c_size_t),
    # What is added to single tokens' logits before all else; of a token that is named twice both.
    ("logit_bias", POINTER(wick_logit_bias)),
    # How many biases there are.
    ("logit_bias_count", c_size_t),
    # WICK_GRAMMAR_…: what everything generated follows, from the first token, answer_prefix included. What
    # cannot be compiled or honoured is END (ERROR, WICK_E_GRAMMAR), whose text names the keyword and its
    # place; what the grammar completes is END (STOP). Nothing with prefill_only.
    ("grammar_kind", c_uint32),
    # The grammar; absent for WICK_GRAMMAR_NONE and WICK_GRAMMAR_JSON.
    ("grammar", wick_str),
    # From now, in nanoseconds, until the generation ends at the latest; 0: none.
    ("deadline_ns", c_uint64),
    # Unread events after which this generation pauses; 0: never.
    ("buffer_events", c_uint32),
    # 1: each TEXT carries exactly one id, and its logprob (NaN for those of `answer_prefix`); its text may be
    # empty.
    ("logprobs", c_uint8),
    # 1: control tokens show as their text.
    ("echo_special", c_uint8),
    # 1: end-of-generation tokens are tokens like others.
    ("ignore_eos", c_uint8),
    # 1: compute the keys and values of the input, without a generation prompt, and generate nothing: END
    # (READY). A generation without input then opens the assistant's turn.
    ("prefill_only", c_uint8),
    # 1: the text of control tokens in `prompt` counts as these tokens. In messages it never does.
    ("parse_special", c_uint8),
    # 0.
    ("reserved", c_uint8 * 3),
    # The queue that the events are read through; id 0: none.
    ("queue", wick_queue),
    # Takes the events; may be NULL.
    ("on_event", wick_event_fn),
    # Comes back with every event.
    ("user", c_void_p),
    # Drops `user`, once: after the END callback or when the stream is closed, whichever is first; without a
    # callback when it is closed.
    ("drop", wick_drop_fn),
    # With messages: Unix seconds for the template's strftime_now; 0: the clock at the session's first turn.
    ("template_time", c_int64),
    # In a conversation, also going on without input: the answer begins so, no reasoning comes before it;
    # empty: none. It is TEXT (with its ids) together with the first generated token, and no output_tokens;
    # part of the assistant's message, and of prompt_tokens. Plain text: control tokens written in it never
    # count as such, and no stop string is looked for in it. WICK_E_INVALID_ARGUMENT with prompt,
    # prompt_tokens or prefill_only, and without input where the session holds raw input.
    ("answer_prefix", wick_str),
    # WICK_SCOPE_…: what of it the grammar binds. With WICK_SCOPE_ANSWER an answer that ends inside of the
    # reasoning, other than by its length, is END (ERROR, WICK_E_GRAMMAR); without messages, or where the
    # model's template knows no reasoning, it is as WICK_SCOPE_ALL.
    ("grammar_scope", c_uint32),
    # In a conversation: WICK_TOOLS_…. WICK_TOOLS_REQUIRED and WICK_TOOLS_NAMED are WICK_E_INVALID_ARGUMENT
    # with a grammar or an answer_prefix, END (ERROR, WICK_E_INVALID_ARGUMENT) without tools in force, and
    # nothing with prefill_only.
    ("tool_choice", c_uint32),
    # With WICK_TOOLS_NAMED the tool's name, one of those in force, else END (ERROR, WICK_E_INVALID_ARGUMENT);
    # otherwise absent.
    ("tool_name", wick_str),
    # With messages: tokens of thinking at most, then what ends it is said in the model's place, at a whole
    # character (docs/reasoning.md). 0: no limit; WICK_NO_REASONING: ended before its first token.
    ("reasoning_budget", c_uint32),
    # WICK_CUT_…: what a TEXT is. A piece comes when what follows shows that it is whole, after 400 characters
    # whole or not, and at the end; the pieces are the same whatever the tokens are. Its ids are those whose
    # text begins in it. With logprobs or top_logprobs only WICK_CUT_TOKEN.
    ("cut", c_uint32),
    # Alternatives per id, at most 20: how many of the model's likeliest tokens each TEXT names in
    # `alternatives`. Above 0 it implies `logprobs`.
    ("top_logprobs", c_uint32),
    # Tokens that come in a second at most; 0: as fast as it goes. The first comes as soon as it can; each of
    # the others no earlier than its time, and nothing is computed before.
    ("max_tokens_per_second", c_uint32),
]

wick_embed_options._fields_ = [
    # sizeof(wick_embed_options).
    ("struct_size", c_uint32),
    # Higher is computed first.
    ("priority", c_int32),
    # From now, in nanoseconds, until it ends at the latest; 0: none.
    ("deadline_ns", c_uint64),
    # Unread events after which it pauses; 0: never.
    ("buffer_events", c_uint32),
    # 0.
    ("reserved", c_uint32),
    # The queue that the events are read through; id 0: none.
    ("queue", wick_queue),
    # Takes the events; may be NULL.
    ("on_event", wick_event_fn),
    # Comes back with every event.
    ("user", c_void_p),
    # Drops `user`, once.
    ("drop", wick_drop_fn),
]

# Result and parameters of each function.
FUNCTIONS = {
    #  The name of a status, "WICK_E_IO"; "WICK_E_UNKNOWN" or "WICK_UNKNOWN" for a value that this release
    # does not know. Static.
    "wick_status_name": (
        c_char_p,
        [
            c_int32,  # status
        ],
    ),
    #  WICK_ABI_VERSION of the library that is linked.
    "wick_abi_version": (
        c_uint32,
        [
        ],
    ),
    #  The version of the library that is linked, such as "0.1.0". Static.
    "wick_version": (
        c_char_p,
        [
        ],
    ),
    #  What this build is, as JSON: `version`, `abi_version` (integer), `features` and `backends` (arrays of
    # strings), `kernels` (what this CPU computes with: "scalar", "avx2", "avxvnni", "avx512", "neon",
    # "neoni8mm"), `target` ("x86_64-linux"), `debug` (boolean). Later releases may add keys, here and in the
    # other info calls. `(json, cap, needed)`: `*needed`, unless NULL, is set to the bytes of the whole text
    # without its NUL; WICK_E_BUFFER_TOO_SMALL if `cap` is not more than that.
    "wick_build_info": (
        c_int32,
        [
            c_void_p,  # json
            c_size_t,  # cap
            POINTER(c_size_t),  # needed
        ],
    ),
    # [ANY] A running runtime. WICK_E_INVALID_ARGUMENT for an option out of range or another ABI version;
    # WICK_E_OUT_OF_MEMORY if the system refuses a thread. If it fails, thread_drop and log_drop have been
    # called.
    "wick_runtime_create": (
        c_int32,
        [
            POINTER(wick_runtime_options),  # options
            POINTER(wick_runtime),  # out
            POINTER(wick_error),  # error
        ],
    ),
    # [EXCL] HOST_STEP only (else WICK_E_UNSUPPORTED): runs the runtime's work, callbacks included, on this
    # thread for about `budget_ns`, at least one slice. WICK_MORE: call again; WICK_EMPTY: idle.
    # `*next_wake_ns`, unless NULL, says in how many nanoseconds something is due: 0 with WICK_MORE,
    # WICK_FOREVER if nothing is.
    "wick_runtime_step": (
        c_int32,
        [
            wick_runtime,  # runtime
            c_uint64,  # budget_ns
            POINTER(c_uint64),  # next_wake_ns
        ],
    ),
    # [ANY] From the next slice on the threads compute `percent` of each 16.7 ms at most; 0: 100.
    # WICK_E_INVALID_ARGUMENT beyond 100; WICK_E_UNSUPPORTED in HOST_STEP.
    "wick_runtime_set_pace": (
        c_int32,
        [
            wick_runtime,  # runtime
            c_uint32,  # percent
        ],
    ),
    # [ANY] Stops computing within a slice; events, cancel, deadlines, close and shutdown still work. Not
    # counted.
    "wick_runtime_pause": (
        c_int32,
        [
            wick_runtime,  # runtime
        ],
    ),
    # [ANY] Computes again.
    "wick_runtime_resume": (
        c_int32,
        [
            wick_runtime,  # runtime
        ],
    ),
    # [ANY] Gives back memory whose contents can be computed again: prefixes that no session uses, keys and
    # values of idle sessions, and what passes work in. For the system's low-memory warning. Returns at once;
    # what a pass under way holds comes back behind it.
    "wick_runtime_trim": (
        c_int32,
        [
            wick_runtime,  # runtime
        ],
    ),
    # [ANY] Counts, memory and queues as JSON; never waits for compute: `version`; `mode` ("threads",
    # "host_step"); `state` ("running", "shutting down"); `threads` (array: the names of those that run);
    # `generations` {`live`, `running`, `waiting`}; `limits` {`max_sequences`, `max_waiting`}; `passes`
    # (computed so far); `memory` {`weights`, `kv_and_scratch` (with those of prefixes that no session uses),
    # `budget`} in bytes, `budget` null if there is none; `queues` {`count`, `streams` (array: how many
    # streams each queue has)}. All else are integers. `(json, cap, needed)` as in wick_build_info.
    "wick_runtime_info": (
        c_int32,
        [
            wick_runtime,  # runtime
            c_void_p,  # json
            c_size_t,  # cap
            POINTER(c_size_t),  # needed
        ],
    ),
    # [ANY] [BLOCK] Ends every live stream with SHUTDOWN, takes nothing new, and joins the threads. WICK_OK:
    # none of this runtime's threads runs, no callback can run save by wick_queue_dispatch, its drop functions
    # have run, its memory is returned, and the handles of it, its models and its sessions are stale. Streams
    # and queues stay readable, and keep their drops, until they are closed; close them before you unload the
    # code of their callbacks. WICK_E_TIMEOUT: not all has ended after `timeout_ns`; call again.
    "wick_runtime_shutdown": (
        c_int32,
        [
            wick_runtime,  # runtime
            c_uint64,  # timeout_ns
        ],
    ),
    # [ANY] A queue of this runtime. It ends with the runtime, and stays readable until it is closed.
    "wick_queue_create": (
        c_int32,
        [
            wick_runtime,  # runtime
            POINTER(wick_queue),  # out
            POINTER(wick_error),  # error
        ],
    ),
    # [EXCL] [BLOCK] The next event of the queue's streams without a callback; streams take turns. Events,
    # `buf` and `timeout_ns` as in wick_stream_next. WICK_EMPTY: nothing came, or a wake. WICK_ENDED: the
    # runtime is shut down and every END was read. WICK_E_STALE_HANDLE at once when the queue is closed
    # meanwhile.
    "wick_queue_next": (
        c_int32,
        [
            wick_queue,  # queue
            POINTER(wick_event),  # event
            c_void_p,  # buf
            c_size_t,  # cap
            c_uint64,  # timeout_ns
        ],
    ),
    # [EXCL] Runs callbacks of the queue's streams on the calling thread, for events that were there at the
    # call: at most `max_events` (0: no limit), for about `budget_ns` (0: no limit). WICK_EMPTY: none is left;
    # WICK_MORE: some are; WICK_ENDED: the runtime is shut down and every END was delivered.
    "wick_queue_dispatch": (
        c_int32,
        [
            wick_queue,  # queue
            c_uint32,  # max_events
            c_uint64,  # budget_ns
        ],
    ),
    # [ANY] Wakes the queue's reader: the current or next call that finds no event takes the wake and returns
    # WICK_EMPTY at once. Sticky, not counted.
    "wick_queue_wake": (
        c_int32,
        [
            wick_queue,  # queue
        ],
    ),
    # [ANY] What an event loop waits on for this queue: readable exactly while an event of any of its streams,
    # the rest of one, or a wake waits. The same each time. WICK_E_IO if the system has no descriptor left.
    "wick_queue_os_handle": (
        c_int32,
        [
            wick_queue,  # queue
            POINTER(wick_os_handle),  # out
        ],
    ),
    # [ANY] Closes the queue and all its streams, ended or not, as wick_stream_close does: their handles are
    # stale too.
    "wick_queue_close": (
        c_int32,
        [
            wick_queue,  # queue
        ],
    ),
    # [ANY] Starts to load a model and returns at once. The load is a stream of PROGRESS and one END (READY,
    # CANCELLED, ERROR, …). Sessions and generations may be made at once: they wait for it;
    # wick_model_tokenize, _detokenize and _render return WICK_E_BUSY until then; after a failed load
    # everything returns its error. `load` NULL, for who has no use for the stream: the outcome shows in the
    # generations. Else keep it open: closing `load` before its END cancels the load. With NULL the stream, if
    # it has a callback or a queue, closes itself after its END: read with wick_queue_next, at the next call
    # for that queue. If this fails, `drop`, `data_drop` and the drop of `io` have been called.
    "wick_model_load": (
        c_int32,
        [
            wick_runtime,  # runtime
            POINTER(wick_model_options),  # options
            POINTER(wick_model),  # out
            POINTER(wick_stream),  # load
            POINTER(wick_error),  # error
        ],
    ),
    # [ANY] What is known of the model, as JSON: `state` ("loading": nothing else is known yet; "ready"),
    # `name`, `architecture`, `backend` ("native", "candle", "none" with vocab_only, "fake" for the tests'
    # model), `parameters`, `quantisation` (the tensor type of most weights), `context_length`,
    # `embedding_length`, `vocab_size`, `bos_id` (null if there is none), `adds_bos` (boolean: raw text gets
    # it), `eos_ids` (array: what ends an answer), `weight_bytes`, `weights` (where they are: "mapped": pages
    # of the file that the system can drop; "huge": moved to huge pages; "partly": some of them; "owned": read
    # into memory, or the host's; "none"), `mapped_bytes` and `huge_bytes` of them, `kv_bytes_per_token`,
    # `chat_template` (boolean: there is one), `suppressed_ids` (array: what no answer says), `sampling` (what
    # the file recommends, where it says so: `temperature`, `top_p`, `min_p`, `repeat_penalty` as floats,
    # `top_k`, `penalty_last_n`), `encodes` (boolean: it makes one vector of a text and generates none, so
    # that generations end with WICK_E_UNSUPPORTED), `prefix_cache` (boolean: its sessions share what they
    # have computed), `drafts` (boolean: they may compute several tokens at once), `adapters` (boolean: it
    # takes them): false where its backend cannot, or where its options say no; `vector_length` (of a text's
    # vector, 0: it makes none), `ranks` (boolean: it scores texts for a query). Names are strings, all else
    # are integers. `(json, cap, needed)` as in wick_build_info. After a failed load: its error.
    "wick_model_info": (
        c_int32,
        [
            wick_model,  # model
            c_void_p,  # json
            c_size_t,  # cap
            POINTER(c_size_t),  # needed
        ],
    ),
    # [ANY] Leaves the weights of a mapped file where they are, from now on; call it right after
    # wick_model_load for all of them. They stay pages that other processes share and that the system may
    # drop. Else they move to huge pages of this process' own behind the first token, which makes every later
    # one sooner (Linux 6.1 and later), as far as the system and the process' memory cgroups have room to
    # spare for all of them.
    "wick_model_keep_mapped": (
        c_int32,
        [
            wick_model,  # model
        ],
    ),
    # [ANY] Lets go of the model; never blocks. Sessions keep what they need; a load without any is cancelled.
    "wick_model_close": (
        c_int32,
        [
            wick_model,  # model
        ],
    ),
    # [ANY] [BLOCK] What a model would take in this runtime, by its header alone, which takes milliseconds:
    # the bytes that its memory budget will count when `sequences` sessions (0: 1) that have nothing in common
    # are full, of `context` tokens each (0: the model's). A mapped file's weights count as owned ones do. Not
    # counted: other models, and what only takes room that is there: weights on their way to huge pages, and
    # the logits of drafts. Takes nothing: no drop function is called, `data` and `io` are used during the
    # call only; queue, on_event and user are ignored. With vocab_only all but `file_bytes` is 0. Errors as
    # the load's END would have them, but for the budget; WICK_E_UNSUPPORTED also for the candle backend;
    # WICK_E_INVALID_ARGUMENT for a context beyond the model's; WICK_E_TIMEOUT: the header was not read after
    # `timeout_ns`, which is looked at between two reads.
    "wick_model_estimate": (
        c_int32,
        [
            wick_runtime,  # runtime
            POINTER(wick_model_options),  # options
            c_uint32,  # context
            c_uint32,  # sequences
            POINTER(wick_estimate),  # out
            c_uint64,  # timeout_ns
            POINTER(wick_error),  # error
        ],
    ),
    # [ANY] The ids of `text`. `add_special` 1: with BOS and EOS where the model's file says so;
    # `parse_special` 1: the text of control tokens counts as such. `(ids, cap, needed)`: `*needed`, unless
    # NULL, is set to the count of all ids. WICK_E_BUSY while the model loads.
    "wick_model_tokenize": (
        c_int32,
        [
            wick_model,  # model
            wick_str,  # text
            c_int32,  # add_special
            c_int32,  # parse_special
            POINTER(c_uint32),  # ids
            c_size_t,  # cap
            POINTER(c_size_t),  # needed
            POINTER(wick_error),  # error
        ],
    ),
    # [ANY] The text of `count` ids, as a stream gives it; `special` 1: with the text of control tokens.
    # `(buf, cap, needed)` as in wick_build_info. WICK_E_INVALID_ARGUMENT for an id beyond the vocabulary;
    # WICK_E_BUSY while the model loads.
    "wick_model_detokenize": (
        c_int32,
        [
            wick_model,  # model
            POINTER(c_uint32),  # ids
            c_size_t,  # count
            c_int32,  # special
            c_void_p,  # buf
            c_size_t,  # cap
            POINTER(c_size_t),  # needed
            POINTER(wick_error),  # error
        ],
    ),
    # [ANY] How many ids `text` has: what wick_model_tokenize would give. WICK_E_BUSY while the model loads.
    "wick_model_count_tokens": (
        c_int32,
        [
            wick_model,  # model
            wick_str,  # text
            c_int32,  # add_special
            c_int32,  # parse_special
            POINTER(c_size_t),  # count
            POINTER(wick_error),  # error
        ],
    ),
    # [ANY] `count` messages through the model's chat template. `tools_json`: the template's tools, JSON, or
    # absent; `template_json`: an object, more variables for the template, or absent; `add_generation_prompt`
    # 1: opens the assistant's turn. To generate from the text, or from what begins with it, give it as
    # `prompt` with parse_special 1: BOS is not doubled; without, its control tokens are plain text. `(buf,
    # cap, needed)` as in wick_build_info. WICK_E_TEMPLATE if there is no template or it fails; WICK_E_BUSY
    # while the model loads.
    "wick_model_render": (
        c_int32,
        [
            wick_model,  # model
            POINTER(wick_message),  # messages
            c_size_t,  # count
            wick_str,  # tools_json
            wick_str,  # template_json
            c_int32,  # add_generation_prompt
            c_void_p,  # buf
            c_size_t,  # cap
            POINTER(c_size_t),  # needed
            POINTER(wick_error),  # error
        ],
    ),
    # [ANY] How many tokens `count` messages are through the model's chat template, as the first of a session:
    # the prompt_tokens of a generation with these messages, if `add_generation_prompt` is 1. The rest as in
    # wick_model_render. WICK_E_BUSY while the model loads.
    "wick_model_count_messages": (
        c_int32,
        [
            wick_model,  # model
            POINTER(wick_message),  # messages
            c_size_t,  # count
            wick_str,  # tools_json
            wick_str,  # template_json
            c_int32,  # add_generation_prompt
            POINTER(c_size_t),  # tokens
            POINTER(wick_error),  # error
        ],
    ),
    # [ANY] Starts to load an adapter for `model` out of a GGUF of low-rank matrices (LoRA); returns at once.
    # A stream like a model's load: PROGRESS in bytes and END; `stream` may be NULL; closing it before END
    # cancels the load. Sessions may be made with the adapter at once: their generations wait for it, and end
    # with its error if it fails. The load waits for the model's. What the adapter holds counts in the memory
    # budget and is never evicted; of its file nothing is needed behind the END. END (ERROR):
    # WICK_E_UNSUPPORTED for another architecture's adapter, one of another kind, one that changes what
    # adapters may not change (the embedding, norms), and for a model whose backend computes none;
    # WICK_E_MODEL_INVALID for what is no adapter, or for a tensor that is missing or of another shape, by
    # name; WICK_E_OUT_OF_MEMORY; WICK_E_IO.
    "wick_adapter_load": (
        c_int32,
        [
            wick_model,  # model
            POINTER(wick_adapter_options),  # options
            POINTER(wick_adapter),  # out
            POINTER(wick_stream),  # stream
            POINTER(wick_error),  # error
        ],
    ),
    # [ANY] What is known of an adapter, as JSON: `state` ("loading": nothing else is known yet; "ready"),
    # `name`, `architecture`, `content` (32 hexadecimal digits that saves know it by: a hash of what it
    # computes), strings; `alpha`, a float; `rank` (the largest of its matrices), `matrices` that it changes,
    # `bytes` that it holds, integers. `(json, cap, needed)` as in wick_build_info. After a failed load: its
    # error.
    "wick_adapter_info": (
        c_int32,
        [
            wick_adapter,  # adapter
            c_void_p,  # json
            c_size_t,  # cap
            POINTER(c_size_t),  # needed
        ],
    ),
    # [ANY] Lets go of an adapter; never blocks. Sessions keep what they need; a load without any is
    # cancelled.
    "wick_adapter_close": (
        c_int32,
        [
            wick_adapter,  # adapter
        ],
    ),
    # [ANY] A new, empty session; `options` NULL: all defaults. The model may still be loading.
    # WICK_E_INVALID_ARGUMENT for a context beyond the model's (while the model loads: as END (ERROR) of the
    # session's generations), and for another model's adapter; WICK_E_UNSUPPORTED for a model loaded with
    # vocab_only; after a failed load its error.
    "wick_session_create": (
        c_int32,
        [
            wick_model,  # model
            POINTER(wick_session_options),  # options
            POINTER(wick_session),  # out
            POINTER(wick_error),  # error
        ],
    ),
    # [ANY] A second session that begins as this one is: the same past, messages, system message, tools and
    # variables in force; a clear of it brings back what this one was made with. It shares the keys and values
    # of the past: a fork takes microseconds and no memory but for its lists. May be used at once, also where
    # a cancelled or closed generation of this one has not stopped yet: then it begins as that leaves it.
    # WICK_E_BUSY while a generation of it is live and not cancelled; after a failed load its error.
    "wick_session_fork": (
        c_int32,
        [
            wick_session,  # session
            POINTER(wick_session),  # out
            POINTER(wick_error),  # error
        ],
    ),
    # [ANY] Empties the session, but for what it was made with: its system message, tools and template
    # variables. WICK_E_BUSY while a generation of it is live and not cancelled.
    "wick_session_clear": (
        c_int32,
        [
            wick_session,  # session
        ],
    ),
    # [ANY] Goes back to where the session had its first `token_count` tokens; more than it has: nothing
    # changes; 0: as wick_session_clear. Raw input goes back to any token; a conversation to the state right
    # behind the turn whose END said so many session_tokens, or behind a turn's input (its prompt_tokens),
    # with the tools and variables in force then; in between to the messages that are whole within them. What
    # is still known of the past is kept, the rest is computed by the next generation. Takes effect between
    # two slices of the engine (in HOST_STEP in the next wick_runtime_step, or call that waits), behind what
    # was asked before; what is asked of the session afterwards finds it done, but wick_session_info,
    # _messages and _tokens may show it as it was. WICK_E_INVALID_ARGUMENT if messages have gone since it had
    # so many (WICK_OVERFLOW_ROLL); where a cancelled generation has not stopped yet, that is not known, and
    # the session then stays as that leaves it. WICK_E_BUSY while a generation of it is live and not
    # cancelled.
    "wick_session_rewind": (
        c_int32,
        [
            wick_session,  # session
            c_uint32,  # token_count
        ],
    ),
    # [ANY] What is known of the session, as JSON: `state` ("idle", "generating", "stopping": cancelled, and
    # not stopped yet; "restoring": out of a save that is still being read), `tokens` that it holds,
    # `messages` of the conversation (without the session's own system message), `rolled_messages` and
    # `rolled_tokens` (what has gone with WICK_OVERFLOW_ROLL since it was made or cleared), `context_length`
    # (the most tokens), `context_left` (those that may still come); integers, the last two null while the
    # model loads, if the session was given no length. `(json, cap, needed)` as in wick_build_info.
    "wick_session_info": (
        c_int32,
        [
            wick_session,  # session
            c_void_p,  # json
            c_size_t,  # cap
            POINTER(c_size_t),  # needed
        ],
    ),
    # [ANY] Another system message for the session, from the next turn on; absent: none. Also while a
    # generation is live, which keeps the one it was started with. The past is computed again then.
    # WICK_E_INVALID_ARGUMENT for a session with raw input, or whose conversation begins with a system message
    # of its own; also while a generation is live that brings it.
    "wick_session_set_system": (
        c_int32,
        [
            wick_session,  # session
            wick_str,  # system
            POINTER(wick_error),  # error
        ],
    ),
    # [ANY] Another adapter of the same model for the session, from the next turn on; id 0: none; scale 0: 1.
    # Also while a generation is live, which keeps what it was started with. The past is computed again then.
    # WICK_E_INVALID_ARGUMENT for another model's, and for a scale that is not finite; WICK_E_BUSY while the
    # session is being restored.
    "wick_session_set_adapter": (
        c_int32,
        [
            wick_session,  # session
            wick_adapter,  # adapter
            c_float,  # scale
            POINTER(wick_error),  # error
        ],
    ),
    # [ANY] The conversation, as a JSON array of {"role", "content", and the keys of extra_json}, the
    # session's system message first; of raw input "[]". As the last generation that stopped left it: a live
    # one shows, its input too, when its END can be read, a cancelled or closed one when it has stopped.
    # `(json, cap, needed)` as in wick_build_info.
    "wick_session_messages": (
        c_int32,
        [
            wick_session,  # session
            c_void_p,  # json
            c_size_t,  # cap
            POINTER(c_size_t),  # needed
        ],
    ),
    # [ANY] The ids that the session holds, all of its past, of the same moment as wick_session_messages.
    # `(ids, cap, needed)`: `*needed`, unless NULL, is set to the count of all ids.
    "wick_session_tokens": (
        c_int32,
        [
            wick_session,  # session
            POINTER(c_uint32),  # ids
            c_size_t,  # cap
            POINTER(c_size_t),  # needed
        ],
    ),
    # [ANY] How many tokens the whole next prompt has, if these messages came next. WICK_E_UNSUPPORTED in this
    # release.
    "wick_session_count": (
        c_int32,
        [
            wick_session,  # session
            POINTER(wick_message),  # messages
            c_size_t,  # count
            POINTER(c_size_t),  # tokens
            POINTER(wick_error),  # error
        ],
    ),
    # [ANY] Of the last answer only the first `bytes` bytes of its text (answer_prefix counts; down to a whole
    # character) were shown or spoken: the rest is forgotten, and the next turn goes on behind what is left.
    # More than it has: all stays; 0: the answer goes, its input stays. The last ids of what stays may be
    # others than the model's. For dialogue that is interrupted: wick_stream_cancel, then this, then the next
    # wick_generate, without a wait. It takes effect when the generation has stopped; where that came to
    # nothing there is nothing to forget: an earlier answer stays as it is. As wick_session_rewind otherwise.
    # WICK_E_INVALID_ARGUMENT without an answer; WICK_E_BUSY while a generation of it is live and not
    # cancelled.
    "wick_session_keep": (
        c_int32,
        [
            wick_session,  # session
            c_size_t,  # bytes
        ],
    ),
    # [ANY] Lets go of the session; a running generation is cancelled.
    "wick_session_close": (
        c_int32,
        [
            wick_session,  # session
        ],
    ),
    # [ANY] Saves the session as it is at this call: its conversation, its tokens, what it was made with. It
    # may go on at once, and be closed. The stream has PROGRESS in bytes and END: READY when all of it is on
    # the disk and in place. Until then the file that was there stays as it was, whatever happens: cancelled,
    # closed, failed, or the process killed (a file ".NAME.….saving" beside it may be left then). A link is
    # replaced, not followed. With `io`, write_at is called in ascending order, without gaps, on a thread of
    # the runtime (in HOST_STEP: inside wick_runtime_step); that a save is whole is the host's to keep.
    # WICK_E_BUSY while a generation of the session is live and not cancelled. END (ERROR): WICK_E_IO where it
    # cannot be written, WICK_E_UNSUPPORTED for a session that has more than a save holds.
    "wick_session_save": (
        c_int32,
        [
            wick_session,  # session
            POINTER(wick_store_options),  # options
            POINTER(wick_stream),  # out
            POINTER(wick_error),  # error
        ],
    ),
    # [ANY] A session out of a save, with what it was made with. It can be used at once, like a model that
    # loads: generations wait for the restore, and end with its error if it fails; wick_session_messages,
    # _tokens and _set_system return WICK_E_BUSY until its END can be read. The stream has PROGRESS in bytes
    # and END; closing it before that cancels the restore. END (ERROR): WICK_E_IO for a save that is damaged,
    # with the section and the byte, or that cannot be read; WICK_E_UNSUPPORTED for another model's or a later
    # release's; WICK_E_INVALID_ARGUMENT or WICK_E_CONTEXT_FULL where the model's context is shorter now than
    # what the session has; the error of the model's load. The session is to be closed all the same.
    "wick_session_restore": (
        c_int32,
        [
            wick_model,  # model
            POINTER(wick_store_options),  # options
            POINTER(wick_session),  # out
            POINTER(wick_stream),  # stream
            POINTER(wick_error),  # error
        ],
    ),
    # [ANY] Puts a save with keys and values into the model's prefix cache: a session whose tokens begin as
    # the saved ones need not compute them, as if another had computed them before. They count in
    # prefix_cache_bytes and give way like any prefix. Reads as wick_session_restore does, and waits for the
    # model's load; `stream` may be NULL: without a callback and a queue nothing is told then. END (ERROR): as
    # for wick_session_restore; WICK_E_UNSUPPORTED also for a save without keys and values, or of another
    # layout, and for a model with no_prefix_cache; WICK_E_OUT_OF_MEMORY.
    "wick_model_warm": (
        c_int32,
        [
            wick_model,  # model
            POINTER(wick_store_options),  # options
            POINTER(wick_stream),  # stream
            POINTER(wick_error),  # error
        ],
    ),
    # [ANY] Starts a generation and returns in microseconds: the shape of what it is given is checked here;
    # what needs the model (template, ids beyond the vocabulary, an input over the context) comes as END
    # (ERROR), always. Not WICK_OK: there is no stream and no event, and `drop` has been called. `out` may be
    # NULL if there is a callback: then the stream closes itself after END. WICK_E_BUSY while a generation of
    # the session is live: until its END can be read, or until it is cancelled or closed. WICK_E_QUEUE_FULL:
    # too many wait.
    #
    # What the session holds after END: with output_tokens 0, for any reason but WICK_END_READY, what it held
    # before, without the new input; else the input and all tokens that came, of messages the text that came
    # as the assistant's message.
    "wick_generate": (
        c_int32,
        [
            wick_session,  # session
            POINTER(wick_generate_options),  # options
            POINTER(wick_stream),  # out
            POINTER(wick_error),  # error
        ],
    ),
    # [EXCL] [BLOCK] The next event of a stream without queue and callback: WICK_OK, WICK_EMPTY after
    # `timeout_ns` (0 polls), WICK_ENDED once END was read. Its text and ids lie in `buf` (of any alignment,
    # the ids are aligned in it), which has `cap` bytes, 256 or more. What does not fit is read as several
    # events of its kind, all but the last with `more` set: the text first, cut at code points, then the ids.
    # END is never split, its text is cut. WICK_E_STALE_HANDLE at once when the stream is closed meanwhile;
    # WICK_E_INVALID_ARGUMENT for a stream with a queue or callback.
    "wick_stream_next": (
        c_int32,
        [
            wick_stream,  # stream
            POINTER(wick_event),  # event
            c_void_p,  # buf
            c_size_t,  # cap
            c_uint64,  # timeout_ns
        ],
    ),
    # [EXCL] [BLOCK] Reads on to END and drops the events before it. As wick_stream_next; WICK_EMPTY:
    # `timeout_ns` passed first.
    "wick_stream_join": (
        c_int32,
        [
            wick_stream,  # stream
            POINTER(wick_event),  # end
            c_void_p,  # buf
            c_size_t,  # cap
            c_uint64,  # timeout_ns
        ],
    ),
    # [ANY] What an event loop waits on for this stream: readable exactly while an event, or the rest of one,
    # waits. The same each time. WICK_E_IO if the system has no descriptor left.
    "wick_stream_os_handle": (
        c_int32,
        [
            wick_stream,  # stream
            POINTER(wick_os_handle),  # out
        ],
    ),
    # [ANY] Asks for the end: latched, idempotent, never waits. END (CANCELLED) follows, unless END came
    # first.
    "wick_stream_cancel": (
        c_int32,
        [
            wick_stream,  # stream
        ],
    ),
    # [ANY] The stream's figures as of now; after END the final ones.
    "wick_stream_stats": (
        c_int32,
        [
            wick_stream,  # stream
            POINTER(wick_stats),  # out
        ],
    ),
    # [ANY] Merges a NOTE into the stream: the host's own trace beside the text, never before or instead of
    # text. Of the unread notes the oldest beyond 1,024, or beyond 1 MiB, are dropped and counted in
    # wick_stats. After END: WICK_ENDED.
    "wick_stream_note": (
        c_int32,
        [
            wick_stream,  # stream
            wick_str,  # text
        ],
    ),
    # [ANY] Ends the thinking of a generation here, or keeps it from beginning: latched, never waits. Once the
    # answer has begun it changes nothing; after END: WICK_ENDED; not a generation: WICK_E_INVALID_ARGUMENT.
    "wick_stream_answer_now": (
        c_int32,
        [
            wick_stream,  # stream
        ],
    ),
    # [ANY] Cancels and forgets: no callback of it starts after this returns. One may still be running
    # elsewhere: free what it uses in `drop`. A thread that reads the stream gets WICK_E_STALE_HANDLE at once.
    "wick_stream_close": (
        c_int32,
        [
            wick_stream,  # stream
        ],
    ),
    # [ANY] [BLOCK] The vectors of `count` texts, each of length 1 (L2), one after the other in `out`: count *
    # dim floats, where dim is `vector_length` of wick_model_info. The same bits as from wick_embed_start,
    # whatever else is computed. `(out, cap, needed)`: `cap` too small: WICK_E_BUFFER_TOO_SMALL, nothing is
    # computed. Waits for the model's load too; WICK_E_TIMEOUT after `timeout_ns`: given up. Errors as the END
    # of wick_embed_start has them.
    "wick_embed": (
        c_int32,
        [
            wick_model,  # model
            POINTER(wick_str),  # texts
            c_size_t,  # count
            POINTER(c_float),  # out
            c_size_t,  # cap
            POINTER(c_size_t),  # needed
            c_uint64,  # timeout_ns
            POINTER(wick_error),  # error
        ],
    ),
    # [ANY] The same as a stream: a VECTOR for each text, in order (`done` is the text's index, `total` how
    # many there are), PROGRESS in tokens, then END (READY). Returns at once, also while the model loads; many
    # texts are computed at once, beside generations, which have every other slice of the time; by `priority`.
    # All texts become tokens before the first VECTOR: a text with more tokens than the model's context takes
    # is END (ERROR, CONTEXT_FULL), one without any END (ERROR, INVALID_ARGUMENT), both naming its index;
    # nothing is cut. A model that makes no vectors: END (ERROR, UNSUPPORTED). `options` NULL: defaults. Not
    # WICK_OK: there is no stream, and `drop` has been called; WICK_E_QUEUE_FULL as of wick_generate.
    "wick_embed_start": (
        c_int32,
        [
            wick_model,  # model
            POINTER(wick_str),  # texts
            c_size_t,  # count
            POINTER(wick_embed_options),  # options
            POINTER(wick_stream),  # out
            POINTER(wick_error),  # error
        ],
    ),
    # [ANY] [BLOCK] How well each of `count` texts goes with `query`, by a cross-encoder: raw scores (no
    # sigmoid), in the order of the texts, which a host sorts. `(scores, cap, needed)`: `cap` too small:
    # WICK_E_BUFFER_TOO_SMALL, nothing is computed. A query and a text have to fit the model's context
    # together. WICK_E_UNSUPPORTED for a model that is no cross-encoder (`ranks` in wick_model_info); the rest
    # as wick_embed.
    "wick_rerank": (
        c_int32,
        [
            wick_model,  # model
            wick_str,  # query
            POINTER(wick_str),  # texts
            c_size_t,  # count
            POINTER(c_float),  # scores
            c_size_t,  # cap
            POINTER(c_size_t),  # needed
            c_uint64,  # timeout_ns
            POINTER(wick_error),  # error
        ],
    ),
    # [ANY] The same as a stream: a VECTOR of one value, the score, for each text; as wick_embed_start.
    # Another model: END (ERROR, UNSUPPORTED).
    "wick_rerank_start": (
        c_int32,
        [
            wick_model,  # model
            wick_str,  # query
            POINTER(wick_str),  # texts
            c_size_t,  # count
            POINTER(wick_embed_options),  # options
            POINTER(wick_stream),  # out
            POINTER(wick_error),  # error
        ],
    ),
    #  The `count` rows of `dim` floats at `vectors` that have the largest dot product with `query` (of
    # vectors of length 1: the cosine similarity), best first, ties by the lower index, NaN last: *found =
    # min(k, count) are written to `indices` and, unless it is NULL, to `scores`, which have room for that
    # many. WICK_E_INVALID_ARGUMENT for a dim of 0, a count over UINT32_MAX, or a count * dim that no memory
    # has. Every row is looked at: exact, pure, and the same on every machine.
    "wick_nearest": (
        c_int32,
        [
            POINTER(c_float),  # query
            POINTER(c_float),  # vectors
            c_size_t,  # count
            c_size_t,  # dim
            c_size_t,  # k
            POINTER(c_uint32),  # indices
            POINTER(c_float),  # scores
            POINTER(c_size_t),  # found
        ],
    ),
}

# Sizes and offsets on 64-bit systems.
LAYOUT = {
    wick_str: (16, {"ptr": 0, "len": 8}),
    wick_runtime_options: (112, {"struct_size": 0, "abi_version": 4, "mode": 8, "threads": 12, "memory_budget": 16, "max_sequences": 24, "max_waiting": 28, "thread_name": 32, "on_thread": 48, "thread_user": 56, "thread_drop": 64, "log": 72, "log_user": 80, "log_drop": 88, "log_level": 96, "reserved": 100, "pace_percent": 104, "keep_scheduling": 108}),
    wick_error: (256, {"struct_size": 0, "code": 4, "message": 8}),
    wick_stats: (112, {"prompt_tokens": 0, "cached_tokens": 4, "output_tokens": 8, "session_tokens": 12, "queue_ns": 16, "prefill_ns": 24, "ttft_ns": 32, "decode_ns": 40, "max_gap_ns": 48, "seed": 56, "notes_dropped": 64, "draft_tokens": 72, "draft_accepted": 80, "reserved": 88}),
    wick_alternative: (8, {"token": 0, "logprob": 4}),
    wick_event: (232, {"struct_size": 0, "kind": 4, "end_reason": 6, "stream": 8, "user": 16, "seq": 24, "time_ns": 32, "text": 40, "text_len": 48, "tokens": 56, "token_count": 64, "logprob": 68, "done": 72, "total": 80, "status": 88, "channel": 92, "more": 94, "stats": 96, "alternatives": 208, "alternative_count": 216, "value_count": 220, "values": 224}),
    wick_os_handle: (16, {"fd": 0, "event": 8}),
    wick_io: (48, {"struct_size": 0, "flags": 4, "size": 8, "read_at": 16, "write_at": 24, "user": 32, "drop": 40}),
    wick_model_options: (160, {"struct_size": 0, "backend": 4, "path": 8, "path_offset": 24, "path_size": 32, "data": 40, "data_len": 48, "data_user": 56, "data_drop": 64, "io": 72, "no_mmap": 80, "vocab_only": 81, "no_prefix_cache": 82, "reserved": 83, "context_length": 84, "prefix_cache_bytes": 88, "chat_template": 96, "queue": 112, "on_event": 120, "user": 128, "drop": 136, "reserved2": 144, "kv_type": 152, "preload": 156, "sampling_from_model": 157, "no_drafts": 158, "reserved1": 159}),
    wick_estimate: (88, {"struct_size": 0, "reserved": 4, "file_bytes": 8, "weight_bytes": 16, "kv_bytes": 24, "state_bytes": 32, "scratch_bytes": 40, "total_bytes": 48, "reserved1": 56}),
    wick_message: (48, {"role": 0, "content": 16, "extra_json": 32}),
    wick_adapter_options: (112, {"struct_size": 0, "reserved": 4, "path": 8, "path_offset": 24, "path_size": 32, "data": 40, "data_len": 48, "data_user": 56, "data_drop": 64, "io": 72, "queue": 80, "on_event": 88, "user": 96, "drop": 104}),
    wick_session_options: (80, {"struct_size": 0, "context_length": 4, "system": 8, "tools_json": 24, "template_json": 40, "overflow": 56, "pinned_messages": 60, "adapter": 64, "adapter_scale": 72, "reserved": 76}),
    wick_store_options: (72, {"struct_size": 0, "with_kv": 4, "reserved": 5, "path": 8, "io": 24, "queue": 32, "on_event": 40, "user": 48, "drop": 56, "adapter": 64}),
    wick_sampling: (96, {"temperature": 0, "top_p": 4, "min_p": 8, "typical_p": 12, "top_k": 16, "repeat_penalty": 20, "presence_penalty": 24, "frequency_penalty": 28, "penalty_last_n": 32, "seed": 40, "dry_multiplier": 48, "dry_base": 52, "dry_allowed_length": 56, "dry_last_n": 60, "xtc_probability": 64, "xtc_threshold": 68, "top_n_sigma": 72, "mirostat_tau": 76, "mirostat_eta": 80, "dynatemp_range": 84, "dynatemp_exponent": 88, "reserved": 92}),
    wick_logit_bias: (8, {"token": 0, "bias": 4}),
    wick_generate_options: (368, {"struct_size": 0, "max_tokens": 4, "priority": 8, "reserved0": 12, "prompt": 16, "messages": 32, "message_count": 40, "prompt_tokens": 48, "prompt_token_count": 56, "tools_json": 64, "template_json": 80, "sampling": 96, "stop": 192, "stop_count": 200, "logit_bias": 208, "logit_bias_count": 216, "grammar_kind": 224, "grammar": 232, "deadline_ns": 248, "buffer_events": 256, "logprobs": 260, "echo_special": 261, "ignore_eos": 262, "prefill_only": 263, "parse_special": 264, "reserved": 265, "queue": 272, "on_event": 280, "user": 288, "drop": 296, "template_time": 304, "answer_prefix": 312, "grammar_scope": 328, "tool_choice": 332, "tool_name": 336, "reasoning_budget": 352, "cut": 356, "top_logprobs": 360, "max_tokens_per_second": 364}),
    wick_embed_options: (56, {"struct_size": 0, "priority": 4, "deadline_ns": 8, "buffer_events": 16, "reserved": 20, "queue": 24, "on_event": 32, "user": 40, "drop": 48}),
}


def bind(path):
    """The library at `path`, with the types of its functions."""
    library = CDLL(path)
    for name, (result, parameters) in FUNCTIONS.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, parameters
    return library
