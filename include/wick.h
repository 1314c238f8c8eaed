/* wick: an embeddable LLM runtime. Generated from src/ffi by tests/header.rs: do not edit.
 *
 * Tags on functions:
 *   [ANY]    any thread, concurrently.
 *   [BLOCK]  may wait, never longer than its timeout_ns. No other function ever waits for compute, a file or a callback.
 *   [EXCL]   any thread, one call at a time per object; a second concurrent call returns WICK_E_BUSY.
 * Inside any callback (on_event, on_thread, log, read_at, write_at, drop; of any runtime) [BLOCK] and [EXCL] functions return
 * WICK_E_REENTRANT, whatever the timeout; all others are allowed. Untagged functions are pure and callable anywhere.
 *
 * Rules that hold for all of it:
 *   - Inputs are copied before a function returns. Outputs are written only on success (error details and *needed excepted).
 *   - (out, cap, needed): *needed, unless NULL, is set to the size of the whole result in elements; for text in bytes, without the NUL
 *     that always follows it. Too small (text: cap <= *needed; out may be NULL if cap is 0): WICK_E_BUFFER_TOO_SMALL.
 *   - Every pointer is checked for NULL, every handle for staleness (WICK_E_STALE_HANDLE), every string for UTF-8.
 *   - Where there is a struct_size, the caller sets it to the struct's sizeof, in outputs too; less than in the first release is
 *     WICK_E_INVALID_ARGUMENT. In inputs zero means "the default" for every other field, and so does a field beyond struct_size; a struct
 *     longer than the library knows is taken if its unknown tail is zero, else WICK_E_UNSUPPORTED. In outputs the library fills what
 *     both sides know, zeroes the rest and leaves struct_size alone. Later fields never lie in the padding of an earlier release.
 *     `reserved` is 0. Flags are 0 or 1, else WICK_E_INVALID_ARGUMENT.
 *   - No panic, abort, exit, signal handler, atexit hook, stdout or stderr output comes out of this library. Beyond its power: an
 *     exception out of a callback, a mapped file cut short by others (SIGBUS; see no_mmap), and a system that refuses small
 *     allocations (those sized by a model, a file or an argument give WICK_E_OUT_OF_MEMORY).
 *   - A `user` pointer given with a `drop` function is dropped exactly once: in the call that takes it if that fails (a struct with
 *     a wrong struct_size is not read at all); for a stream after its END callback or when it is closed, whichever is first, on that
 *     thread, and never under a running callback. For a stream without a callback: when it is closed.
 *   - Callbacks return: no exception, longjmp or panic may leave one. Those of streams without a queue come one at a time per runtime. log,
 *     read_at and drop may come on any thread, also inside a call into this library; log also concurrently. */

#ifndef WICK_H
#define WICK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Raised when something in this header changes incompatibly: see `wick_runtime_options.abi_version`. */
#define WICK_ABI_VERSION 1

/* A timeout: wait as long as it takes. */
#define WICK_FOREVER 0xFFFFFFFFFFFFFFFFull

/* Done. */
#define WICK_OK 0

/* Nothing to read now, or the timeout passed. */
#define WICK_EMPTY 1

/* The stream has delivered its END event; the queue those of all its streams, and its runtime is shut down. */
#define WICK_ENDED 2

/* The budget is used up, work is left. */
#define WICK_MORE 3

/* An argument is malformed or out of range; the message names it. */
#define WICK_E_INVALID_ARGUMENT -1

/* The handle is none, closed, of another kind, or its runtime is shut down. */
#define WICK_E_STALE_HANDLE -2

/* The session has a live generation, the model is not loaded yet, or the object is in another [EXCL] call. */
#define WICK_E_BUSY -3

/* A [BLOCK] or [EXCL] function was called inside a callback. */
#define WICK_E_REENTRANT -4

/* An architecture, tensor type, option or feature that this build lacks; the message names it. */
#define WICK_E_UNSUPPORTED -5

/* Reading or writing failed. */
#define WICK_E_IO -6

/* A malformed or hostile model file; the message says what and where. */
#define WICK_E_MODEL_INVALID -7

/* Over the memory budget, or the system refused memory or a thread. */
#define WICK_E_OUT_OF_MEMORY -8

/* The input does not fit the session's context. */
#define WICK_E_CONTEXT_FULL -9

/* The chat template failed, or went over its limits. */
#define WICK_E_TEMPLATE -10

/* The tokenizer failed. */
#define WICK_E_TOKENIZER -11

/* The grammar is malformed or cannot be satisfied. */
#define WICK_E_GRAMMAR -12

/* NaN or infinite logits. */
#define WICK_E_NUMERIC -13

/* The runtime is being shut down: nothing new is taken. */
#define WICK_E_SHUTDOWN -14

/* The time given was not enough. */
#define WICK_E_TIMEOUT -15

/* Too many waiting generations. */
#define WICK_E_QUEUE_FULL -16

/* The buffer is too small; `*needed` says how much it takes. */
#define WICK_E_BUFFER_TOO_SMALL -17

/* A caught panic: this operation is over, the runtime goes on. */
#define WICK_E_INTERNAL -18

/* In a child of fork(): the runtime, or the object's runtime, is the parent's. No drop function runs there. */
#define WICK_E_FORKED -19

/* The request left the waiting line; at most once, and then first. */
#define WICK_EVENT_STARTED 1

/* A load went on: `done` of `total` bytes; or the computing of an input: tokens, or bytes of weights while a
 * model's first pass waits long for its file. Only the newest unread one is kept. */
#define WICK_EVENT_PROGRESS 2

/* Text that can be shown, and the ids behind it. */
#define WICK_EVENT_TEXT 3

/* A note, merged by the host with wick_stream_note or by the library: `channel` says whose. */
#define WICK_EVENT_NOTE 4

/* The end: always the last event, exactly once. */
#define WICK_EVENT_END 5

/* One call of a tool, whole, as JSON: `{"id":"…","name":"…","arguments":{…}}` (docs/tools.md). */
#define WICK_EVENT_TOOL_CALL 6

/* The vector of one text of wick_embed_start, or its score of wick_rerank_start. */
#define WICK_EVENT_VECTOR 7

/* Not an END event. */
#define WICK_END_NONE 0

/* An end-of-generation token. */
#define WICK_END_STOP 1

/* A stop string; the event's text says which. */
#define WICK_END_STOP_STRING 2

/* max_tokens were generated. */
#define WICK_END_LENGTH 3

/* The session's context is full. */
#define WICK_END_CONTEXT_FULL 4

/* A load or a prefill finished. */
#define WICK_END_READY 5

/* The host cancelled it, or closed its session. */
#define WICK_END_CANCELLED 6

/* Its deadline passed. */
#define WICK_END_DEADLINE 7

/* The runtime was shut down. */
#define WICK_END_SHUTDOWN 8

/* Something failed: see the event's status and text. */
#define WICK_END_ERROR 9

/* A NOTE of the host's, from wick_stream_note. */
#define WICK_NOTE_HOST 0

/* A NOTE of the library's: a JSON object, never dropped. Its `event` says what it is about: "rolled", with
 * `messages` and `tokens`: so many have gone (WICK_OVERFLOW_ROLL). Skip what you do not know. */
#define WICK_NOTE_LIBRARY 1

/* A TEXT to be shown. */
#define WICK_CHANNEL_ANSWER 0

/* A TEXT of thinking (docs/reasoning.md). */
#define WICK_CHANNEL_REASONING 1

/* A TEXT that is a tool call's markup. The call itself comes as WICK_EVENT_TOOL_CALL. */
#define WICK_CHANNEL_TOOL 2

/* The runtime owns its threads. */
#define WICK_MODE_THREADS 0

/* No thread at all: work is done in wick_runtime_step, and in [BLOCK] calls while they wait. */
#define WICK_MODE_HOST_STEP 1

/* The native backend; candle in a build without it. */
#define WICK_BACKEND_AUTO 0

/* wick's own decoder. */
#define WICK_BACKEND_NATIVE 1

/* candle: a second opinion, slow, without prefix cache, drafts and adapters (wick_model_info says so).
 * WICK_E_UNSUPPORTED in a build without it, and for a model with an operation that it lacks, by name. */
#define WICK_BACKEND_CANDLE 2

/* Keys and values as half precision floats. */
#define WICK_KV_F16 0

/* Keys and values in blocks of 32 signed bytes with a scale (ggml's Q8_0): 0.53 of the bytes. */
#define WICK_KV_Q8_0 1

/* A full context ends the generation: END (CONTEXT_FULL). */
#define WICK_OVERFLOW_STOP 0

