// The C ABI as it is. Made by Build~/generate.py from include/wick.abi.json: do not edit.
using System;
using System.Runtime.InteropServices;

namespace Wick
{
    /// <summary>The C ABI as it is; everything here is blittable.</summary>
    internal static unsafe class Native
    {
#if UNITY_IOS && !UNITY_EDITOR
        private const string Library = "__Internal";
#else
        private const string Library = "wick";
#endif

        /// <summary>Raised when something in this header changes incompatibly: see
        /// `wick_runtime_options.abi_version`.</summary>
        public const uint WICK_ABI_VERSION = 1u;

        /// <summary>A timeout: wait as long as it takes.</summary>
        public const ulong WICK_FOREVER = 18446744073709551615u;

        /// <summary>As `reasoning_budget`: thinking is ended before its first token.</summary>
        public const uint WICK_NO_REASONING = 4294967295u;

        /// <summary>A runtime's handle; id 0 is none. Several live side by side in a process.</summary>
        [StructLayout(LayoutKind.Sequential)]
        public struct wick_runtime
        {
            public ulong id;
        }

        /// <summary>A queue's handle; id 0 is none.</summary>
        [StructLayout(LayoutKind.Sequential)]
        public struct wick_queue
        {
            public ulong id;
        }

        /// <summary>A stream's handle; id 0 is none. Every stream yields STARTED?
        /// (PROGRESS|TEXT|NOTE|TOOL_CALL)* END: exactly one END, always last, whatever happens, unless the
        /// host closes the stream or its queue first. Every stream handed out has to be closed, also after
        /// END.</summary>
        [StructLayout(LayoutKind.Sequential)]
        public struct wick_stream
        {
            public ulong id;
        }

        /// <summary>A model's handle; id 0 is none.</summary>
        [StructLayout(LayoutKind.Sequential)]
        public struct wick_model
        {
            public ulong id;
        }

        /// <summary>An adapter's handle; id 0 is none.</summary>
        [StructLayout(LayoutKind.Sequential)]
        public struct wick_adapter
        {
            public ulong id;
        }

        /// <summary>A session's handle; id 0 is none.</summary>
        [StructLayout(LayoutKind.Sequential)]
        public struct wick_session
        {
            public ulong id;
        }

        /// <summary>UTF-8 text: `len` bytes at `ptr`. `len` SIZE_MAX: `ptr` is NUL-terminated. `ptr` NULL:
        /// absent (`len` must be 0); `ptr` not NULL and `len` 0: present, and empty.</summary>
        [StructLayout(LayoutKind.Sequential)]
        public struct wick_str
        {
            public byte* ptr;
            public UIntPtr len;
        }

        /// <summary>What a runtime is made of. Zero means the default for every field but the first
        /// two.</summary>
        [StructLayout(LayoutKind.Sequential)]
        public struct wick_runtime_options
        {
            public uint struct_size;
            public uint abi_version;
            public uint mode;
            public uint threads;
            public ulong memory_budget;
            public uint max_sequences;
            public uint max_waiting;
            public wick_str thread_name;
            public IntPtr on_thread;
            public IntPtr thread_user;
            public IntPtr thread_drop;
            public IntPtr log;
            public IntPtr log_user;
            public IntPtr log_drop;
            public int log_level;
            public uint reserved;
            public uint pace_percent;
            public uint keep_scheduling;
        }

        /// <summary>Details of a failed call: the caller's own, optional (NULL) everywhere. A call that
        /// succeeds sets `code` to WICK_OK and an empty message.</summary>
        [StructLayout(LayoutKind.Sequential)]
        public struct wick_error
        {
            public uint struct_size;
            public int code;
            public uint message_0, message_1, message_2, message_3, message_4, message_5, message_6,
                message_7, message_8, message_9, message_10, message_11, message_12, message_13, message_14,
                message_15, message_16, message_17, message_18, message_19, message_20, message_21,
                message_22, message_23, message_24, message_25, message_26, message_27, message_28,
                message_29, message_30, message_31, message_32, message_33, message_34, message_35,
                message_36, message_37, message_38, message_39, message_40, message_41, message_42,
                message_43, message_44, message_45, message_46, message_47, message_48, message_49,
                message_50, message_51, message_52, message_53, message_54, message_55, message_56,
                message_57, message_58, message_59, message_60, message_61;
        }

