-- Generated from include/wick.abi.json: do not edit. See docs/abi.md.

local ffi = require "ffi"

ffi.cdef [[

typedef int32_t wick_status;
typedef struct wick_runtime { uint64_t id; } wick_runtime;
typedef struct wick_queue { uint64_t id; } wick_queue;
typedef struct wick_stream { uint64_t id; } wick_stream;
typedef struct wick_model { uint64_t id; } wick_model;
typedef struct wick_adapter { uint64_t id; } wick_adapter;
typedef struct wick_session { uint64_t id; } wick_session;
typedef struct wick_str wick_str;
typedef struct wick_runtime_options wick_runtime_options;
typedef struct wick_error wick_error;
typedef struct wick_stats wick_stats;
typedef struct wick_alternative wick_alternative;
typedef struct wick_event wick_event;
typedef struct wick_os_handle wick_os_handle;
typedef struct wick_io wick_io;
typedef struct wick_model_options wick_model_options;
typedef struct wick_estimate wick_estimate;
typedef struct wick_message wick_message;
typedef struct wick_adapter_options wick_adapter_options;
typedef struct wick_session_options wick_session_options;
typedef struct wick_store_options wick_store_options;
typedef struct wick_sampling wick_sampling;
typedef struct wick_logit_bias wick_logit_bias;
typedef struct wick_generate_options wick_generate_options;
typedef struct wick_embed_options wick_embed_options;
typedef void (*wick_drop_fn)(void *user);
typedef void (*wick_log_fn)(void *user, int32_t level, const char *text, size_t len);
typedef int32_t (*wick_read_at_fn)(void *user, uint64_t offset, void *dst, uint64_t len);
typedef int32_t (*wick_write_at_fn)(void *user, uint64_t offset, const void *src, uint64_t len);
typedef void (*wick_event_fn)(void *user, const wick_event *event);
struct wick_str {
  const char *ptr;
  size_t len;
};
struct wick_runtime_options {
  uint32_t struct_size;
  uint32_t abi_version;
  uint32_t mode;
  uint32_t threads;
  uint64_t memory_budget;
  uint32_t max_sequences;
  uint32_t max_waiting;
  wick_str thread_name;
  void (*on_thread)(void *user, int32_t start);
  void *thread_user;
  wick_drop_fn thread_drop;
  wick_log_fn log;
  void *log_user;
  wick_drop_fn log_drop;
  int32_t log_level;
  uint32_t reserved;
  uint32_t pace_percent;
  uint32_t keep_scheduling;
};
struct wick_error {
  uint32_t struct_size;
  wick_status code;
  char message[248];
};
struct wick_stats {
  uint32_t prompt_tokens;
  uint32_t cached_tokens;
  uint32_t output_tokens;
  uint32_t session_tokens;
  uint64_t queue_ns;
  uint64_t prefill_ns;
  uint64_t ttft_ns;
  uint64_t decode_ns;
  uint64_t max_gap_ns;
  uint64_t seed;
  uint64_t notes_dropped;
  uint64_t draft_tokens;
  uint64_t draft_accepted;
  uint64_t reserved[3];
};
struct wick_alternative {
  uint32_t token;
  float logprob;
};
struct wick_event {
  uint32_t struct_size;
  uint16_t kind;
  uint16_t end_reason;
  wick_stream stream;
  void *user;
  uint64_t seq;
  uint64_t time_ns;
  const char *text;
  size_t text_len;
  const uint32_t *tokens;
  uint32_t token_count;
  float logprob;
  uint64_t done;
  uint64_t total;
  wick_status status;
  uint16_t channel;
  uint16_t more;
  wick_stats stats;
  const wick_alternative *alternatives;
  uint32_t alternative_count;
  uint32_t value_count;
  const float *values;
};
struct wick_os_handle {
  int32_t fd;
  void *event;
};
struct wick_io {
  uint32_t struct_size;
  uint32_t flags;
  uint64_t size;
  wick_read_at_fn read_at;
  wick_write_at_fn write_at;
  void *user;
  wick_drop_fn drop;
};
struct wick_model_options {
  uint32_t struct_size;
  uint32_t backend;
  wick_str path;
  uint64_t path_offset;
  uint64_t path_size;
  const void *data;
  size_t data_len;
  void *data_user;
  wick_drop_fn data_drop;
  const wick_io *io;
  uint8_t no_mmap;
  uint8_t vocab_only;
  uint8_t no_prefix_cache;
  uint8_t reserved;
  uint32_t context_length;
  uint64_t prefix_cache_bytes;
  wick_str chat_template;
  wick_queue queue;
  wick_event_fn on_event;
  void *user;
  wick_drop_fn drop;
  uint64_t reserved2;
  uint32_t kv_type;
  uint8_t preload;
  uint8_t sampling_from_model;
  uint8_t no_drafts;
  uint8_t reserved1;
};
struct wick_estimate {
  uint32_t struct_size;
  uint32_t reserved;
  uint64_t file_bytes;
  uint64_t weight_bytes;
  uint64_t kv_bytes;
  uint64_t state_bytes;
  uint64_t scratch_bytes;
  uint64_t total_bytes;
  uint64_t reserved1[4];
};
struct wick_message {
  wick_str role;
  wick_str content;
  wick_str extra_json;
};
struct wick_adapter_options {
  uint32_t struct_size;
  uint32_t reserved;
  wick_str path;
  uint64_t path_offset;
  uint64_t path_size;
  const void *data;
  size_t data_len;
  void *data_user;
  wick_drop_fn data_drop;
  const wick_io *io;
  wick_queue queue;
  wick_event_fn on_event;
  void *user;
  wick_drop_fn drop;
};
struct wick_session_options {
  uint32_t struct_size;
  uint32_t context_length;
  wick_str system;
  wick_str tools_json;
  wick_str template_json;
  uint32_t overflow;
  uint32_t pinned_messages;
  wick_adapter adapter;
  float adapter_scale;
  uint32_t reserved;
};
struct wick_store_options {
  uint32_t struct_size;
  uint8_t with_kv;
  uint8_t reserved[3];
  wick_str path;
  const wick_io *io;
  wick_queue queue;
  wick_event_fn on_event;
  void *user;
  wick_drop_fn drop;
  wick_adapter adapter;
};
struct wick_sampling {
  float temperature;
  float top_p;
  float min_p;
  float typical_p;
  int32_t top_k;
  float repeat_penalty;
  float presence_penalty;
  float frequency_penalty;
  int32_t penalty_last_n;
  uint64_t seed;
  float dry_multiplier;
  float dry_base;
  int32_t dry_allowed_length;
  int32_t dry_last_n;
  float xtc_probability;
  float xtc_threshold;
  float top_n_sigma;
  float mirostat_tau;
  float mirostat_eta;
  float dynatemp_range;
  float dynatemp_exponent;
  uint32_t reserved;
};
struct wick_logit_bias {
  uint32_t token;
  float bias;
};
struct wick_generate_options {
  uint32_t struct_size;
  uint32_t max_tokens;
  int32_t priority;
  uint32_t reserved0;
  wick_str prompt;
  const wick_message *messages;
  size_t message_count;
  const uint32_t *prompt_tokens;
  size_t prompt_token_count;
  wick_str tools_json;
  wick_str template_json;
  wick_sampling sampling;
  const wick_str *stop;
  size_t stop_count;
  const wick_logit_bias *logit_bias;
  size_t logit_bias_count;
  uint32_t grammar_kind;
  wick_str grammar;
  uint64_t deadline_ns;
  uint32_t buffer_events;
  uint8_t logprobs;
  uint8_t echo_special;
  uint8_t ignore_eos;
  uint8_t prefill_only;
  uint8_t parse_special;
  uint8_t reserved[3];
  wick_queue queue;
  wick_event_fn on_event;
  void *user;
  wick_drop_fn drop;
  int64_t template_time;
  wick_str answer_prefix;
  uint32_t grammar_scope;
  uint32_t tool_choice;
  wick_str tool_name;
  uint32_t reasoning_budget;
  uint32_t cut;
  uint32_t top_logprobs;
  uint32_t max_tokens_per_second;
};
struct wick_embed_options {
  uint32_t struct_size;
  int32_t priority;
  uint64_t deadline_ns;
  uint32_t buffer_events;
  uint32_t reserved;
  wick_queue queue;
  wick_event_fn on_event;
  void *user;
  wick_drop_fn drop;
};
const char *wick_status_name(wick_status status);
uint32_t wick_abi_version(void);
const char *wick_version(void);
wick_status wick_build_info(char *json, size_t cap, size_t *needed);
wick_status wick_runtime_create(const wick_runtime_options *options, wick_runtime *out, wick_error *error);
wick_status wick_runtime_step(wick_runtime runtime, uint64_t budget_ns, uint64_t *next_wake_ns);
wick_status wick_runtime_set_pace(wick_runtime runtime, uint32_t percent);
wick_status wick_runtime_pause(wick_runtime runtime);
wick_status wick_runtime_resume(wick_runtime runtime);
wick_status wick_runtime_trim(wick_runtime runtime);
wick_status wick_runtime_info(wick_runtime runtime, char *json, size_t cap, size_t *needed);
wick_status wick_runtime_shutdown(wick_runtime runtime, uint64_t timeout_ns);
wick_status wick_queue_create(wick_runtime runtime, wick_queue *out, wick_error *error);
wick_status wick_queue_next(wick_queue queue, wick_event *event, char *buf, size_t cap, uint64_t timeout_ns);
wick_status wick_queue_dispatch(wick_queue queue, uint32_t max_events, uint64_t budget_ns);
wick_status wick_queue_wake(wick_queue queue);
wick_status wick_queue_os_handle(wick_queue queue, wick_os_handle *out);
wick_status wick_queue_close(wick_queue queue);
wick_status wick_model_load(wick_runtime runtime, const wick_model_options *options, wick_model *out, wick_stream *load, wick_error *error);
wick_status wick_model_info(wick_model model, char *json, size_t cap, size_t *needed);
wick_status wick_model_keep_mapped(wick_model model);
wick_status wick_model_close(wick_model model);
wick_status wick_model_estimate(wick_runtime runtime, const wick_model_options *options, uint32_t context, uint32_t sequences, wick_estimate *out, uint64_t timeout_ns, wick_error *error);
wick_status wick_model_tokenize(wick_model model, wick_str text, int32_t add_special, int32_t parse_special, uint32_t *ids, size_t cap, size_t *needed, wick_error *error);
wick_status wick_model_detokenize(wick_model model, const uint32_t *ids, size_t count, int32_t special, char *buf, size_t cap, size_t *needed, wick_error *error);
wick_status wick_model_count_tokens(wick_model model, wick_str text, int32_t add_special, int32_t parse_special, size_t *count, wick_error *error);
wick_status wick_model_render(wick_model model, const wick_message *messages, size_t count, wick_str tools_json, wick_str template_json, int32_t add_generation_prompt, char *buf, size_t cap, size_t *needed, wick_error *error);
wick_status wick_model_count_messages(wick_model model, const wick_message *messages, size_t count, wick_str tools_json, wick_str template_json, int32_t add_generation_prompt, size_t *tokens, wick_error *error);
wick_status wick_adapter_load(wick_model model, const wick_adapter_options *options, wick_adapter *out, wick_stream *stream, wick_error *error);
wick_status wick_adapter_info(wick_adapter adapter, char *json, size_t cap, size_t *needed);
wick_status wick_adapter_close(wick_adapter adapter);
wick_status wick_session_create(wick_model model, const wick_session_options *options, wick_session *out, wick_error *error);
wick_status wick_session_fork(wick_session session, wick_session *out, wick_error *error);
wick_status wick_session_clear(wick_session session);
wick_status wick_session_rewind(wick_session session, uint32_t token_count);
wick_status wick_session_info(wick_session session, char *json, size_t cap, size_t *needed);
wick_status wick_session_set_system(wick_session session, wick_str system, wick_error *error);
wick_status wick_session_set_adapter(wick_session session, wick_adapter adapter, float scale, wick_error *error);
wick_status wick_session_messages(wick_session session, char *json, size_t cap, size_t *needed);
wick_status wick_session_tokens(wick_session session, uint32_t *ids, size_t cap, size_t *needed);
wick_status wick_session_count(wick_session session, const wick_message *messages, size_t count, size_t *tokens, wick_error *error);
wick_status wick_session_keep(wick_session session, size_t bytes);
wick_status wick_session_close(wick_session session);
wick_status wick_session_save(wick_session session, const wick_store_options *options, wick_stream *out, wick_error *error);
wick_status wick_session_restore(wick_model model, const wick_store_options *options, wick_session *out, wick_stream *stream, wick_error *error);
wick_status wick_model_warm(wick_model model, const wick_store_options *options, wick_stream *stream, wick_error *error);
wick_status wick_generate(wick_session session, const wick_generate_options *options, wick_stream *out, wick_error *error);
wick_status wick_stream_next(wick_stream stream, wick_event *event, char *buf, size_t cap, uint64_t timeout_ns);
wick_status wick_stream_join(wick_stream stream, wick_event *end, char *buf, size_t cap, uint64_t timeout_ns);
wick_status wick_stream_os_handle(wick_stream stream, wick_os_handle *out);
wick_status wick_stream_cancel(wick_stream stream);
wick_status wick_stream_stats(wick_stream stream, wick_stats *out);
wick_status wick_stream_note(wick_stream stream, wick_str text);
wick_status wick_stream_answer_now(wick_stream stream);
wick_status wick_stream_close(wick_stream stream);
wick_status wick_embed(wick_model model, const wick_str *texts, size_t count, float *out, size_t cap, size_t *needed, uint64_t timeout_ns, wick_error *error);
wick_status wick_embed_start(wick_model model, const wick_str *texts, size_t count, const wick_embed_options *options, wick_stream *out, wick_error *error);
wick_status wick_rerank(wick_model model, wick_str query, const wick_str *texts, size_t count, float *scores, size_t cap, size_t *needed, uint64_t timeout_ns, wick_error *error);
wick_status wick_rerank_start(wick_model model, wick_str query, const wick_str *texts, size_t count, const wick_embed_options *options, wick_stream *out, wick_error *error);
wick_status wick_nearest(const float *query, const float *vectors, size_t count, size_t dim, size_t k, uint32_t *indices, float *scores, size_t *found);
]]