/* Before a turn for which the context has no room whole exchanges go, the oldest first: the user's message
 * and all up to the user's next, so that a call of a tool stays with its result. They go until the turn's
 * input, its `max_tokens` (which count as half of the context at most) and a quarter of the context are
 * free; without `max_tokens` there is room as long as one token of the answer has it. What stays is computed
 * again, but for its beginning that stays the same. A NOTE of the library's says what went; END's
 * session_tokens from before are void for wick_session_rewind (WICK_E_INVALID_ARGUMENT). A turn that comes
 * to nothing brings all back. If nothing more may go and it still does not fit: END (ERROR, CONTEXT_FULL).
 * An answer that fills the context ends with END (CONTEXT_FULL). Raw input, and an answer that goes on: as
 * WICK_OVERFLOW_STOP. */
#define WICK_OVERFLOW_ROLL 1

/* No grammar. */
#define WICK_GRAMMAR_NONE 0

/* A JSON schema (docs/grammars.md says which keywords are kept). */
#define WICK_GRAMMAR_JSON_SCHEMA 1

/* A regular expression, Rust's, which the whole answer matches. */
#define WICK_GRAMMAR_REGEX 2

/* A Lark grammar, which begins at `start`. */
#define WICK_GRAMMAR_LARK 3

/* Any JSON value; `grammar` is absent. */
#define WICK_GRAMMAR_JSON 4

/* A GBNF grammar, as llama.cpp has it, which begins at `root`. */
#define WICK_GRAMMAR_GBNF 5

/* The grammar binds everything generated. */
#define WICK_SCOPE_ALL 0

/* Reasoning is free, the grammar binds what follows; no calls. */
#define WICK_SCOPE_ANSWER 1

/* The model may call a tool or not. */
#define WICK_TOOLS_AUTO 0

/* Tools stay in the prompt, a call cannot begin. */
#define WICK_TOOLS_NONE 1

/* The answer is one call, behind what the model thinks, and bound to the tools' schemas (docs/tools.md). */
#define WICK_TOOLS_REQUIRED 2

/* The answer is a call of the tool `tool_name`, bound to its schema. */
#define WICK_TOOLS_NAMED 3

/* A TEXT for each token that gives text. */
#define WICK_CUT_TOKEN 0

/* A TEXT holds whole words, each with the white space behind it. */
#define WICK_CUT_WORD 1

/* A TEXT holds a whole line, with its end. */
#define WICK_CUT_LINE 2

/* A TEXT holds a whole sentence, with the white space behind it. */
#define WICK_CUT_SENTENCE 3

/* As `reasoning_budget`: thinking is ended before its first token. */
#define WICK_NO_REASONING 0xFFFFFFFFu

/* What a call came to: 0 or more is not an error. The values are frozen; treat an unknown negative one as an
 * error. */
typedef int32_t wick_status;

/* UTF-8 text: `len` bytes at `ptr`. `len` SIZE_MAX: `ptr` is NUL-terminated. `ptr` NULL: absent (`len` must
 * be 0); `ptr` not NULL and `len` 0: present, and empty. */
typedef struct wick_str {
  /* The first byte; NULL: absent. */
  const char *ptr;
  /* Bytes, or SIZE_MAX. */
  size_t len;
} wick_str;

/* A NUL-terminated text as a wick_str; NULL: an absent one. Not there with WICK_NO_INLINE, for tools that read no bodies: fill in
 * the two fields. */
#ifndef WICK_NO_INLINE
static inline struct wick_str wick_cstr(const char *s) {
  struct wick_str r = { s, s ? SIZE_MAX : 0 };
  return r;
}
#endif

/* Frees a `user` pointer. Called exactly once; inside it, [BLOCK] and [EXCL] functions return
 * WICK_E_REENTRANT. */
typedef void (*wick_drop_fn)(void *user);

/* Takes log lines: `level` 1 error, 2 warning, 3 info, 4 debug, 5 trace; `text` is UTF-8 of `len` bytes,
 * valid during the call. Any thread, also concurrently, also inside a call into this library. */
typedef void (*wick_log_fn)(void *user, int32_t level, const char *text, size_t len);

/* What a runtime is made of. Zero means the default for every field but the first two. */
typedef struct wick_runtime_options {
  /* sizeof(wick_runtime_options). */
  uint32_t struct_size;
  /* WICK_ABI_VERSION. */
  uint32_t abi_version;
  /* WICK_MODE_… */
  uint32_t mode;
  /* Compute threads, at most 1024; 0: one for each physical core that the process may use, of the
   * performance cores only where the system tells them from slower ones (Linux): all threads wait for the
   * slowest. */
  uint32_t threads;
  /* Bytes for weights (mapped ones too), keys and values, caches and scratch; 0: no budget. When it is
   * used up: caches go, then keys and values of idle sessions (computed again when needed), then
   * WICK_E_OUT_OF_MEMORY. */
  uint64_t memory_budget;
  /* Generations computed together, at most 4096; 0: 16. */
  uint32_t max_sequences;
  /* Generations waiting for a place; 0: 1024. */
  uint32_t max_waiting;
  /* What the threads' names begin with; absent: "wick". */
  struct wick_str thread_name;
  /* Called first (`start` 1) and last (0) on each thread of the runtime; may be NULL. */
  void (*on_thread)(void *user, int32_t start);
  /* For `on_thread`. */
  void *thread_user;
  /* Drops `thread_user`, once, at the shutdown. */
  wick_drop_fn thread_drop;
  /* Takes log lines; may be NULL. */
  wick_log_fn log;
  /* For `log`. */
  void *log_user;
  /* Drops `log_user`, once, at the shutdown. */
  wick_drop_fn log_drop;
  /* The least grave lines that are logged: 1 errors … 5 everything; 0: 2, warnings. */
  int32_t log_level;
  /* 0. */
  uint32_t reserved;
  /* THREADS: of each 16.7 ms, the share in percent that the threads compute at most, loads and text apart;
   * 0: 100. In HOST_STEP anything but 0 is WICK_E_UNSUPPORTED: the budget of each step is the pace. */
  uint32_t pace_percent;
  /* 1: each thread keeps the policy, priority and processors of the thread that starts it; 0: it has the
   * process' own (Linux; elsewhere threads have what the system gives them). */
  uint32_t keep_scheduling;
} wick_runtime_options;

/* A runtime's handle; id 0 is none. Several live side by side in a process. */
typedef struct wick_runtime {
  /* The handle. */
  uint64_t id;
} wick_runtime;

/* Details of a failed call: the caller's own, optional (NULL) everywhere. A call that succeeds sets `code`
 * to WICK_OK and an empty message. */
typedef struct wick_error {
  /* sizeof(wick_error), set by the caller. */
  uint32_t struct_size;
  /* What the call returned. */
  wick_status code;
  /* UTF-8, NUL-terminated, cut at a code point if need be: the thing, the value and the way out. */
  char message[248];
} wick_error;

/* A queue's handle; id 0 is none. */
typedef struct wick_queue {
  /* The handle. */
  uint64_t id;
} wick_queue;

/* A stream's handle; id 0 is none. Every stream yields STARTED? (PROGRESS|TEXT|NOTE|TOOL_CALL)* END: exactly
 * one END, always last, whatever happens, unless the host closes the stream or its queue first. Every stream
 * handed out has to be closed, also after END. */
typedef struct wick_stream {
  /* The handle. */
  uint64_t id;
} wick_stream;

/* A stream's figures; times in nanoseconds. This struct lies inside another: it has no struct_size,
 * `reserved` is its room. */
typedef struct wick_stats {
  /* Tokens before the first generated one: the session's past and the input, cached ones included. */
  uint32_t prompt_tokens;
  /* Those of them whose keys and values were there already, by the session itself or by others that begin
   * alike. */
  uint32_t cached_tokens;
  /* Generated tokens. */
  uint32_t output_tokens;
  /* The session's length now: what wick_session_rewind takes. */
  uint32_t session_tokens;
  /* From wick_generate to STARTED. */
  uint64_t queue_ns;
  /* From STARTED to the first sampled token, with prefill_only to END. */
  uint64_t prefill_ns;
  /* From wick_generate to the first TEXT being readable. */
  uint64_t ttft_ns;
  /* From the first sampled token to the last. */
  uint64_t decode_ns;
  /* The longest time between two generated tokens. */
  uint64_t max_gap_ns;
  /* The effective seed. */
  uint64_t seed;
  /* Unread notes that were dropped. */
  uint64_t notes_dropped;
  /* Tokens that were drafted: computed together with the one before them, since the text seemed to repeat
   * itself. */
  uint64_t draft_tokens;
  /* Those of them that were then chosen: each saved a pass. */
  uint64_t draft_accepted;
  /* 0. */
  uint64_t reserved[3];
} wick_stats;

/* An id that could have come in place of the last one, and the natural logarithm of its probability by the
 * model itself: before biases, penalties, grammar, truncation and temperature. */
typedef struct wick_alternative {
  /* The token. */
  uint32_t token;
  /* Natural logarithm of its probability. */
  float logprob;
} wick_alternative;

/* One event of a stream. A field that says nothing of this kind of event is zero (`logprob`: NaN; `text`:
 * empty). */