        /// <summary>A stream's figures; times in nanoseconds. This struct lies inside another: it has no
        /// struct_size, `reserved` is its room.</summary>
        [StructLayout(LayoutKind.Sequential)]
        public struct wick_stats
        {
            public uint prompt_tokens;
            public uint cached_tokens;
            public uint output_tokens;
            public uint session_tokens;
            public ulong queue_ns;
            public ulong prefill_ns;
            public ulong ttft_ns;
            public ulong decode_ns;
            public ulong max_gap_ns;
            public ulong seed;
            public ulong notes_dropped;
            public ulong draft_tokens;
            public ulong draft_accepted;
            public ulong reserved_0, reserved_1, reserved_2;
        }

        /// <summary>An id that could have come in place of the last one, and the natural logarithm of its
        /// probability by the model itself: before biases, penalties, grammar, truncation and
        /// temperature.</summary>
        [StructLayout(LayoutKind.Sequential)]
        public struct wick_alternative
        {
            public uint token;
            public float logprob;
        }

        /// <summary>One event of a stream. A field that says nothing of this kind of event is zero
        /// (`logprob`: NaN; `text`: empty).</summary>
        [StructLayout(LayoutKind.Sequential)]
        public struct wick_event
        {
            public uint struct_size;
            public ushort kind;
            public ushort end_reason;
            public wick_stream stream;
            public IntPtr user;
            public ulong seq;
            public ulong time_ns;
            public byte* text;
            public UIntPtr text_len;
            public uint* tokens;
            public uint token_count;
            public float logprob;
            public ulong done;
            public ulong total;
            public int status;
            public ushort channel;
            public ushort more;
            public wick_stats stats;
            public wick_alternative* alternatives;
            public uint alternative_count;
            public uint value_count;
            public float* values;
        }

        /// <summary>What an event loop waits on: readable (signalled) exactly while an event, the rest of
        /// one, or a wake waits. It is the library's until the stream or queue is closed: wait on it, never
        /// read, write, reset or close it.</summary>
        [StructLayout(LayoutKind.Sequential)]
        public struct wick_os_handle
        {
            public int fd;
            public IntPtr @event;
        }

        /// <summary>A model inside a pak file, an archive, an asset, …</summary>
        [StructLayout(LayoutKind.Sequential)]
        public struct wick_io
        {
            public uint struct_size;
            public uint flags;
            public ulong size;
            public IntPtr read_at;
            public IntPtr write_at;
            public IntPtr user;
            public IntPtr drop;
        }

        /// <summary>What a model is loaded from, and how. Exactly one of `path`, `data` and `io`.</summary>
        [StructLayout(LayoutKind.Sequential)]
        public struct wick_model_options
        {
            public uint struct_size;
            public uint backend;
            public wick_str path;
            public ulong path_offset;
            public ulong path_size;
            public IntPtr data;
            public UIntPtr data_len;
            public IntPtr data_user;
            public IntPtr data_drop;
            public wick_io* io;
            public byte no_mmap;
            public byte vocab_only;
            public byte no_prefix_cache;
            public byte reserved;
            public uint context_length;
            public ulong prefix_cache_bytes;
            public wick_str chat_template;
            public wick_queue queue;
            public IntPtr on_event;
            public IntPtr user;
            public IntPtr drop;
            public ulong reserved2;
            public uint kv_type;
            public byte preload;
            public byte sampling_from_model;
            public byte no_drafts;
            public byte reserved1;
        }

        /// <summary>What a model would take, in bytes.</summary>
        [StructLayout(LayoutKind.Sequential)]
        public struct wick_estimate
        {
            public uint struct_size;
            public uint reserved;
            public ulong file_bytes;
            public ulong weight_bytes;
            public ulong kv_bytes;
            public ulong state_bytes;
            public ulong scratch_bytes;
            public ulong total_bytes;
            public ulong reserved1_0, reserved1_1, reserved1_2, reserved1_3;
        }

