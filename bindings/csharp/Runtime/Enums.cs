// The constants of the C ABI. Made by Build~/generate.py from include/wick.abi.json: do not edit.
namespace Wick
{
    /// <summary>What a call came to.</summary>
    public enum Status
    {
        /// <summary>Done.</summary>
        Ok = 0,

        /// <summary>Nothing to read now, or the timeout passed.</summary>
        Empty = 1,

        /// <summary>The stream has delivered its END event; the queue those of all its streams, and its
        /// runtime is shut down.</summary>
        Ended = 2,

        /// <summary>The budget is used up, work is left.</summary>
        More = 3,

        /// <summary>An argument is malformed or out of range; the message names it.</summary>
        InvalidArgument = -1,

        /// <summary>The handle is none, closed, of another kind, or its runtime is shut down.</summary>
        StaleHandle = -2,

        /// <summary>The session has a live generation, the model is not loaded yet, or the object is in
        /// another [EXCL] call.</summary>
        Busy = -3,

        /// <summary>A [BLOCK] or [EXCL] function was called inside a callback.</summary>
        Reentrant = -4,

        /// <summary>An architecture, tensor type, option or feature that this build lacks; the message names
        /// it.</summary>
        Unsupported = -5,

        /// <summary>Reading or writing failed.</summary>
        Io = -6,

        /// <summary>A malformed or hostile model file; the message says what and where.</summary>
        ModelInvalid = -7,

        /// <summary>Over the memory budget, or the system refused memory or a thread.</summary>
        OutOfMemory = -8,

        /// <summary>The input does not fit the session's context.</summary>
        ContextFull = -9,

        /// <summary>The chat template failed, or went over its limits.</summary>
        Template = -10,

        /// <summary>The tokenizer failed.</summary>
        Tokenizer = -11,

        /// <summary>The grammar is malformed or cannot be satisfied.</summary>
        Grammar = -12,

        /// <summary>NaN or infinite logits.</summary>
        Numeric = -13,

        /// <summary>The runtime is being shut down: nothing new is taken.</summary>
        Shutdown = -14,

        /// <summary>The time given was not enough.</summary>
        Timeout = -15,

        /// <summary>Too many waiting generations.</summary>
        QueueFull = -16,

        /// <summary>The buffer is too small; `*needed` says how much it takes.</summary>
        BufferTooSmall = -17,

        /// <summary>A caught panic: this operation is over, the runtime goes on.</summary>
        Internal = -18,

        /// <summary>In a child of fork(): the runtime, or the object's runtime, is the parent's. No drop
        /// function runs there.</summary>
        Forked = -19,
    }

    /// <summary>What an event is.</summary>
    public enum EventKind
    {
        /// <summary>The request left the waiting line; at most once, and then first.</summary>
        Started = 1,

        /// <summary>A load went on: `done` of `total` bytes; or the computing of an input: tokens, or bytes
        /// of weights while a model's first pass waits long for its file. Only the newest unread one is
        /// kept.</summary>
        Progress = 2,

        /// <summary>Text that can be shown, and the ids behind it.</summary>
        Text = 3,

        /// <summary>A note, merged by the host with wick_stream_note or by the library: `channel` says
        /// whose.</summary>
        Note = 4,

        /// <summary>The end: always the last event, exactly once.</summary>
        End = 5,

        /// <summary>One call of a tool, whole, as JSON: `{"id":"…","name":"…","arguments":{…}}`
        /// (docs/tools.md).</summary>
        ToolCall = 6,

        /// <summary>The vector of one text of wick_embed_start, or its score of wick_rerank_start.</summary>
        Vector = 7,
    }

    /// <summary>Why a stream ended.</summary>
    public enum EndReason
    {
        /// <summary>Not an END event.</summary>
        None = 0,

        /// <summary>An end-of-generation token.</summary>
        Stop = 1,

        /// <summary>A stop string; the event's text says which.</summary>
        StopString = 2,

        /// <summary>max_tokens were generated.</summary>
        Length = 3,

        /// <summary>The session's context is full.</summary>
        ContextFull = 4,

        /// <summary>A load or a prefill finished.</summary>
        Ready = 5,

        /// <summary>The host cancelled it, or closed its session.</summary>
        Cancelled = 6,

        /// <summary>Its deadline passed.</summary>
        Deadline = 7,

        /// <summary>The runtime was shut down.</summary>
        Shutdown = 8,

        /// <summary>Something failed: see the event's status and text.</summary>
        Error = 9,
    }

    /// <summary>Whose note it is.</summary>
    public enum NoteSource
    {
        /// <summary>A NOTE of the host's, from wick_stream_note.</summary>
        Host = 0,