typedef struct wick_event {
  /* sizeof(wick_event), set by the caller. */
  uint32_t struct_size;
  /* WICK_EVENT_… */
  uint16_t kind;
  /* END: WICK_END_… */
  uint16_t end_reason;
  /* Whose event it is. */
  struct wick_stream stream;
  /* As given when the stream was started. */
  void *user;
  /* 0, 1, 2, … without a gap; END is the last. */
  uint64_t seq;
  /* When it happened, since the stream was started. */
  uint64_t time_ns;
  /* TEXT, NOTE: whole UTF-8 code points; TOOL_CALL: JSON; END: the stop string or the error's text. A NUL
   * follows it. */
  const char *text;
  /* Bytes of `text`, without the NUL. */
  size_t text_len;
  /* TEXT: the ids behind this text. */
  const uint32_t *tokens;
  /* How many ids there are at `tokens`. */
  uint32_t token_count;
  /* TEXT: natural logarithm of the last id's probability, if asked for; else NaN. */
  float logprob;
  /* PROGRESS: bytes or tokens so far. VECTOR: the text's index. */
  uint64_t done;
  /* PROGRESS: bytes or tokens in all. VECTOR: how many texts there are. */
  uint64_t total;
  /* END: the error if `end_reason` is WICK_END_ERROR, else WICK_OK. */
  wick_status status;
  /* TEXT: WICK_CHANNEL_…; NOTE: WICK_NOTE_… */
  uint16_t channel;
  /* 1: the text, the ids or the values go on in this stream's next event. */
  uint16_t more;
  /* END: the final figures; else as of now. */
  struct wick_stats stats;
  /* TEXT with top_logprobs: the likeliest ids in place of the last one, in order; the last one is among
   * them where it is one of these. NULL for ids of `answer_prefix`. */
  const struct wick_alternative *alternatives;
  /* How many there are at `alternatives`. */
  uint32_t alternative_count;
  /* How many there are at `values`. */
  uint32_t value_count;
  /* VECTOR: `value_count` floats, L2-normalised; of wick_rerank_start the score. `done` is the text's
   * index. */
  const float *values;
} wick_event;

/* What an event loop waits on: readable (signalled) exactly while an event, the rest of one, or a wake
 * waits. It is the library's until the stream or queue is closed: wait on it, never read, write, reset or
 * close it. */
typedef struct wick_os_handle {
  /* A file descriptor on Unix, else -1. */
  int32_t fd;
  /* A manual-reset event's HANDLE on Windows, else NULL. */
  void *event;
} wick_os_handle;

/* Reads `len` bytes (at most 16 MiB) at `offset` into `dst`; 0 on success. Any thread, one call at a time. */
typedef int32_t (*wick_read_at_fn)(void *user, uint64_t offset, void *dst, uint64_t len);

/* Writes `len` bytes (at most 16 MiB) at `offset`, ascending, without gaps; 0 on success. For
 * wick_session_save. Any thread, one call at a time. */
typedef int32_t (*wick_write_at_fn)(void *user, uint64_t offset, const void *src, uint64_t len);

/* A model inside a pak file, an archive, an asset, … */
typedef struct wick_io {
  /* sizeof(wick_io). */
  uint32_t struct_size;
  /* 0. */
  uint32_t flags;
  /* Bytes in all; for wick_session_save without meaning. */
  uint64_t size;
  /* Reads a part; for wick_session_save without meaning. */
  wick_read_at_fn read_at;
  /* For wick_session_save, which writes with it; else NULL. */
  wick_write_at_fn write_at;
  /* For both functions. */
  void *user;
  /* Drops `user`, once, when nothing is read or written any more. */
  wick_drop_fn drop;
} wick_io;

/* Takes an event; the pointers in `*event` are valid during the call. Calls for one stream never overlap. It
 * has to return: no exception, longjmp or panic may leave it. Inside it, [BLOCK] and [EXCL] functions return
 * WICK_E_REENTRANT. */
typedef void (*wick_event_fn)(void *user, const struct wick_event *event);

/* What a model is loaded from, and how. Exactly one of `path`, `data` and `io`. */
typedef struct wick_model_options {
  /* sizeof(wick_model_options). */
  uint32_t struct_size;
  /* WICK_BACKEND_… */
  uint32_t backend;
  /* A .gguf file; or a folder with safetensors, config.json and tokenizer.json, in builds with the feature
   * folders: WICK_E_UNSUPPORTED in others. */
  struct wick_str path;
  /* Where in the file the .gguf begins: in bytes. */
  uint64_t path_offset;
  /* Bytes that it takes; 0: up to the end of the file. */
  uint64_t path_size;
  /* The bytes of a .gguf: borrowed until `data_drop` is called. */
  const void *data;
  /* Bytes at `data`. */
  size_t data_len;
  /* For `data_drop`. */
  void *data_user;
  /* Called once, with `data_user`, when `data` is not needed any more. */
  wick_drop_fn data_drop;
  /* A reader of a .gguf. */
  const struct wick_io *io;
  /* 1: read into owned memory instead of mapping: for files that may change under us. */
  uint8_t no_mmap;
  /* 1: tokenizer and chat template only (counting tokens); sessions are refused. */
  uint8_t vocab_only;
  /* 1: sessions share no keys and values, and none are kept for later ones; 0: the beginning that a
   * session's tokens have in common with those of another of the model, live, cleared or closed, is not
   * computed again. Answers are the same bits. The candle backend shares nothing: a fork, a rewind and a
   * restored session are computed again from their tokens. */
  uint8_t no_prefix_cache;
  /* 0. */
  uint8_t reserved;
  /* The most tokens of context; 0: the model's own. */
  uint32_t context_length;
  /* Keys and values that may be kept for reuse while no session uses them, in bytes; 0: those of one whole
   * context, at most a quarter of the memory budget and 512 MiB. The budget counts them; they give way to
   * what sessions need, and to wick_runtime_trim. */
  uint64_t prefix_cache_bytes;
  /* Jinja text that replaces the model's own chat template, or the name of a built-in one: "chatml",
   * "llama2", "llama3", "gemma", "phi3", "mistral", "zephyr"; absent: the model's own. */
  struct wick_str chat_template;
  /* How the load's events are read: as in wick_generate_options. */
  struct wick_queue queue;
  /* As in wick_generate_options. */
  wick_event_fn on_event;
  /* As in wick_generate_options. */
  void *user;
  /* As in wick_generate_options. */
  wick_drop_fn drop;
  /* 0. */
  uint64_t reserved2;
  /* What keys and values are kept as: WICK_KV_F16, or WICK_KV_Q8_0, which takes 0.53 of its bytes. Answers
   * of the two are not the same bits. The candle backend has f16 alone: else the load ends with
   * WICK_E_UNSUPPORTED. A save's keys and values of the other type are computed again. */
  uint32_t kv_type;
  /* 1: a mapped file's pages are brought in before END (READY), with progress, so that the first prompt
   * need not wait for the disk. */
  uint8_t preload;
  /* 1: sampling fields that are 0 take what the file says (general.sampling.…). A negative temperature is
   * then greedy, other negative fields are off, but for penalty_last_n. A file whose values are out of
   * range ends its load with WICK_E_MODEL_INVALID. */
  uint8_t sampling_from_model;
  /* 1: no speculation in this model's sessions; 0: where a text repeats what its session has said or
   * read, or what another of the model has said, several tokens are computed at once, as long as that is
   * quicker. The text is the same; its pace and `draft_accepted` may hint at what the others said. */
  uint8_t no_drafts;
  /* 0. */
  uint8_t reserved1;
} wick_model_options;

/* A model's handle; id 0 is none. */
typedef struct wick_model {
  /* The handle. */
  uint64_t id;
} wick_model;

/* What a model would take, in bytes. */
typedef struct wick_estimate {
  /* sizeof(wick_estimate), set by the caller. */
  uint32_t struct_size;
  /* 0. */
  uint32_t reserved;
  /* The file, or all files of a split model. */
  uint64_t file_bytes;
  /* Weights, mapped or owned, with the header's metadata. */
  uint64_t weight_bytes;
  /* Keys and values of all sessions, and, of layers with a window, what the prefix cache keeps of those
   * behind it. */
  uint64_t kv_bytes;
  /* Recurrent states and their snapshots; 0 for a model without. */
  uint64_t state_bytes;
  /* What passes compute in: the largest one of so many sessions. */
  uint64_t scratch_bytes;
  /* What the memory budget will count: weights, keys and values, states and scratch. */
  uint64_t total_bytes;
  /* 0. */
  uint64_t reserved1[4];
} wick_estimate;

/* One message of a conversation. */
typedef struct wick_message {
  /* Who speaks: "system", "user", "assistant", "tool", … Has to be there. */
  struct wick_str role;
  /* What is said; absent (a NULL text): the template sees none, unless `extra_json` has one. */
  struct wick_str content;
  /* A JSON object with further fields for the template (tool_calls, tool_call_id, name, reasoning_content,
   * …), or absent. */
  struct wick_str extra_json;
} wick_message;