        /// <summary>One message of a conversation.</summary>
        [StructLayout(LayoutKind.Sequential)]
        public struct wick_message
        {
            public wick_str role;
            public wick_str content;
            public wick_str extra_json;
        }

        /// <summary>What an adapter is loaded from: a GGUF. Exactly one of `path`, `data` and `io`, as in
        /// wick_model_options.</summary>
        [StructLayout(LayoutKind.Sequential)]
        public struct wick_adapter_options
        {
            public uint struct_size;
            public uint reserved;
            public wick_str path;
            public ulong path_offset;
            public ulong path_size;
            public IntPtr data;
            public UIntPtr data_len;
            public IntPtr data_user;
            public IntPtr data_drop;
            public wick_io* io;
            public wick_queue queue;
            public IntPtr on_event;
            public IntPtr user;
            public IntPtr drop;
        }

        /// <summary>What a session is made of.</summary>
        [StructLayout(LayoutKind.Sequential)]
        public struct wick_session_options
        {
            public uint struct_size;
            public uint context_length;
            public wick_str system;
            public wick_str tools_json;
            public wick_str template_json;
            public uint overflow;
            public uint pinned_messages;
            public wick_adapter adapter;
            public float adapter_scale;
            public uint reserved;
        }

        /// <summary>Where a session is saved to or restored from. Exactly one of `path` and `io`.</summary>
        [StructLayout(LayoutKind.Sequential)]
        public struct wick_store_options
        {
            public uint struct_size;
            public byte with_kv;
            public byte reserved_0, reserved_1, reserved_2;
            public wick_str path;
            public wick_io* io;
            public wick_queue queue;
            public IntPtr on_event;
            public IntPtr user;
            public IntPtr drop;
            public wick_adapter adapter;
        }

        /// <summary>How tokens are chosen. All zero: greedily. Applied in this order: logit_bias, penalties,
        /// DRY, grammar, top_n_sigma, top_k, typical_p, top_p, min_p, XTC, temperature (with dynatemp).
        /// mirostat_tau above 0: top_n_sigma to XTC are left out, mirostat comes after temperature. A value
        /// out of its range, NaN or infinite is WICK_E_INVALID_ARGUMENT. This struct lies inside another: it
        /// has no struct_size.</summary>
        [StructLayout(LayoutKind.Sequential)]
        public struct wick_sampling
        {
            public float temperature;
            public float top_p;
            public float min_p;
            public float typical_p;
            public int top_k;
            public float repeat_penalty;
            public float presence_penalty;
            public float frequency_penalty;
            public int penalty_last_n;
            public ulong seed;
            public float dry_multiplier;
            public float dry_base;
            public int dry_allowed_length;
            public int dry_last_n;
            public float xtc_probability;
            public float xtc_threshold;
            public float top_n_sigma;
            public float mirostat_tau;
            public float mirostat_eta;
            public float dynatemp_range;
            public float dynatemp_exponent;
            public uint reserved;
        }

        /// <summary>What is added to one token's logit.</summary>
        [StructLayout(LayoutKind.Sequential)]
        public struct wick_logit_bias
        {
            public uint token;
            public float bias;
        }