        /// <summary>A NOTE of the library's: a JSON object, never dropped. Its `event` says what it is about:
        /// "rolled", with `messages` and `tokens`: so many have gone (WICK_OVERFLOW_ROLL). Skip what you do
        /// not know.</summary>
        Library = 1,
    }

    /// <summary>What a text is.</summary>
    public enum Channel
    {
        /// <summary>A TEXT to be shown.</summary>
        Answer = 0,

        /// <summary>A TEXT of thinking (docs/reasoning.md).</summary>
        Reasoning = 1,

        /// <summary>A TEXT that is a tool call's markup. The call itself comes as
        /// WICK_EVENT_TOOL_CALL.</summary>
        Tool = 2,
    }

    /// <summary>Who computes.</summary>
    public enum Mode
    {
        /// <summary>The runtime owns its threads.</summary>
        Threads = 0,

        /// <summary>No thread at all: work is done in wick_runtime_step, and in [BLOCK] calls while they
        /// wait.</summary>
        HostStep = 1,
    }

    /// <summary>What computes a model.</summary>
    public enum Backend
    {
        /// <summary>The native backend; candle in a build without it.</summary>
        Auto = 0,

        /// <summary>wick's own decoder.</summary>
        Native = 1,

        /// <summary>candle: a second opinion, slow, without prefix cache, drafts and adapters
        /// (wick_model_info says so). WICK_E_UNSUPPORTED in a build without it, and for a model with an
        /// operation that it lacks, by name.</summary>
        Candle = 2,
    }

    /// <summary>What keys and values are kept as.</summary>
    public enum KvType
    {
        /// <summary>Keys and values as half precision floats.</summary>
        F16 = 0,

        /// <summary>Keys and values in blocks of 32 signed bytes with a scale (ggml's Q8_0): 0.53 of the
        /// bytes.</summary>
        Q8_0 = 1,
    }

    /// <summary>What a full context does.</summary>
    public enum Overflow
    {
        /// <summary>A full context ends the generation: END (CONTEXT_FULL).</summary>
        Stop = 0,

        /// <summary>Before a turn for which the context has no room whole exchanges go, the oldest first: the
        /// user's message and all up to the user's next, so that a call of a tool stays with its result. They
        /// go until the turn's input, its `max_tokens` (which count as half of the context at most) and a
        /// quarter of the context are free; without `max_tokens` there is room as long as one token of the
        /// answer has it. What stays is computed again, but for its beginning that stays the same. A NOTE of
        /// the library's says what went; END's session_tokens from before are void for wick_session_rewind
        /// (WICK_E_INVALID_ARGUMENT). A turn that comes to nothing brings all back. If nothing more may go
        /// and it still does not fit: END (ERROR, CONTEXT_FULL). An answer that fills the context ends with
        /// END (CONTEXT_FULL). Raw input, and an answer that goes on: as WICK_OVERFLOW_STOP.</summary>
        Roll = 1,
    }

    /// <summary>How a grammar is written.</summary>
    public enum GrammarKind
    {
        /// <summary>No grammar.</summary>
        None = 0,

        /// <summary>A JSON schema (docs/grammars.md says which keywords are kept).</summary>
        JsonSchema = 1,

        /// <summary>A regular expression, Rust's, which the whole answer matches.</summary>
        Regex = 2,

        /// <summary>A Lark grammar, which begins at `start`.</summary>
        Lark = 3,

        /// <summary>Any JSON value; `grammar` is absent.</summary>
        Json = 4,

        /// <summary>A GBNF grammar, as llama.cpp has it, which begins at `root`.</summary>
        Gbnf = 5,
    }

    /// <summary>What a grammar binds.</summary>
    public enum GrammarScope
    {
        /// <summary>The grammar binds everything generated.</summary>
        All = 0,

        /// <summary>Reasoning is free, the grammar binds what follows; no calls.</summary>
        Answer = 1,
    }

    /// <summary>Whether tools may be called.</summary>
    public enum ToolChoice
    {
        /// <summary>The model may call a tool or not.</summary>
        Auto = 0,

        /// <summary>Tools stay in the prompt, a call cannot begin.</summary>
        None = 1,

        /// <summary>The answer is one call, behind what the model thinks, and bound to the tools' schemas
        /// (docs/tools.md).</summary>
        Required = 2,

        /// <summary>The answer is a call of the tool `tool_name`, bound to its schema.</summary>
        Named = 3,
    }

    /// <summary>What a text event holds.</summary>
    public enum Cut
    {
        /// <summary>A TEXT for each token that gives text.</summary>
        Token = 0,

        /// <summary>A TEXT holds whole words, each with the white space behind it.</summary>
        Word = 1,

        /// <summary>A TEXT holds a whole line, with its end.</summary>
        Line = 2,

        /// <summary>A TEXT holds a whole sentence, with the white space behind it.</summary>
        Sentence = 3,
    }
}