/* What an adapter is loaded from: a GGUF. Exactly one of `path`, `data` and `io`, as in wick_model_options. */
typedef struct wick_adapter_options {
  /* sizeof(wick_adapter_options). */
  uint32_t struct_size;
  /* 0. */
  uint32_t reserved;
  /* A .gguf file. */
  struct wick_str path;
  /* Where in the file the .gguf begins: in bytes. */
  uint64_t path_offset;
  /* Bytes that it takes; 0: up to the end of the file. */
  uint64_t path_size;
  /* The bytes of a .gguf: borrowed until `data_drop` is called. */
  const void *data;
  /* Bytes at `data`. */
  size_t data_len;
  /* For `data_drop`. */
  void *data_user;
  /* Called once, with `data_user`, when `data` is not needed any more. */
  wick_drop_fn data_drop;
  /* A reader of a .gguf. */
  const struct wick_io *io;
  /* How the load's events are read: as in wick_generate_options. */
  struct wick_queue queue;
  /* As in wick_generate_options. */
  wick_event_fn on_event;
  /* As in wick_generate_options. */
  void *user;
  /* As in wick_generate_options. */
  wick_drop_fn drop;
} wick_adapter_options;

/* An adapter's handle; id 0 is none. */
typedef struct wick_adapter {
  /* The handle. */
  uint64_t id;
} wick_adapter;

/* What a session is made of. */
typedef struct wick_session_options {
  /* sizeof(wick_session_options). */
  uint32_t struct_size;
  /* The most tokens; 0: the model's context. More than that: WICK_E_INVALID_ARGUMENT or, while the
   * model loads, END (ERROR) of the generations. */
  uint32_t context_length;
  /* The persona: a system message before all others that belongs to the session, so that neither a
   * cancelled turn nor a clear loses it; absent: none. Such a session takes messages only, and no system
   * message as the conversation's first. */
  struct wick_str system;
  /* JSON: tools for the template in every turn, until a generation brings its own; a clear brings these
   * back. Absent: none. */
  struct wick_str tools_json;
  /* A JSON object: more variables for the template in every turn, until a generation brings its own; a
   * clear brings these back. Absent: none. */
  struct wick_str template_json;
  /* WICK_OVERFLOW_STOP or WICK_OVERFLOW_ROLL. */
  uint32_t overflow;
  /* With WICK_OVERFLOW_ROLL: so many messages stay too, and the rest of the exchange that they end in. The
   * system and developer messages that the conversation begins with stay anyway, and do not count. With
   * WICK_OVERFLOW_STOP anything but 0 is WICK_E_INVALID_ARGUMENT. */
  uint32_t pinned_messages;
  /* An adapter of the same model, loaded or loading; id 0: none. Sessions share keys and values only where
   * adapter and scale are the same. */
  struct wick_adapter adapter;
  /* How strongly the session takes it, besides its own alpha / rank; finite; 0: 1. */
  float adapter_scale;
  /* 0. */
  uint32_t reserved;
} wick_session_options;

/* A session's handle; id 0 is none. */
typedef struct wick_session {
  /* The handle. */
  uint64_t id;
} wick_session;

/* Where a session is saved to or restored from. Exactly one of `path` and `io`. */
typedef struct wick_store_options {
  /* sizeof(wick_store_options). */
  uint32_t struct_size;
  /* 1: with keys and values: large, and no prefill after a restore; 0: tokens and messages only. Where a
   * backend's cannot be copied (candle) the save is made without them. */
  uint8_t with_kv;
  /* 0. */
  uint8_t reserved[3];
  /* A file, written atomically. */
  struct wick_str path;
  /* Or the host's own storage. */
  const struct wick_io *io;
  /* How the events are read: as in wick_generate_options. */
  struct wick_queue queue;
  /* As in wick_generate_options. */
  wick_event_fn on_event;
  /* As in wick_generate_options. */
  void *user;
  /* As in wick_generate_options. */
  wick_drop_fn drop;
  /* wick_session_restore, wick_model_warm: the adapter that it was saved with, known by its content;
   * id 0: none. None or another: END (ERROR, UNSUPPORTED). wick_session_save: id 0. */
  struct wick_adapter adapter;
} wick_store_options;

/* How tokens are chosen. All zero: greedily. Applied in this order: logit_bias, penalties, DRY, grammar,
 * top_n_sigma, top_k, typical_p, top_p, min_p, XTC, temperature (with dynatemp). mirostat_tau above 0:
 * top_n_sigma to XTC are left out, mirostat comes after temperature. A value out of its range, NaN or
 * infinite is WICK_E_INVALID_ARGUMENT. This struct lies inside another: it has no struct_size. */
typedef struct wick_sampling {
  /* 0 or more. 0: greedy. Above: logits are divided by it before the draw. */
  float temperature;
  /* 0 to 1. Keeps the likeliest tokens whose probabilities add up to this; 0 or 1: off. */
  float top_p;
  /* 0 to 1. Keeps tokens at least this fraction as likely as the likeliest; 0: off. */
  float min_p;
  /* 0 to 1. Keeps the tokens closest to the expected information that add up to this (Meister et al.,
   * 2022); 0 or 1: off. */
  float typical_p;
  /* 0 or more. Keeps the k likeliest tokens; 0: off. */
  int32_t top_k;
  /* 0 or more. Tokens seen: positive logits are divided by it, others multiplied; 0 or 1: off. */
  float repeat_penalty;
  /* Tokens seen: subtracted from the logit once; 0: off. */
  float presence_penalty;
  /* Tokens seen: subtracted from the logit once per occurrence; 0: off. */
  float frequency_penalty;
  /* -1 or more. How many of the last tokens count as seen; 0: 64; -1: all. */
  int32_t penalty_last_n;
  /* Begins the random numbers; 0: random, and reported in wick_stats. */
  uint64_t seed;
  /* DRY, 0 or more: a token that would go on with a repetition loses this times dry_base to the power of
   * how many tokens the repetition is longer than dry_allowed_length; 0: off. Newline, ':', '"' and '*'
   * end a repetition. */
  float dry_multiplier;
  /* DRY: 1 or more; 0: 1.75. */
  float dry_base;
  /* DRY, 0 or more: the shortest repetition that is penalized, in tokens; 0: 2. */
  int32_t dry_allowed_length;
  /* DRY, -1 or more: how many of the last tokens are looked at; 0 or -1: the whole context. */
  int32_t dry_last_n;
  /* XTC, 0 to 1: how often, of the tokens that are likely, only the least likely stays; 0: off. */
  float xtc_probability;
  /* XTC, 0 to 1: from which probability on a token counts as likely; 0: 0.1. */
  float xtc_threshold;
  /* 0 or more. Keeps the tokens whose logit is at most this many standard deviations below the highest; 0:
   * off. */
  float top_n_sigma;
  /* Mirostat 2, 0 or more: the surprise of a token that is aimed at, in bits; 0: off. */
  float mirostat_tau;
  /* Mirostat 2, 0 or more: how fast it follows; 0: 0.1. */
  float mirostat_eta;
  /* Dynamic temperature, 0 or more: the temperature is between this much lower and this much higher, by
   * how flat the distribution is; 0: off. */
  float dynatemp_range;
  /* Dynamic temperature, 0 or more: the flatness (0 to 1) to this power; 0: 1. */
  float dynatemp_exponent;
  /* 0. */
  uint32_t reserved;
} wick_sampling;

/* What is added to one token's logit. */
typedef struct wick_logit_bias {
  /* The token. */
  uint32_t token;
  /* Added to its logit; -INFINITY forbids it. */
  float bias;
} wick_logit_bias;

/* What is generated, how, and how its events are read. All zero but struct_size: go on from where the
 * session is, greedily.
 *
 * Reading: no queue and no callback: wick_stream_next. A queue only: wick_queue_next. A callback only: it is
 * called on a thread of the runtime (in HOST_STEP: where the runtime's work is done). A queue and a
 * callback: it is called inside wick_queue_dispatch. */