        /// <summary>What is generated, how, and how its events are read. All zero but struct_size: go on from
        /// where the session is, greedily.
        ///
        /// Reading: no queue and no callback: wick_stream_next. A queue only: wick_queue_next. A callback
        /// only: it is called on a thread of the runtime (in HOST_STEP: where the runtime's work is done). A
        /// queue and a callback: it is called inside wick_queue_dispatch.</summary>
        [StructLayout(LayoutKind.Sequential)]
        public struct wick_generate_options
        {
            public uint struct_size;
            public uint max_tokens;
            public int priority;
            public uint reserved0;
            public wick_str prompt;
            public wick_message* messages;
            public UIntPtr message_count;
            public uint* prompt_tokens;
            public UIntPtr prompt_token_count;
            public wick_str tools_json;
            public wick_str template_json;
            public wick_sampling sampling;
            public wick_str* stop;
            public UIntPtr stop_count;
            public wick_logit_bias* logit_bias;
            public UIntPtr logit_bias_count;
            public uint grammar_kind;
            public wick_str grammar;
            public ulong deadline_ns;
            public uint buffer_events;
            public byte logprobs;
            public byte echo_special;
            public byte ignore_eos;
            public byte prefill_only;
            public byte parse_special;
            public byte reserved_0, reserved_1, reserved_2;
            public wick_queue queue;
            public IntPtr on_event;
            public IntPtr user;
            public IntPtr drop;
            public long template_time;
            public wick_str answer_prefix;
            public uint grammar_scope;
            public uint tool_choice;
            public wick_str tool_name;
            public uint reasoning_budget;
            public uint cut;
            public uint top_logprobs;
            public uint max_tokens_per_second;
        }

        /// <summary>How vectors or scores are computed and read; fields as in
        /// wick_generate_options.</summary>
        [StructLayout(LayoutKind.Sequential)]
        public struct wick_embed_options
        {
            public uint struct_size;
            public int priority;
            public ulong deadline_ns;
            public uint buffer_events;
            public uint reserved;
            public wick_queue queue;
            public IntPtr on_event;
            public IntPtr user;
            public IntPtr drop;
        }

        /// <summary>Frees a `user` pointer. Called exactly once; inside it, [BLOCK] and [EXCL] functions
        /// return WICK_E_REENTRANT.</summary>
        [UnmanagedFunctionPointer(CallingConvention.Cdecl)]
        public delegate void wick_drop_fn(IntPtr user);

        /// <summary>Takes log lines: `level` 1 error, 2 warning, 3 info, 4 debug, 5 trace; `text` is UTF-8 of
        /// `len` bytes, valid during the call. Any thread, also concurrently, also inside a call into this
        /// library.</summary>
        [UnmanagedFunctionPointer(CallingConvention.Cdecl)]
        public delegate void wick_log_fn(IntPtr user, int level, byte* text, UIntPtr len);

        /// <summary>Reads `len` bytes (at most 16 MiB) at `offset` into `dst`; 0 on success. Any thread, one
        /// call at a time.</summary>
        [UnmanagedFunctionPointer(CallingConvention.Cdecl)]
        public delegate int wick_read_at_fn(IntPtr user, ulong offset, IntPtr dst, ulong len);

        /// <summary>Writes `len` bytes (at most 16 MiB) at `offset`, ascending, without gaps; 0 on success.
        /// For wick_session_save. Any thread, one call at a time.</summary>
        [UnmanagedFunctionPointer(CallingConvention.Cdecl)]
        public delegate int wick_write_at_fn(IntPtr user, ulong offset, IntPtr src, ulong len);

