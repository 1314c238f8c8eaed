// What a stream tells; knows nothing of how it is read.
using System;
using System.Collections.Generic;

namespace Wick
{
    /// <summary>An id that could have come in place of the last one.</summary>
    public struct Alternative
    {
        /// <summary>The token.</summary>
        public uint Token { get; internal set; }

        /// <summary>Natural logarithm of its probability by the model itself.</summary>
        public float Logprob { get; internal set; }
    }

    /// <summary>A stream's figures.</summary>
    public sealed class Stats
    {
        internal Stats(Native.wick_stats from)
        {
            PromptTokens = from.prompt_tokens;
            CachedTokens = from.cached_tokens;
            OutputTokens = from.output_tokens;
            SessionTokens = from.session_tokens;
            Queued = Nanoseconds.ToSpan(from.queue_ns);
            Prefill = Nanoseconds.ToSpan(from.prefill_ns);
            TimeToFirstToken = Nanoseconds.ToSpan(from.ttft_ns);
            Decode = Nanoseconds.ToSpan(from.decode_ns);
            MaxGap = Nanoseconds.ToSpan(from.max_gap_ns);
            Seed = from.seed;
            NotesDropped = from.notes_dropped;
            DraftTokens = from.draft_tokens;
            DraftAccepted = from.draft_accepted;
        }

        /// <summary>Tokens before the first generated one: the session's past and the input.</summary>
        public uint PromptTokens { get; }

        /// <summary>Those of them that need not be computed.</summary>
        public uint CachedTokens { get; }

        /// <summary>Generated tokens.</summary>
        public uint OutputTokens { get; }

        /// <summary>The session's length: what <see cref="Session.Rewind"/> takes.</summary>
        public uint SessionTokens { get; }

        /// <summary>From the call to STARTED.</summary>
        public TimeSpan Queued { get; }

        /// <summary>From STARTED to the first sampled token.</summary>
        public TimeSpan Prefill { get; }

        /// <summary>From the call to the first text that can be read.</summary>
        public TimeSpan TimeToFirstToken { get; }

        /// <summary>From the first sampled token to the last.</summary>
        public TimeSpan Decode { get; }

        /// <summary>The longest time between two generated tokens.</summary>
        public TimeSpan MaxGap { get; }

        /// <summary>The effective seed: with it the same answer comes again.</summary>
        public ulong Seed { get; }

        /// <summary>Unread notes that were dropped.</summary>
        public ulong NotesDropped { get; }

        /// <summary>Tokens that were drafted.</summary>
        public ulong DraftTokens { get; }

        /// <summary>Those of them that were chosen.</summary>
        public ulong DraftAccepted { get; }
    }

    /// <summary>One event of a stream. What says nothing of its kind is empty, or zero.</summary>
    public sealed class Event
    {
        private static readonly uint[] NoTokens = new uint[0];
        private static readonly Alternative[] NoAlternatives = new Alternative[0];
        private static readonly float[] NoVector = new float[0];

        internal Event(EventKind kind)
        {
            Kind = kind;
            Text = "";
            Tokens = NoTokens;
            Alternatives = NoAlternatives;
            Vector = NoVector;
            Logprob = float.NaN;
        }

        /// <summary>What it is.</summary>
        public EventKind Kind { get; }

        /// <summary>0, 1, 2, … within its stream, as the library counts.</summary>
        public ulong Sequence { get; private set; }

        /// <summary>When it happened, since the stream was started.</summary>
        public TimeSpan Time { get; private set; }

        /// <summary>Text, Note: the text. ToolCall: the call as JSON. End: the stop string, or the error's
        /// message.</summary>
        public string Text { get; private set; }

        /// <summary>Text: the ids behind it.</summary>
        public IReadOnlyList<uint> Tokens { get; private set; }

        /// <summary>Text: natural logarithm of the last id's probability, if it was asked for; else NaN.</summary>
        public float Logprob { get; private set; }

        /// <summary>Text, with TopLogprobs: the likeliest ids in place of the last one.</summary>
        public IReadOnlyList<Alternative> Alternatives { get; private set; }

        /// <summary>Text: whether it is the answer, thinking, or a call's markup.</summary>
        public Channel Channel { get; private set; }

        /// <summary>Note: whose it is.</summary>
        public NoteSource NoteSource { get; private set; }

        /// <summary>Progress: bytes or tokens so far. Vector: the text's index.</summary>
        public ulong Done { get; private set; }

        /// <summary>Progress: bytes or tokens in all. Vector: how many texts there are.</summary>
        public ulong Total { get; private set; }

        /// <summary>Vector: its elements, of length 1 together (L2).</summary>
        public float[] Vector { get; private set; }