typedef struct wick_generate_options {
  /* sizeof(wick_generate_options). */
  uint32_t struct_size;
  /* Tokens to generate at most; 0: until the context is full. */
  uint32_t max_tokens;
  /* Higher is computed first. */
  int32_t priority;
  /* 0. */
  uint32_t reserved0;
  /* Raw text, appended: in two pieces it is as in one, but for words that are cut. A session's first gets
   * BOS where the model's file says so, and SentencePiece's space; BOS never twice. The text of control
   * tokens in it is plain text, but with `parse_special`: set that for a text from wick_model_render. At
   * most one of prompt, messages and prompt_tokens; none: the session goes on where it ended, in the
   * middle of a character too (END (LENGTH, CANCELLED, DEADLINE) shows only whole ones), and a
   * conversation that ends with what the host gave opens the assistant's turn. */
  struct wick_str prompt;
  /* The new messages: appended to the conversation, through the model's chat template. */
  const struct wick_message *messages;
  /* How many messages there are. */
  size_t message_count;
  /* Ids, appended as they are. */
  const uint32_t *prompt_tokens;
  /* How many ids there are. */
  size_t prompt_token_count;
  /* With messages: tools for the template, JSON, in place of the session's from this turn on, whole; "[]":
   * none. Absent: those in force. */
  struct wick_str tools_json;
  /* With messages: a JSON object, more variables for the template, in place of the session's from this
   * turn on, whole; "{}": none. Absent: those in force. */
  struct wick_str template_json;
  /* How tokens are chosen. */
  struct wick_sampling sampling;
  /* Stop strings: the answer ends before the first of them. The text of a control token counts, whole,
   * though it is not shown. */
  const struct wick_str *stop;
  /* How many stop strings there are. */
  size_t stop_count;
  /* What is added to single tokens' logits before all else; of a token that is named twice both. */
  const struct wick_logit_bias *logit_bias;
  /* How many biases there are. */
  size_t logit_bias_count;
  /* WICK_GRAMMAR_…: what everything generated follows, from the first token, answer_prefix included. What
   * cannot be compiled or honoured is END (ERROR, WICK_E_GRAMMAR), whose text names the keyword and its
   * place; what the grammar completes is END (STOP). Nothing with prefill_only. */
  uint32_t grammar_kind;
  /* The grammar; absent for WICK_GRAMMAR_NONE and WICK_GRAMMAR_JSON. */
  struct wick_str grammar;
  /* From now, in nanoseconds, until the generation ends at the latest; 0: none. */
  uint64_t deadline_ns;
  /* Unread events after which this generation pauses; 0: never. */
  uint32_t buffer_events;
  /* 1: each TEXT carries exactly one id, and its logprob (NaN for those of `answer_prefix`); its text may
   * be empty. */
  uint8_t logprobs;
  /* 1: control tokens show as their text. */
  uint8_t echo_special;
  /* 1: end-of-generation tokens are tokens like others. */
  uint8_t ignore_eos;
  /* 1: compute the keys and values of the input, without a generation prompt, and generate nothing: END
   * (READY). A generation without input then opens the assistant's turn. */
  uint8_t prefill_only;
  /* 1: the text of control tokens in `prompt` counts as these tokens. In messages it never does. */
  uint8_t parse_special;
  /* 0. */
  uint8_t reserved[3];
  /* The queue that the events are read through; id 0: none. */
  struct wick_queue queue;
  /* Takes the events; may be NULL. */
  wick_event_fn on_event;
  /* Comes back with every event. */
  void *user;
  /* Drops `user`, once: after the END callback or when the stream is closed, whichever is first; without a
   * callback when it is closed. */
  wick_drop_fn drop;
  /* With messages: Unix seconds for the template's strftime_now; 0: the clock at the session's first turn. */
  int64_t template_time;
  /* In a conversation, also going on without input: the answer begins so, no reasoning comes before it;
   * empty: none. It is TEXT (with its ids) together with the first generated token, and no output_tokens;
   * part of the assistant's message, and of prompt_tokens. Plain text: control tokens written in it never
   * count as such, and no stop string is looked for in it. WICK_E_INVALID_ARGUMENT with prompt,
   * prompt_tokens or prefill_only, and without input where the session holds raw input. */
  struct wick_str answer_prefix;
  /* WICK_SCOPE_…: what of it the grammar binds. With WICK_SCOPE_ANSWER an answer that ends inside of the
   * reasoning, other than by its length, is END (ERROR, WICK_E_GRAMMAR); without messages, or where the
   * model's template knows no reasoning, it is as WICK_SCOPE_ALL. */
  uint32_t grammar_scope;
  /* In a conversation: WICK_TOOLS_…. WICK_TOOLS_REQUIRED and WICK_TOOLS_NAMED are
   * WICK_E_INVALID_ARGUMENT with a grammar or an answer_prefix, END (ERROR, WICK_E_INVALID_ARGUMENT)
   * without tools in force, and nothing with prefill_only. */
  uint32_t tool_choice;
  /* With WICK_TOOLS_NAMED the tool's name, one of those in force, else END (ERROR,
   * WICK_E_INVALID_ARGUMENT); otherwise absent. */
  struct wick_str tool_name;
  /* With messages: tokens of thinking at most, then what ends it is said in the model's place, at a whole
   * character (docs/reasoning.md). 0: no limit; WICK_NO_REASONING: ended before its first token. */
  uint32_t reasoning_budget;
  /* WICK_CUT_…: what a TEXT is. A piece comes when what follows shows that it is whole, after 400
   * characters whole or not, and at the end; the pieces are the same whatever the tokens are. Its ids are
   * those whose text begins in it. With logprobs or top_logprobs only WICK_CUT_TOKEN. */
  uint32_t cut;
  /* Alternatives per id, at most 20: how many of the model's likeliest tokens each TEXT names in
   * `alternatives`. Above 0 it implies `logprobs`. */
  uint32_t top_logprobs;
  /* Tokens that come in a second at most; 0: as fast as it goes. The first comes as soon as it can; each
   * of the others no earlier than its time, and nothing is computed before. */
  uint32_t max_tokens_per_second;
} wick_generate_options;

/* How vectors or scores are computed and read; fields as in wick_generate_options. */
typedef struct wick_embed_options {
  /* sizeof(wick_embed_options). */
  uint32_t struct_size;
  /* Higher is computed first. */
  int32_t priority;
  /* From now, in nanoseconds, until it ends at the latest; 0: none. */
  uint64_t deadline_ns;
  /* Unread events after which it pauses; 0: never. */
  uint32_t buffer_events;
  /* 0. */
  uint32_t reserved;
  /* The queue that the events are read through; id 0: none. */
  struct wick_queue queue;
  /* Takes the events; may be NULL. */
  wick_event_fn on_event;
  /* Comes back with every event. */
  void *user;
  /* Drops `user`, once. */
  wick_drop_fn drop;
} wick_embed_options;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/* The name of a status, "WICK_E_IO"; "WICK_E_UNKNOWN" or "WICK_UNKNOWN" for a value that this release does
 * not know. Static. */
const char *wick_status_name(wick_status status);

/* WICK_ABI_VERSION of the library that is linked. */
uint32_t wick_abi_version(void);

/* The version of the library that is linked, such as "0.1.0". Static. */
const char *wick_version(void);

/* What this build is, as JSON: `version`, `abi_version` (integer), `features` and `backends` (arrays of
 * strings), `kernels` (what this CPU computes with: "scalar", "avx2", "avxvnni", "avx512", "neon",
 * "neoni8mm"), `target` ("x86_64-linux"), `debug` (boolean). Later releases may add keys, here and in the
 * other info calls. `(json, cap, needed)`: `*needed`, unless NULL, is set to the bytes of the whole text
 * without its NUL; WICK_E_BUFFER_TOO_SMALL if `cap` is not more than that. */
wick_status wick_build_info(char *json, size_t cap, size_t *needed);

/* [ANY] A running runtime. WICK_E_INVALID_ARGUMENT for an option out of range or another ABI version;
 * WICK_E_OUT_OF_MEMORY if the system refuses a thread. If it fails, thread_drop and log_drop have been
 * called. */
wick_status wick_runtime_create(const struct wick_runtime_options *options, struct wick_runtime *out, struct wick_error *error);

/* [EXCL] HOST_STEP only (else WICK_E_UNSUPPORTED): runs the runtime's work, callbacks included, on this
 * thread for about `budget_ns`, at least one slice. WICK_MORE: call again; WICK_EMPTY: idle.
 * `*next_wake_ns`, unless NULL, says in how many nanoseconds something is due: 0 with WICK_MORE,
 * WICK_FOREVER if nothing is. */
wick_status wick_runtime_step(struct wick_runtime runtime, uint64_t budget_ns, uint64_t *next_wake_ns);

/* [ANY] From the next slice on the threads compute `percent` of each 16.7 ms at most; 0: 100.
 * WICK_E_INVALID_ARGUMENT beyond 100; WICK_E_UNSUPPORTED in HOST_STEP. */
wick_status wick_runtime_set_pace(struct wick_runtime runtime, uint32_t percent);

/* [ANY] Stops computing within a slice; events, cancel, deadlines, close and shutdown still work. Not
 * counted. */
wick_status wick_runtime_pause(struct wick_runtime runtime);

/* [ANY] Computes again. */
wick_status wick_runtime_resume(struct wick_runtime runtime);

/* [ANY] Gives back memory whose contents can be computed again: prefixes that no session uses, keys and
 * values of idle sessions, and what passes work in. For the system's low-memory warning. Returns at once;
 * what a pass under way holds comes back behind it. */
wick_status wick_runtime_trim(struct wick_runtime runtime);