return {
  abi_version = 1,
  soname = "libwick.so.0.1",
  ABI_VERSION = 1,
  FOREVER = 18446744073709551615ULL,
  NO_REASONING = 4294967295,
  -- Names of constants in lower case, by group: a name has its value, a value its name.
  groups = {
    status = { ok = 0, empty = 1, ended = 2, more = 3, e_invalid_argument = -1, e_stale_handle = -2, e_busy = -3, e_reentrant = -4, e_unsupported = -5, e_io = -6, e_model_invalid = -7, e_out_of_memory = -8, e_context_full = -9, e_template = -10, e_tokenizer = -11, e_grammar = -12, e_numeric = -13, e_shutdown = -14, e_timeout = -15, e_queue_full = -16, e_buffer_too_small = -17, e_internal = -18, e_forked = -19, [0] = "ok", [1] = "empty", [2] = "ended", [3] = "more", [-1] = "e_invalid_argument", [-2] = "e_stale_handle", [-3] = "e_busy", [-4] = "e_reentrant", [-5] = "e_unsupported", [-6] = "e_io", [-7] = "e_model_invalid", [-8] = "e_out_of_memory", [-9] = "e_context_full", [-10] = "e_template", [-11] = "e_tokenizer", [-12] = "e_grammar", [-13] = "e_numeric", [-14] = "e_shutdown", [-15] = "e_timeout", [-16] = "e_queue_full", [-17] = "e_buffer_too_small", [-18] = "e_internal", [-19] = "e_forked" },
    event = { started = 1, progress = 2, text = 3, note = 4, ["end"] = 5, tool_call = 6, vector = 7, [1] = "started", [2] = "progress", [3] = "text", [4] = "note", [5] = "end", [6] = "tool_call", [7] = "vector" },
    ["end"] = { none = 0, stop = 1, stop_string = 2, length = 3, context_full = 4, ready = 5, cancelled = 6, deadline = 7, shutdown = 8, error = 9, [0] = "none", [1] = "stop", [2] = "stop_string", [3] = "length", [4] = "context_full", [5] = "ready", [6] = "cancelled", [7] = "deadline", [8] = "shutdown", [9] = "error" },
    note = { host = 0, library = 1, [0] = "host", [1] = "library" },
    channel = { answer = 0, reasoning = 1, tool = 2, [0] = "answer", [1] = "reasoning", [2] = "tool" },
    mode = { threads = 0, host_step = 1, [0] = "threads", [1] = "host_step" },
    backend = { auto = 0, native = 1, candle = 2, [0] = "auto", [1] = "native", [2] = "candle" },
    kv = { f16 = 0, q8_0 = 1, [0] = "f16", [1] = "q8_0" },
    overflow = { stop = 0, roll = 1, [0] = "stop", [1] = "roll" },
    grammar = { none = 0, json_schema = 1, regex = 2, lark = 3, json = 4, gbnf = 5, [0] = "none", [1] = "json_schema", [2] = "regex", [3] = "lark", [4] = "json", [5] = "gbnf" },
    scope = { all = 0, answer = 1, [0] = "all", [1] = "answer" },
    tools = { auto = 0, none = 1, required = 2, named = 3, [0] = "auto", [1] = "none", [2] = "required", [3] = "named" },
    cut = { token = 0, word = 1, line = 2, sentence = 3, [0] = "token", [1] = "word", [2] = "line", [3] = "sentence" },
  },
  -- Bytes of each struct; of its fields the name, the offset, and what it takes.
  layout = {
    wick_str = { size = 16,
      { "ptr", 0, "other" },
      { "len", 8, "number" },
    },
    wick_runtime_options = { size = 112,
      { "struct_size", 0, "number" },
      { "abi_version", 4, "number" },
      { "mode", 8, "mode" },
      { "threads", 12, "number" },
      { "memory_budget", 16, "number" },
      { "max_sequences", 24, "number" },
      { "max_waiting", 28, "number" },
      { "thread_name", 32, "text" },
      { "on_thread", 48, "other" },
      { "thread_user", 56, "other" },
      { "thread_drop", 64, "other" },
      { "log", 72, "other" },
      { "log_user", 80, "other" },
      { "log_drop", 88, "other" },
      { "log_level", 96, "number" },
      { "reserved", 100, "number" },
      { "pace_percent", 104, "number" },
      { "keep_scheduling", 108, "number" },
    },
    wick_error = { size = 256,
      { "struct_size", 0, "number" },
      { "code", 4, "status" },
      { "message", 8, "other" },
    },
    wick_stats = { size = 112,
      { "prompt_tokens", 0, "number" },
      { "cached_tokens", 4, "number" },
      { "output_tokens", 8, "number" },
      { "session_tokens", 12, "number" },
      { "queue_ns", 16, "number" },
      { "prefill_ns", 24, "number" },
      { "ttft_ns", 32, "number" },
      { "decode_ns", 40, "number" },
      { "max_gap_ns", 48, "number" },
      { "seed", 56, "number" },
      { "notes_dropped", 64, "number" },
      { "draft_tokens", 72, "number" },
      { "draft_accepted", 80, "number" },
      { "reserved", 88, "other" },
    },
    wick_alternative = { size = 8,
      { "token", 0, "number" },
      { "logprob", 4, "number" },
    },
    wick_event = { size = 232,
      { "struct_size", 0, "number" },
      { "kind", 4, "event" },
      { "end_reason", 6, "end" },
      { "stream", 8, "wick_stream" },
      { "user", 16, "other" },
      { "seq", 24, "number" },
      { "time_ns", 32, "number" },
      { "text", 40, "other" },
      { "text_len", 48, "number" },
      { "tokens", 56, "other" },
      { "token_count", 64, "number" },
      { "logprob", 68, "number" },
      { "done", 72, "number" },
      { "total", 80, "number" },
      { "status", 88, "status" },
      { "channel", 92, "channel" },
      { "more", 94, "number" },
      { "stats", 96, "wick_stats" },
      { "alternatives", 208, "other" },
      { "alternative_count", 216, "number" },
      { "value_count", 220, "number" },
      { "values", 224, "other" },
    },
    wick_os_handle = { size = 16,
      { "fd", 0, "number" },
      { "event", 8, "other" },
    },
    wick_io = { size = 48,
      { "struct_size", 0, "number" },
      { "flags", 4, "number" },
      { "size", 8, "number" },
      { "read_at", 16, "other" },
      { "write_at", 24, "other" },
      { "user", 32, "other" },
      { "drop", 40, "other" },
    },
    wick_model_options = { size = 160,
      { "struct_size", 0, "number" },
      { "backend", 4, "backend" },
      { "path", 8, "text" },
      { "path_offset", 24, "number" },
      { "path_size", 32, "number" },
      { "data", 40, "other" },
      { "data_len", 48, "number" },
      { "data_user", 56, "other" },
      { "data_drop", 64, "other" },
      { "io", 72, "other" },
      { "no_mmap", 80, "number" },
      { "vocab_only", 81, "number" },
      { "no_prefix_cache", 82, "number" },
      { "reserved", 83, "number" },
      { "context_length", 84, "number" },
      { "prefix_cache_bytes", 88, "number" },
      { "chat_template", 96, "text" },
      { "queue", 112, "wick_queue" },
      { "on_event", 120, "other" },
      { "user", 128, "other" },
      { "drop", 136, "other" },
      { "reserved2", 144, "number" },
      { "kv_type", 152, "kv" },
      { "preload", 156, "number" },
      { "sampling_from_model", 157, "number" },
      { "no_drafts", 158, "number" },
      { "reserved1", 159, "number" },
    },
    wick_estimate = { size = 88,
      { "struct_size", 0, "number" },
      { "reserved", 4, "number" },
      { "file_bytes", 8, "number" },
      { "weight_bytes", 16, "number" },
      { "kv_bytes", 24, "number" },
      { "state_bytes", 32, "number" },
      { "scratch_bytes", 40, "number" },
      { "total_bytes", 48, "number" },
      { "reserved1", 56, "other" },
    },
    wick_message = { size = 48,
      { "role", 0, "text" },
      { "content", 16, "text" },
      { "extra_json", 32, "text" },
    },
    wick_adapter_options = { size = 112,
      { "struct_size", 0, "number" },
      { "reserved", 4, "number" },
      { "path", 8, "text" },
      { "path_offset", 24, "number" },
      { "path_size", 32, "number" },
      { "data", 40, "other" },
      { "data_len", 48, "number" },
      { "data_user", 56, "other" },
      { "data_drop", 64, "other" },
      { "io", 72, "other" },
      { "queue", 80, "wick_queue" },
      { "on_event", 88, "other" },
      { "user", 96, "other" },
      { "drop", 104, "other" },
    },
    wick_session_options = { size = 80,
      { "struct_size", 0, "number" },
      { "context_length", 4, "number" },
      { "system", 8, "text" },
      { "tools_json", 24, "text" },
      { "template_json", 40, "text" },
      { "overflow", 56, "overflow" },
      { "pinned_messages", 60, "number" },
      { "adapter", 64, "wick_adapter" },
      { "adapter_scale", 72, "number" },
      { "reserved", 76, "number" },
    },
    wick_store_options = { size = 72,
      { "struct_size", 0, "number" },
      { "with_kv", 4, "number" },
      { "reserved", 5, "other" },
      { "path", 8, "text" },
      { "io", 24, "other" },
      { "queue", 32, "wick_queue" },
      { "on_event", 40, "other" },
      { "user", 48, "other" },
      { "drop", 56, "other" },
      { "adapter", 64, "wick_adapter" },
    },
    wick_sampling = { size = 96,
      { "temperature", 0, "number" },
      { "top_p", 4, "number" },
      { "min_p", 8, "number" },
      { "typical_p", 12, "number" },
      { "top_k", 16, "number" },
      { "repeat_penalty", 20, "number" },
      { "presence_penalty", 24, "number" },
      { "frequency_penalty", 28, "number" },
      { "penalty_last_n", 32, "number" },
      { "seed", 40, "number" },
      { "dry_multiplier", 48, "number" },
      { "dry_base", 52, "number" },
      { "dry_allowed_length", 56, "number" },
      { "dry_last_n", 60, "number" },
      { "xtc_probability", 64, "number" },
      { "xtc_threshold", 68, "number" },
      { "top_n_sigma", 72, "number" },
      { "mirostat_tau", 76, "number" },
      { "mirostat_eta", 80, "number" },
      { "dynatemp_range", 84, "number" },
      { "dynatemp_exponent", 88, "number" },
      { "reserved", 92, "number" },
    },
    wick_logit_bias = { size = 8,
      { "token", 0, "number" },
      { "bias", 4, "number" },
    },
    wick_generate_options = { size = 368,
      { "struct_size", 0, "number" },
      { "max_tokens", 4, "number" },
      { "priority", 8, "number" },
      { "reserved0", 12, "number" },
      { "prompt", 16, "text" },
      { "messages", 32, "other" },
      { "message_count", 40, "number" },
      { "prompt_tokens", 48, "other" },
      { "prompt_token_count", 56, "number" },
      { "tools_json", 64, "text" },
      { "template_json", 80, "text" },
      { "sampling", 96, "wick_sampling" },
      { "stop", 192, "other" },
      { "stop_count", 200, "number" },
      { "logit_bias", 208, "other" },
      { "logit_bias_count", 216, "number" },
      { "grammar_kind", 224, "grammar" },
      { "grammar", 232, "text" },
      { "deadline_ns", 248, "number" },
      { "buffer_events", 256, "number" },
      { "logprobs", 260, "number" },
      { "echo_special", 261, "number" },
      { "ignore_eos", 262, "number" },
      { "prefill_only", 263, "number" },
      { "parse_special", 264, "number" },
      { "reserved", 265, "other" },
      { "queue", 272, "wick_queue" },
      { "on_event", 280, "other" },
      { "user", 288, "other" },
      { "drop", 296, "other" },
      { "template_time", 304, "number" },
      { "answer_prefix", 312, "text" },
      { "grammar_scope", 328, "scope" },
      { "tool_choice", 332, "tools" },
      { "tool_name", 336, "text" },
      { "reasoning_budget", 352, "number" },
      { "cut", 356, "cut" },
      { "top_logprobs", 360, "number" },
      { "max_tokens_per_second", 364, "number" },
    },
    wick_embed_options = { size = 56,
      { "struct_size", 0, "number" },
      { "priority", 4, "number" },
      { "deadline_ns", 8, "number" },
      { "buffer_events", 16, "number" },
      { "reserved", 20, "number" },
      { "queue", 24, "wick_queue" },
      { "on_event", 32, "other" },
      { "user", 40, "other" },
      { "drop", 48, "other" },
    },
  },
}