        /// <summary>Takes an event; the pointers in `*event` are valid during the call. Calls for one stream
        /// never overlap. It has to return: no exception, longjmp or panic may leave it. Inside it, [BLOCK]
        /// and [EXCL] functions return WICK_E_REENTRANT.</summary>
        [UnmanagedFunctionPointer(CallingConvention.Cdecl)]
        public delegate void wick_event_fn(IntPtr user, wick_event* @event);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl, ExactSpelling = true)]
        public static extern byte* wick_status_name(int status);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl, ExactSpelling = true)]
        public static extern uint wick_abi_version();

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl, ExactSpelling = true)]
        public static extern byte* wick_version();

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl, ExactSpelling = true)]
        public static extern int wick_build_info(byte* json, UIntPtr cap, UIntPtr* needed);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl, ExactSpelling = true)]
        public static extern int wick_runtime_create(wick_runtime_options* options, wick_runtime* @out,
            wick_error* error);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl, ExactSpelling = true)]
        public static extern int wick_runtime_step(wick_runtime runtime, ulong budget_ns,
            ulong* next_wake_ns);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl, ExactSpelling = true)]
        public static extern int wick_runtime_set_pace(wick_runtime runtime, uint percent);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl, ExactSpelling = true)]
        public static extern int wick_runtime_pause(wick_runtime runtime);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl, ExactSpelling = true)]
        public static extern int wick_runtime_resume(wick_runtime runtime);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl, ExactSpelling = true)]
        public static extern int wick_runtime_trim(wick_runtime runtime);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl, ExactSpelling = true)]
        public static extern int wick_runtime_info(wick_runtime runtime, byte* json, UIntPtr cap,
            UIntPtr* needed);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl, ExactSpelling = true)]
        public static extern int wick_runtime_shutdown(wick_runtime runtime, ulong timeout_ns);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl, ExactSpelling = true)]
        public static extern int wick_queue_create(wick_runtime runtime, wick_queue* @out, wick_error* error);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl, ExactSpelling = true)]
        public static extern int wick_queue_next(wick_queue queue, wick_event* @event, byte* buf,
            UIntPtr cap, ulong timeout_ns);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl, ExactSpelling = true)]
        public static extern int wick_queue_dispatch(wick_queue queue, uint max_events, ulong budget_ns);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl, ExactSpelling = true)]
        public static extern int wick_queue_wake(wick_queue queue);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl, ExactSpelling = true)]
        public static extern int wick_queue_os_handle(wick_queue queue, wick_os_handle* @out);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl, ExactSpelling = true)]
        public static extern int wick_queue_close(wick_queue queue);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl, ExactSpelling = true)]
        public static extern int wick_model_load(wick_runtime runtime, wick_model_options* options,
            wick_model* @out, wick_stream* load, wick_error* error);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl, ExactSpelling = true)]
        public static extern int wick_model_info(wick_model model, byte* json, UIntPtr cap, UIntPtr* needed);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl, ExactSpelling = true)]
        public static extern int wick_model_keep_mapped(wick_model model);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl, ExactSpelling = true)]
        public static extern int wick_model_close(wick_model model);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl, ExactSpelling = true)]
        public static extern int wick_model_estimate(wick_runtime runtime, wick_model_options* options,
            uint context, uint sequences, wick_estimate* @out, ulong timeout_ns, wick_error* error);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl, ExactSpelling = true)]
        public static extern int wick_model_tokenize(wick_model model, wick_str text, int add_special,
            int parse_special, uint* ids, UIntPtr cap, UIntPtr* needed, wick_error* error);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl, ExactSpelling = true)]
        public static extern int wick_model_detokenize(wick_model model, uint* ids, UIntPtr count,
            int special, byte* buf, UIntPtr cap, UIntPtr* needed, wick_error* error);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl, ExactSpelling = true)]
        public static extern int wick_model_count_tokens(wick_model model, wick_str text, int add_special,
            int parse_special, UIntPtr* count, wick_error* error);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl, ExactSpelling = true)]
        public static extern int wick_model_render(wick_model model, wick_message* messages, UIntPtr count,
            wick_str tools_json, wick_str template_json, int add_generation_prompt, byte* buf, UIntPtr cap,
            UIntPtr* needed, wick_error* error);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl, ExactSpelling = true)]
        public static extern int wick_model_count_messages(wick_model model, wick_message* messages,
            UIntPtr count, wick_str tools_json, wick_str template_json, int add_generation_prompt,
            UIntPtr* tokens, wick_error* error);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl, ExactSpelling = true)]
        public static extern int wick_adapter_load(wick_model model, wick_adapter_options* options,
            wick_adapter* @out, wick_stream* stream, wick_error* error);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl, ExactSpelling = true)]
        public static extern int wick_adapter_info(wick_adapter adapter, byte* json, UIntPtr cap,
            UIntPtr* needed);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl, ExactSpelling = true)]
        public static extern int wick_adapter_close(wick_adapter adapter);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl, ExactSpelling = true)]
        public static extern int wick_session_create(wick_model model, wick_session_options* options,
            wick_session* @out, wick_error* error);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl, ExactSpelling = true)]
        public static extern int wick_session_fork(wick_session session, wick_session* @out,
            wick_error* error);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl, ExactSpelling = true)]
        public static extern int wick_session_clear(wick_session session);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl, ExactSpelling = true)]
        public static extern int wick_session_rewind(wick_session session, uint token_count);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl, ExactSpelling = true)]
        public static extern int wick_session_info(wick_session session, byte* json, UIntPtr cap,
            UIntPtr* needed);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl, ExactSpelling = true)]
        public static extern int wick_session_set_system(wick_session session, wick_str system,
            wick_error* error);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl, ExactSpelling = true)]
        public static extern int wick_session_set_adapter(wick_session session, wick_adapter adapter,
            float scale, wick_error* error);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl, ExactSpelling = true)]
        public static extern int wick_session_messages(wick_session session, byte* json, UIntPtr cap,
            UIntPtr* needed);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl, ExactSpelling = true)]
        public static extern int wick_session_tokens(wick_session session, uint* ids, UIntPtr cap,
            UIntPtr* needed);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl, ExactSpelling = true)]
        public static extern int wick_session_count(wick_session session, wick_message* messages,
            UIntPtr count, UIntPtr* tokens, wick_error* error);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl, ExactSpelling = true)]
        public static extern int wick_session_keep(wick_session session, UIntPtr bytes);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl, ExactSpelling = true)]
        public static extern int wick_session_close(wick_session session);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl, ExactSpelling = true)]
        public static extern int wick_session_save(wick_session session, wick_store_options* options,
            wick_stream* @out, wick_error* error);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl, ExactSpelling = true)]
        public static extern int wick_session_restore(wick_model model, wick_store_options* options,
            wick_session* @out, wick_stream* stream, wick_error* error);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl, ExactSpelling = true)]
        public static extern int wick_model_warm(wick_model model, wick_store_options* options,
            wick_stream* stream, wick_error* error);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl, ExactSpelling = true)]
        public static extern int wick_generate(wick_session session, wick_generate_options* options,
            wick_stream* @out, wick_error* error);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl, ExactSpelling = true)]
        public static extern int wick_stream_next(wick_stream stream, wick_event* @event, byte* buf,
            UIntPtr cap, ulong timeout_ns);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl, ExactSpelling = true)]
        public static extern int wick_stream_join(wick_stream stream, wick_event* end, byte* buf,
            UIntPtr cap, ulong timeout_ns);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl, ExactSpelling = true)]
        public static extern int wick_stream_os_handle(wick_stream stream, wick_os_handle* @out);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl, ExactSpelling = true)]
        public static extern int wick_stream_cancel(wick_stream stream);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl, ExactSpelling = true)]
        public static extern int wick_stream_stats(wick_stream stream, wick_stats* @out);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl, ExactSpelling = true)]
        public static extern int wick_stream_note(wick_stream stream, wick_str text);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl, ExactSpelling = true)]
        public static extern int wick_stream_answer_now(wick_stream stream);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl, ExactSpelling = true)]
        public static extern int wick_stream_close(wick_stream stream);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl, ExactSpelling = true)]
        public static extern int wick_embed(wick_model model, wick_str* texts, UIntPtr count, float* @out,
            UIntPtr cap, UIntPtr* needed, ulong timeout_ns, wick_error* error);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl, ExactSpelling = true)]
        public static extern int wick_embed_start(wick_model model, wick_str* texts, UIntPtr count,
            wick_embed_options* options, wick_stream* @out, wick_error* error);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl, ExactSpelling = true)]
        public static extern int wick_rerank(wick_model model, wick_str query, wick_str* texts,
            UIntPtr count, float* scores, UIntPtr cap, UIntPtr* needed, ulong timeout_ns, wick_error* error);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl, ExactSpelling = true)]
        public static extern int wick_rerank_start(wick_model model, wick_str query, wick_str* texts,
            UIntPtr count, wick_embed_options* options, wick_stream* @out, wick_error* error);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl, ExactSpelling = true)]
        public static extern int wick_nearest(float* query, float* vectors, UIntPtr count, UIntPtr dim,
            UIntPtr k, uint* indices, float* scores, UIntPtr* found);
    }
}