/* [ANY] Counts, memory and queues as JSON; never waits for compute: `version`; `mode` ("threads",
 * "host_step"); `state` ("running", "shutting down"); `threads` (array: the names of those that run);
 * `generations` {`live`, `running`, `waiting`}; `limits` {`max_sequences`, `max_waiting`}; `passes`
 * (computed so far); `memory` {`weights`, `kv_and_scratch` (with those of prefixes that no session uses),
 * `budget`} in bytes, `budget` null if there is none; `queues` {`count`, `streams` (array: how many streams
 * each queue has)}. All else are integers. `(json, cap, needed)` as in wick_build_info. */
wick_status wick_runtime_info(struct wick_runtime runtime, char *json, size_t cap, size_t *needed);

/* [ANY][BLOCK] Ends every live stream with SHUTDOWN, takes nothing new, and joins the threads. WICK_OK: none
 * of this runtime's threads runs, no callback can run save by wick_queue_dispatch, its drop functions have
 * run, its memory is returned, and the handles of it, its models and its sessions are stale. Streams and
 * queues stay readable, and keep their drops, until they are closed; close them before you unload the code
 * of their callbacks. WICK_E_TIMEOUT: not all has ended after `timeout_ns`; call again. */
wick_status wick_runtime_shutdown(struct wick_runtime runtime, uint64_t timeout_ns);

/* [ANY] A queue of this runtime. It ends with the runtime, and stays readable until it is closed. */
wick_status wick_queue_create(struct wick_runtime runtime, struct wick_queue *out, struct wick_error *error);

/* [EXCL][BLOCK] The next event of the queue's streams without a callback; streams take turns. Events, `buf`
 * and `timeout_ns` as in wick_stream_next. WICK_EMPTY: nothing came, or a wake. WICK_ENDED: the runtime is
 * shut down and every END was read. WICK_E_STALE_HANDLE at once when the queue is closed meanwhile. */
wick_status wick_queue_next(struct wick_queue queue, struct wick_event *event, char *buf, size_t cap, uint64_t timeout_ns);

/* [EXCL] Runs callbacks of the queue's streams on the calling thread, for events that were there at the
 * call: at most `max_events` (0: no limit), for about `budget_ns` (0: no limit). WICK_EMPTY: none is left;
 * WICK_MORE: some are; WICK_ENDED: the runtime is shut down and every END was delivered. */
wick_status wick_queue_dispatch(struct wick_queue queue, uint32_t max_events, uint64_t budget_ns);

/* [ANY] Wakes the queue's reader: the current or next call that finds no event takes the wake and returns
 * WICK_EMPTY at once. Sticky, not counted. */
wick_status wick_queue_wake(struct wick_queue queue);

/* [ANY] What an event loop waits on for this queue: readable exactly while an event of any of its streams,
 * the rest of one, or a wake waits. The same each time. WICK_E_IO if the system has no descriptor left. */
wick_status wick_queue_os_handle(struct wick_queue queue, struct wick_os_handle *out);

/* [ANY] Closes the queue and all its streams, ended or not, as wick_stream_close does: their handles are
 * stale too. */
wick_status wick_queue_close(struct wick_queue queue);

/* [ANY] Starts to load a model and returns at once. The load is a stream of PROGRESS and one END (READY,
 * CANCELLED, ERROR, …). Sessions and generations may be made at once: they wait for it; wick_model_tokenize,
 * _detokenize and _render return WICK_E_BUSY until then; after a failed load everything returns its error.
 * `load` NULL, for who has no use for the stream: the outcome shows in the generations. Else keep it open:
 * closing `load` before its END cancels the load. With NULL the stream, if it has a callback or a queue,
 * closes itself after its END: read with wick_queue_next, at the next call for that queue. If this fails,
 * `drop`, `data_drop` and the drop of `io` have been called. */
wick_status wick_model_load(struct wick_runtime runtime,
                            const struct wick_model_options *options,
                            struct wick_model *out,
                            struct wick_stream *load,
                            struct wick_error *error);

/* [ANY] What is known of the model, as JSON: `state` ("loading": nothing else is known yet; "ready"),
 * `name`, `architecture`, `backend` ("native", "candle", "none" with vocab_only, "fake" for the tests'
 * model), `parameters`, `quantisation` (the tensor type of most weights), `context_length`,
 * `embedding_length`, `vocab_size`, `bos_id` (null if there is none), `adds_bos` (boolean: raw text gets
 * it), `eos_ids` (array: what ends an answer), `weight_bytes`, `weights` (where they are: "mapped": pages of
 * the file that the system can drop; "huge": moved to huge pages; "partly": some of them; "owned": read into
 * memory, or the host's; "none"), `mapped_bytes` and `huge_bytes` of them, `kv_bytes_per_token`,
 * `chat_template` (boolean: there is one), `suppressed_ids` (array: what no answer says), `sampling` (what
 * the file recommends, where it says so: `temperature`, `top_p`, `min_p`, `repeat_penalty` as floats,
 * `top_k`, `penalty_last_n`), `encodes` (boolean: it makes one vector of a text and generates none, so that
 * generations end with WICK_E_UNSUPPORTED), `prefix_cache` (boolean: its sessions share what they have
 * computed), `drafts` (boolean: they may compute several tokens at once), `adapters` (boolean: it takes
 * them): false where its backend cannot, or where its options say no; `vector_length` (of a text's vector,
 * 0: it makes none), `ranks` (boolean: it scores texts for a query). Names are strings, all else are
 * integers.
 * `(json, cap, needed)` as in wick_build_info. After a failed load: its error. */
wick_status wick_model_info(struct wick_model model, char *json, size_t cap, size_t *needed);

/* [ANY] Leaves the weights of a mapped file where they are, from now on; call it right after wick_model_load
 * for all of them. They stay pages that other processes share and that the system may drop. Else they move
 * to huge pages of this process' own behind the first token, which makes every later one sooner (Linux 6.1
 * and later), as far as the system and the process' memory cgroups have room to spare for all of them. */
wick_status wick_model_keep_mapped(struct wick_model model);

/* [ANY] Lets go of the model; never blocks. Sessions keep what they need; a load without any is cancelled. */
wick_status wick_model_close(struct wick_model model);

/* [ANY][BLOCK] What a model would take in this runtime, by its header alone, which takes milliseconds: the
 * bytes that its memory budget will count when `sequences` sessions (0: 1) that have nothing in common are
 * full, of `context` tokens each (0: the model's). A mapped file's weights count as owned ones do. Not
 * counted: other models, and what only takes room that is there: weights on their way to huge pages, and the
 * logits of drafts. Takes nothing: no drop function is called, `data` and `io` are used during the call
 * only; queue, on_event and user are ignored. With vocab_only all but `file_bytes` is 0. Errors as the
 * load's END would have them, but for the budget; WICK_E_UNSUPPORTED also for the candle backend;
 * WICK_E_INVALID_ARGUMENT for a context beyond the model's; WICK_E_TIMEOUT: the header was not read after
 * `timeout_ns`, which is looked at between two reads. */
wick_status wick_model_estimate(struct wick_runtime runtime,
                                const struct wick_model_options *options,
                                uint32_t context,
                                uint32_t sequences,
                                struct wick_estimate *out,
                                uint64_t timeout_ns,
                                struct wick_error *error);

/* [ANY] The ids of `text`. `add_special` 1: with BOS and EOS where the model's file says so; `parse_special`
 * 1: the text of control tokens counts as such. `(ids, cap, needed)`: `*needed`, unless NULL, is set to the
 * count of all ids. WICK_E_BUSY while the model loads. */
wick_status wick_model_tokenize(struct wick_model model,
                                struct wick_str text,
                                int32_t add_special,
                                int32_t parse_special,
                                uint32_t *ids,
                                size_t cap,
                                size_t *needed,
                                struct wick_error *error);

/* [ANY] The text of `count` ids, as a stream gives it; `special` 1: with the text of control tokens.
 * `(buf, cap, needed)` as in wick_build_info. WICK_E_INVALID_ARGUMENT for an id beyond the vocabulary;
 * WICK_E_BUSY while the model loads. */
wick_status wick_model_detokenize(struct wick_model model,
                                  const uint32_t *ids,
                                  size_t count,
                                  int32_t special,
                                  char *buf,
                                  size_t cap,
                                  size_t *needed,
                                  struct wick_error *error);

/* [ANY] How many ids `text` has: what wick_model_tokenize would give. WICK_E_BUSY while the model loads. */
wick_status wick_model_count_tokens(struct wick_model model,
                                    struct wick_str text,
                                    int32_t add_special,
                                    int32_t parse_special,
                                    size_t *count,
                                    struct wick_error *error);

/* [ANY] `count` messages through the model's chat template. `tools_json`: the template's tools, JSON, or
 * absent; `template_json`: an object, more variables for the template, or absent; `add_generation_prompt` 1:
 * opens the assistant's turn. To generate from the text, or from what begins with it, give it as `prompt`
 * with parse_special 1: BOS is not doubled; without, its control tokens are plain text. `(buf, cap, needed)`
 * as in wick_build_info. WICK_E_TEMPLATE if there is no template or it fails; WICK_E_BUSY while the model
 * loads. */