        /// <summary>End: why.</summary>
        public EndReason EndReason { get; private set; }

        /// <summary>End: the error's status if <see cref="EndReason"/> is Error, else Ok.</summary>
        public Status Status { get; private set; }

        /// <summary>End: the final figures; else null.</summary>
        public Stats Stats { get; private set; }

        /// <summary>Whether this is text to be shown: not thinking, not a call's markup.</summary>
        public bool IsAnswer
        {
            get { return Kind == EventKind.Text && Channel == Channel.Answer; }
        }

        /// <summary>ToolCall: the call, taken apart.</summary>
        /// <exception cref="InvalidOperationException">It is another kind of event.</exception>
        public ToolCall ToToolCall()
        {
            if (Kind != EventKind.ToolCall) throw new InvalidOperationException("a " + Kind + " event is no tool call");
            return new ToolCall(Json.Member(Text, "id"), Json.Member(Text, "name"), Json.Raw(Text, "arguments"));
        }

        internal static unsafe Event From(Native.wick_event* from)
        {
            var made = new Event((EventKind)from->kind)
            {
                Sequence = from->seq,
                Time = Nanoseconds.ToSpan(from->time_ns),
                Text = Arena.ToText(from->text, (int)from->text_len),
                Logprob = from->logprob,
                Done = from->done,
                Total = from->total,
                EndReason = (EndReason)from->end_reason,
                Status = (Status)from->status,
            };
            if (made.Kind == EventKind.Note) made.NoteSource = (NoteSource)from->channel;
            if (made.Kind == EventKind.Text) made.Channel = (Channel)from->channel;
            if (made.Kind == EventKind.End) made.Stats = new Stats(from->stats);
            if (from->token_count > 0) made.Tokens = Copied(from->tokens, from->token_count);
            if (from->value_count > 0) made.Vector = Copied(from->values, from->value_count);
            if (from->alternative_count > 0) made.Alternatives = Copied(from->alternatives, from->alternative_count);
            return made;
        }

        /// <summary>The END of a stream whose runtime does not tell any more.</summary>
        internal static Event Lost(Status status)
        {
            return new Event(EventKind.End)
            {
                EndReason = EndReason.Error,
                Status = status,
                Text = "the runtime is gone",
                Stats = new Stats(default(Native.wick_stats)),
            };
        }

        /// <summary>What did not fit the buffer came in pieces: this one, then <paramref name="next"/>.</summary>
        internal Event With(Event next)
        {
            if (next.Text.Length > 0) Text += next.Text;
            if (next.Tokens.Count > 0) Tokens = Joined(Tokens, next.Tokens);
            if (next.Vector.Length > 0) Vector = Joined(Vector, next.Vector);
            if (next.Alternatives.Count > 0) Alternatives = Joined(Alternatives, next.Alternatives);
            if (!float.IsNaN(next.Logprob)) Logprob = next.Logprob;
            return this;
        }

        private static T[] Joined<T>(IReadOnlyList<T> first, IReadOnlyList<T> second)
        {
            var all = new T[first.Count + second.Count];
            for (int at = 0; at < first.Count; at++) all[at] = first[at];
            for (int at = 0; at < second.Count; at++) all[first.Count + at] = second[at];
            return all;
        }

        private static unsafe uint[] Copied(uint* from, uint count)
        {
            var all = new uint[count];
            for (uint at = 0; at < count; at++) all[at] = from[at];
            return all;
        }

        private static unsafe float[] Copied(float* from, uint count)
        {
            var all = new float[count];
            for (uint at = 0; at < count; at++) all[at] = from[at];
            return all;
        }

        private static unsafe Alternative[] Copied(Native.wick_alternative* from, uint count)
        {
            var all = new Alternative[count];
            for (uint at = 0; at < count; at++)
            {
                all[at] = new Alternative { Token = from[at].token, Logprob = from[at].logprob };
            }
            return all;
        }
    }

    /// <summary>Times of the C ABI, in nanoseconds.</summary>
    internal static class Nanoseconds
    {
        internal static TimeSpan ToSpan(ulong nanoseconds)
        {
            return TimeSpan.FromTicks((long)Math.Min(nanoseconds / 100, long.MaxValue));
        }

        /// <summary>A timeout; Timeout.InfiniteTimeSpan: as long as it takes.</summary>
        internal static ulong From(TimeSpan span)
        {
            if (span == System.Threading.Timeout.InfiniteTimeSpan) return Native.WICK_FOREVER;
            if (span < TimeSpan.Zero) throw new ArgumentOutOfRangeException("span", span, "a time is 0 or more");
            ulong ticks = (ulong)span.Ticks;
            return ticks > ulong.MaxValue / 100 ? Native.WICK_FOREVER : ticks * 100;
        }
    }
}