wick_status wick_model_render(struct wick_model model,
                              const struct wick_message *messages,
                              size_t count,
                              struct wick_str tools_json,
                              struct wick_str template_json,
                              int32_t add_generation_prompt,
                              char *buf,
                              size_t cap,
                              size_t *needed,
                              struct wick_error *error);

/* [ANY] How many tokens `count` messages are through the model's chat template, as the first of a session:
 * the prompt_tokens of a generation with these messages, if `add_generation_prompt` is 1. The rest as in
 * wick_model_render. WICK_E_BUSY while the model loads. */
wick_status wick_model_count_messages(struct wick_model model,
                                      const struct wick_message *messages,
                                      size_t count,
                                      struct wick_str tools_json,
                                      struct wick_str template_json,
                                      int32_t add_generation_prompt,
                                      size_t *tokens,
                                      struct wick_error *error);

/* [ANY] Starts to load an adapter for `model` out of a GGUF of low-rank matrices (LoRA); returns at once. A
 * stream like a model's load: PROGRESS in bytes and END; `stream` may be NULL; closing it before END cancels
 * the load. Sessions may be made with the adapter at once: their generations wait for it, and end with its
 * error if it fails. The load waits for the model's. What the adapter holds counts in the memory budget and
 * is never evicted; of its file nothing is needed behind the END. END (ERROR): WICK_E_UNSUPPORTED for
 * another architecture's adapter, one of another kind, one that changes what adapters may not change (the
 * embedding, norms), and for a model whose backend computes none; WICK_E_MODEL_INVALID for what is no
 * adapter, or for a tensor that is missing or of another shape, by name; WICK_E_OUT_OF_MEMORY; WICK_E_IO. */
wick_status wick_adapter_load(struct wick_model model,
                              const struct wick_adapter_options *options,
                              struct wick_adapter *out,
                              struct wick_stream *stream,
                              struct wick_error *error);

/* [ANY] What is known of an adapter, as JSON: `state` ("loading": nothing else is known yet; "ready"),
 * `name`, `architecture`, `content` (32 hexadecimal digits that saves know it by: a hash of what it
 * computes), strings; `alpha`, a float; `rank` (the largest of its matrices), `matrices` that it changes,
 * `bytes` that it holds, integers. `(json, cap, needed)` as in wick_build_info. After a failed load: its
 * error. */
wick_status wick_adapter_info(struct wick_adapter adapter, char *json, size_t cap, size_t *needed);

/* [ANY] Lets go of an adapter; never blocks. Sessions keep what they need; a load without any is cancelled. */
wick_status wick_adapter_close(struct wick_adapter adapter);

/* [ANY] A new, empty session; `options` NULL: all defaults. The model may still be loading.
 * WICK_E_INVALID_ARGUMENT for a context beyond the model's (while the model loads: as END (ERROR) of the
 * session's generations), and for another model's adapter; WICK_E_UNSUPPORTED for a model loaded with
 * vocab_only; after a failed load its error. */
wick_status wick_session_create(struct wick_model model,
                                const struct wick_session_options *options,
                                struct wick_session *out,
                                struct wick_error *error);

/* [ANY] A second session that begins as this one is: the same past, messages, system message, tools and
 * variables in force; a clear of it brings back what this one was made with. It shares the keys and values
 * of the past: a fork takes microseconds and no memory but for its lists. May be used at once, also where a
 * cancelled or closed generation of this one has not stopped yet: then it begins as that leaves it.
 * WICK_E_BUSY while a generation of it is live and not cancelled; after a failed load its error. */
wick_status wick_session_fork(struct wick_session session, struct wick_session *out, struct wick_error *error);

/* [ANY] Empties the session, but for what it was made with: its system message, tools and template
 * variables. WICK_E_BUSY while a generation of it is live and not cancelled. */
wick_status wick_session_clear(struct wick_session session);

/* [ANY] Goes back to where the session had its first `token_count` tokens; more than it has: nothing
 * changes; 0: as wick_session_clear. Raw input goes back to any token; a conversation to the state right
 * behind the turn whose END said so many session_tokens, or behind a turn's input (its prompt_tokens), with
 * the tools and variables in force then; in between to the messages that are whole within them. What is
 * still known of the past is kept, the rest is computed by the next generation. Takes effect between two
 * slices of the engine (in HOST_STEP in the next wick_runtime_step, or call that waits), behind what was
 * asked before; what is asked of the session afterwards finds it done, but wick_session_info, _messages and
 * _tokens may show it as it was. WICK_E_INVALID_ARGUMENT if messages have gone since it had so many
 * (WICK_OVERFLOW_ROLL); where a cancelled generation has not stopped yet, that is not known, and the session
 * then stays as that leaves it. WICK_E_BUSY while a generation of it is live and not cancelled. */
wick_status wick_session_rewind(struct wick_session session, uint32_t token_count);

/* [ANY] What is known of the session, as JSON: `state` ("idle", "generating", "stopping": cancelled, and not
 * stopped yet; "restoring": out of a save that is still being read), `tokens` that it holds, `messages` of
 * the conversation (without the session's own system message), `rolled_messages` and `rolled_tokens` (what
 * has gone with WICK_OVERFLOW_ROLL since it was made or cleared), `context_length` (the most tokens),
 * `context_left` (those that may still come); integers, the last two null while the model loads, if the
 * session was given no length. `(json, cap, needed)` as in wick_build_info. */
wick_status wick_session_info(struct wick_session session, char *json, size_t cap, size_t *needed);

/* [ANY] Another system message for the session, from the next turn on; absent: none. Also while a generation
 * is live, which keeps the one it was started with. The past is computed again then. WICK_E_INVALID_ARGUMENT
 * for a session with raw input, or whose conversation begins with a system message of its own; also while a
 * generation is live that brings it. */
wick_status wick_session_set_system(struct wick_session session, struct wick_str system, struct wick_error *error);

/* [ANY] Another adapter of the same model for the session, from the next turn on; id 0: none; scale 0: 1.
 * Also while a generation is live, which keeps what it was started with. The past is computed again then.
 * WICK_E_INVALID_ARGUMENT for another model's, and for a scale that is not finite; WICK_E_BUSY while the
 * session is being restored. */
wick_status wick_session_set_adapter(struct wick_session session, struct wick_adapter adapter, float scale, struct wick_error *error);

/* [ANY] The conversation, as a JSON array of {"role", "content", and the keys of extra_json}, the session's
 * system message first; of raw input "[]". As the last generation that stopped left it: a live one shows,
 * its input too, when its END can be read, a cancelled or closed one when it has stopped.
 * `(json, cap, needed)` as in wick_build_info. */
wick_status wick_session_messages(struct wick_session session, char *json, size_t cap, size_t *needed);

/* [ANY] The ids that the session holds, all of its past, of the same moment as wick_session_messages.
 * `(ids, cap, needed)`: `*needed`, unless NULL, is set to the count of all ids. */
wick_status wick_session_tokens(struct wick_session session, uint32_t *ids, size_t cap, size_t *needed);

/* [ANY] How many tokens the whole next prompt has, if these messages came next. WICK_E_UNSUPPORTED in this
 * release. */
wick_status wick_session_count(struct wick_session session,
                               const struct wick_message *messages,
                               size_t count,
                               size_t *tokens,
                               struct wick_error *error);

/* [ANY] Of the last answer only the first `bytes` bytes of its text (answer_prefix counts; down to a whole
 * character) were shown or spoken: the rest is forgotten, and the next turn goes on behind what is left.
 * More than it has: all stays; 0: the answer goes, its input stays. The last ids of what stays may be others
 * than the model's. For dialogue that is interrupted: wick_stream_cancel, then this, then the next
 * wick_generate, without a wait. It takes effect when the generation has stopped; where that came to nothing
 * there is nothing to forget: an earlier answer stays as it is. As wick_session_rewind otherwise.
 * WICK_E_INVALID_ARGUMENT without an answer; WICK_E_BUSY while a generation of it is live and not cancelled. */
wick_status wick_session_keep(struct wick_session session, size_t bytes);

/* [ANY] Lets go of the session; a running generation is cancelled. */
wick_status wick_session_close(struct wick_session session);

/* [ANY] Saves the session as it is at this call: its conversation, its tokens, what it was made with. It may
 * go on at once, and be closed. The stream has PROGRESS in bytes and END: READY when all of it is on the
 * disk and in place. Until then the file that was there stays as it was, whatever happens: cancelled,
 * closed, failed, or the process killed (a file ".NAME.….saving" beside it may be left then). A link is
 * replaced, not followed. With `io`, write_at is called in ascending order, without gaps, on a thread of the
 * runtime (in HOST_STEP: inside wick_runtime_step); that a save is whole is the host's to keep.
 * WICK_E_BUSY while a generation of the session is live and not cancelled. END (ERROR): WICK_E_IO where it
 * cannot be written, WICK_E_UNSUPPORTED for a session that has more than a save holds. */
wick_status wick_session_save(struct wick_session session,
                              const struct wick_store_options *options,
                              struct wick_stream *out,
                              struct wick_error *error);

/* [ANY] A session out of a save, with what it was made with. It can be used at once, like a model that
 * loads: generations wait for the restore, and end with its error if it fails; wick_session_messages,
 * _tokens and _set_system return WICK_E_BUSY until its END can be read. The stream has PROGRESS in bytes and
 * END; closing it before that cancels the restore. END (ERROR): WICK_E_IO for a save that is damaged, with
 * the section and the byte, or that cannot be read; WICK_E_UNSUPPORTED for another model's or a later
 * release's; WICK_E_INVALID_ARGUMENT or WICK_E_CONTEXT_FULL where the model's context is shorter now than
 * what the session has; the error of the model's load. The session is to be closed all the same. */
wick_status wick_session_restore(struct wick_model model,
                                 const struct wick_store_options *options,
                                 struct wick_session *out,
                                 struct wick_stream *stream,
                                 struct wick_error *error);

/* [ANY] Puts a save with keys and values into the model's prefix cache: a session whose tokens begin as the
 * saved ones need not compute them, as if another had computed them before. They count in prefix_cache_bytes
 * and give way like any prefix. Reads as wick_session_restore does, and waits for the model's load; `stream`
 * may be NULL: without a callback and a queue nothing is told then. END (ERROR): as for
 * wick_session_restore; WICK_E_UNSUPPORTED also for a save without keys and values, or of another layout,
 * and for a model with no_prefix_cache; WICK_E_OUT_OF_MEMORY. */
wick_status wick_model_warm(struct wick_model model,
                            const struct wick_store_options *options,
                            struct wick_stream *stream,
                            struct wick_error *error);

/* [ANY] Starts a generation and returns in microseconds: the shape of what it is given is checked here; what
 * needs the model (template, ids beyond the vocabulary, an input over the context) comes as END (ERROR),
 * always. Not WICK_OK: there is no stream and no event, and `drop` has been called. `out` may be NULL if
 * there is a callback: then the stream closes itself after END. WICK_E_BUSY while a generation of the
 * session is live: until its END can be read, or until it is cancelled or closed. WICK_E_QUEUE_FULL: too
 * many wait.
 *
 * What the session holds after END: with output_tokens 0, for any reason but WICK_END_READY, what it held
 * before, without the new input; else the input and all tokens that came, of messages the text that came as
 * the assistant's message. */
wick_status wick_generate(struct wick_session session,
                          const struct wick_generate_options *options,
                          struct wick_stream *out,
                          struct wick_error *error);

/* [EXCL][BLOCK] The next event of a stream without queue and callback: WICK_OK, WICK_EMPTY after
 * `timeout_ns` (0 polls), WICK_ENDED once END was read. Its text and ids lie in `buf` (of any alignment, the
 * ids are aligned in it), which has `cap` bytes, 256 or more. What does not fit is read as several events of
 * its kind, all but the last with `more` set: the text first, cut at code points, then the ids. END is never
 * split, its text is cut. WICK_E_STALE_HANDLE at once when the stream is closed meanwhile;
 * WICK_E_INVALID_ARGUMENT for a stream with a queue or callback. */
wick_status wick_stream_next(struct wick_stream stream, struct wick_event *event, char *buf, size_t cap, uint64_t timeout_ns);

/* [EXCL][BLOCK] Reads on to END and drops the events before it. As wick_stream_next; WICK_EMPTY:
 * `timeout_ns` passed first. */
wick_status wick_stream_join(struct wick_stream stream, struct wick_event *end, char *buf, size_t cap, uint64_t timeout_ns);

/* [ANY] What an event loop waits on for this stream: readable exactly while an event, or the rest of one,
 * waits. The same each time. WICK_E_IO if the system has no descriptor left. */
wick_status wick_stream_os_handle(struct wick_stream stream, struct wick_os_handle *out);

/* [ANY] Asks for the end: latched, idempotent, never waits. END (CANCELLED) follows, unless END came first. */
wick_status wick_stream_cancel(struct wick_stream stream);

/* [ANY] The stream's figures as of now; after END the final ones. */
wick_status wick_stream_stats(struct wick_stream stream, struct wick_stats *out);

/* [ANY] Merges a NOTE into the stream: the host's own trace beside the text, never before or instead of
 * text. Of the unread notes the oldest beyond 1,024, or beyond 1 MiB, are dropped and counted in wick_stats.
 * After END: WICK_ENDED. */
wick_status wick_stream_note(struct wick_stream stream, struct wick_str text);

/* [ANY] Ends the thinking of a generation here, or keeps it from beginning: latched, never waits. Once the
 * answer has begun it changes nothing; after END: WICK_ENDED; not a generation: WICK_E_INVALID_ARGUMENT. */
wick_status wick_stream_answer_now(struct wick_stream stream);

/* [ANY] Cancels and forgets: no callback of it starts after this returns. One may still be running
 * elsewhere: free what it uses in `drop`. A thread that reads the stream gets WICK_E_STALE_HANDLE at once. */
wick_status wick_stream_close(struct wick_stream stream);

/* [ANY][BLOCK] The vectors of `count` texts, each of length 1 (L2), one after the other in `out`: count *
 * dim floats, where dim is `vector_length` of wick_model_info. The same bits as from wick_embed_start,
 * whatever else is computed. `(out, cap, needed)`: `cap` too small: WICK_E_BUFFER_TOO_SMALL, nothing is
 * computed. Waits for the model's load too; WICK_E_TIMEOUT after `timeout_ns`: given up. Errors as the END
 * of wick_embed_start has them. */
wick_status wick_embed(struct wick_model model,
                       const struct wick_str *texts,
                       size_t count,
                       float *out,
                       size_t cap,
                       size_t *needed,
                       uint64_t timeout_ns,
                       struct wick_error *error);

/* [ANY] The same as a stream: a VECTOR for each text, in order (`done` is the text's index, `total` how many
 * there are), PROGRESS in tokens, then END (READY). Returns at once, also while the model loads; many texts
 * are computed at once, beside generations, which have every other slice of the time; by `priority`. All
 * texts become tokens before the first VECTOR: a text with more tokens than the model's context takes is END
 * (ERROR, CONTEXT_FULL), one without any END (ERROR, INVALID_ARGUMENT), both naming its index; nothing is
 * cut. A model that makes no vectors: END (ERROR, UNSUPPORTED). `options` NULL: defaults. Not WICK_OK: there
 * is no stream, and `drop` has been called; WICK_E_QUEUE_FULL as of wick_generate. */
wick_status wick_embed_start(struct wick_model model,
                             const struct wick_str *texts,
                             size_t count,
                             const struct wick_embed_options *options,
                             struct wick_stream *out,
                             struct wick_error *error);

/* [ANY][BLOCK] How well each of `count` texts goes with `query`, by a cross-encoder: raw scores (no
 * sigmoid), in the order of the texts, which a host sorts. `(scores, cap, needed)`: `cap` too small:
 * WICK_E_BUFFER_TOO_SMALL, nothing is computed. A query and a text have to fit the model's context together.
 * WICK_E_UNSUPPORTED for a model that is no cross-encoder (`ranks` in wick_model_info); the rest as
 * wick_embed. */
wick_status wick_rerank(struct wick_model model,
                        struct wick_str query,
                        const struct wick_str *texts,
                        size_t count,
                        float *scores,
                        size_t cap,
                        size_t *needed,
                        uint64_t timeout_ns,
                        struct wick_error *error);

/* [ANY] The same as a stream: a VECTOR of one value, the score, for each text; as wick_embed_start. Another
 * model: END (ERROR, UNSUPPORTED). */
wick_status wick_rerank_start(struct wick_model model,
                              struct wick_str query,
                              const struct wick_str *texts,
                              size_t count,
                              const struct wick_embed_options *options,
                              struct wick_stream *out,
                              struct wick_error *error);

/* The `count` rows of `dim` floats at `vectors` that have the largest dot product with `query` (of vectors
 * of length 1: the cosine similarity), best first, ties by the lower index, NaN last: *found = min(k, count)
 * are written to `indices` and, unless it is NULL, to `scores`, which have room for that many.
 * WICK_E_INVALID_ARGUMENT for a dim of 0, a count over UINT32_MAX, or a count * dim that no memory has.
 * Every row is looked at: exact, pure, and the same on every machine. */
wick_status wick_nearest(const float *query,
                         const float *vectors,
                         size_t count,
                         size_t dim,
                         size_t k,
                         uint32_t *indices,
                         float *scores,
                         size_t *found);

#ifdef __cplusplus
} /* extern "C" */
#endif /* __cplusplus */

#endif  /* WICK_H */
