// One stream, read as the host likes: polled each frame, waited for, or awaited.
using System;
using System.Collections;
using System.Collections.Generic;
using System.Threading;
using System.Threading.Tasks;

namespace Wick
{
    /// <summary>The events of an answer, a load, a save: any number, then exactly one End, whatever happens.
    /// <see cref="TryNext"/> polls, <c>foreach</c> waits, <c>await foreach</c> awaits; disposing of it, also by
    /// leaving such a loop, cancels what goes on. One reader at a time.</summary>
    public sealed class EventStream : IEnumerable<Event>, IAsyncEnumerable<Event>, IDisposable
    {
        private readonly Queue<Event> events = new Queue<Event>();
        private readonly Inbox inbox;
        // What it is of lives as long as it is read.
        private readonly object owner;
        private readonly Inbox.Entry entry;
        private StreamHandle handle;
        private Event partial;
        private TaskCompletionSource<bool> waiter;
        private bool isDisposed;

        internal EventStream(Inbox inbox, object owner)
        {
            this.inbox = inbox;
            this.owner = owner;
            Key = inbox.Expect(this, out entry);
        }

        /// <summary>Only forgets: the handle closes itself, and neither waits.</summary>
        ~EventStream()
        {
            inbox.Forget(Key);
        }

        /// <summary>The `user` that its events come with.</summary>
        internal long Key { get; }

        /// <summary>Its End, once it has been read; else null.</summary>
        public Event End { get; private set; }

        /// <summary>The figures as of now; of a stream that has ended, or is closed, the last ones.</summary>
        public unsafe Stats Stats
        {
            get
            {
                Native.wick_stats stats = default(Native.wick_stats);
                if (End == null) Native.wick_stream_stats(new Native.wick_stream { id = handle.Id }, &stats);
                return End != null ? End.Stats : new Stats(stats);
            }
        }

        /// <summary>The next event if there is one. Never waits; false: none now, or End was read
        /// (<see cref="End"/> says which). Throws nothing, however the stream ends.</summary>
        public bool TryNext(out Event next)
        {
            inbox.Drain();
            lock (events) return Take(out next);
        }

        /// <summary>Waits for the next event. False: End was read before, or the time passed.</summary>
        public bool Next(out Event next, TimeSpan timeout)
        {
            ulong nanoseconds = Nanoseconds.From(timeout);
            var clock = System.Diagnostics.Stopwatch.StartNew();
            while (!TryNext(out next))
            {
                if (End != null || isDisposed) return false;
                ulong left = nanoseconds;
                if (nanoseconds != Native.WICK_FOREVER)
                {
                    ulong passed = Nanoseconds.From(clock.Elapsed);
                    if (passed >= nanoseconds) return false;
                    left = nanoseconds - passed;
                }
                if (inbox.HostReads) inbox.WaitOnHost(left);
                else Wait(left);
            }
            return true;
        }

        private void Wait(ulong nanoseconds)
        {
            lock (events)
            {
                if (events.Count > 0 || isDisposed) return;
                if (nanoseconds == Native.WICK_FOREVER) Monitor.Wait(events);
                else Monitor.Wait(events, (int)Math.Min(nanoseconds / 1000000 + 1, int.MaxValue));
            }
        }

        /// <summary>Reads to End and returns the answer's text.</summary>
        /// <exception cref="WickException">It ended with an error.</exception>
        public string ReadToEnd()
        {
            var text = new System.Text.StringBuilder();
            foreach (Event next in this)
            {
                if (next.IsAnswer) text.Append(next.Text);
            }
            return text.ToString();
        }

        /// <summary>Reads to End and returns the answer's text.</summary>
        /// <exception cref="WickException">It ended with an error.</exception>
        /// <exception cref="OperationCanceledException"><paramref name="cancel"/> ended it.</exception>
        public async Task<string> ReadToEndAsync(CancellationToken cancel = default(CancellationToken))
        {
            var text = new System.Text.StringBuilder();
            IAsyncEnumerator<Event> reader = GetAsyncEnumerator(cancel);
            try
            {
                while (await reader.MoveNextAsync().ConfigureAwait(false))
                {
                    if (reader.Current.IsAnswer) text.Append(reader.Current.Text);
                }
            }
            finally
            {
                await reader.DisposeAsync().ConfigureAwait(false);
            }
            return text.ToString();
        }

        /// <summary>Asks for the end, and returns at once. End (Cancelled) follows, unless it came first.</summary>
        public void Cancel()
        {
            // Of a stream that is closed there is nothing to cancel.
            if (handle != null) Native.wick_stream_cancel(new Native.wick_stream { id = handle.Id });
        }

        /// <summary>Ends the thinking here: the answer begins.</summary>
        public void AnswerNow()
        {
            Native.wick_stream_answer_now(new Native.wick_stream { id = handle.Id });
        }

        /// <summary>Merges a note of the host's into the stream.</summary>
        public void Note(string text)
        {
            using (var arena = new Arena())
            {
                arena.Check(Native.wick_stream_note(new Native.wick_stream { id = handle.Id }, arena.Text(text)));
            }
        }

        /// <summary>Cancels what goes on, and forgets it: no event comes any more. Never waits.</summary>
        public void Dispose()
        {
            TaskCompletionSource<bool> left;
            lock (events)
            {
                if (isDisposed) return;
                isDisposed = true;
                left = waiter;
                waiter = null;
                entry.Awaited = null;
                events.Clear();
                Monitor.PulseAll(events);
            }
            if (left != null) left.TrySetResult(false);
            inbox.Forget(Key);
            if (handle != null) handle.Dispose();
            GC.KeepAlive(owner);
            GC.SuppressFinalize(this);
        }

        /// <summary>Waits for each event in turn, End too; an error's End is thrown behind it.</summary>
        /// <exception cref="WickException">It ended with an error.</exception>
        public IEnumerator<Event> GetEnumerator()
        {
            try
            {
                Event next;
                while (Next(out next, Timeout.InfiniteTimeSpan)) yield return next;
                Exception failure = Failure(CancellationToken.None);
                if (failure != null) throw failure;
            }
            finally
            {
                Dispose();
            }
        }

        IEnumerator IEnumerable.GetEnumerator()
        {
            return GetEnumerator();
        }

        /// <summary>Awaits each event in turn, End too; an error's End is thrown behind it. The cancelled token
        /// cancels the generation, whose last events and End still come.</summary>
        public IAsyncEnumerator<Event> GetAsyncEnumerator(CancellationToken cancel = default(CancellationToken))
        {
            return new Reader(this, cancel);
        }

        internal void Started(ulong id)
        {
            handle = new StreamHandle(id);
        }

        /// <summary>From the reader of the inbox: a piece, or the rest of an event.</summary>
        internal void Deliver(Event next, bool goesOn)
        {
            TaskCompletionSource<bool> told;
            lock (events)
            {
                if (isDisposed) return;
                next = partial == null ? next : partial.With(next);
                partial = goesOn ? next : null;
                if (goesOn) return;
                events.Enqueue(next);
                Monitor.PulseAll(events);
                told = waiter;
                waiter = null;
                entry.Awaited = null;
            }
            // What awaits it goes on elsewhere: never on the thread that reads for all.
            if (told != null && !Exit.IsOver) told.TrySetResult(true);
        }

        private bool Take(out Event next)
        {
            next = null;
            if (events.Count == 0) return false;
            next = events.Dequeue();
            if (next.Kind == EventKind.End) End = next;
            return true;
        }

        /// <summary>Ends when there may be something to take.</summary>
        private Task Ready()
        {
            lock (events)
            {
                if (events.Count > 0 || isDisposed) return Task.CompletedTask;
                if (waiter != null) throw new InvalidOperationException("another reader awaits this stream already");
                waiter = new TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously);
                entry.Awaited = this;
                return waiter.Task;
            }
        }

        private Exception Failure(CancellationToken cancel)
        {
            if (End == null) return new ObjectDisposedException("EventStream");
            if (End.EndReason == EndReason.Error) return new WickException(End.Status, End.Text);
            bool isCancelled = End.EndReason == EndReason.Cancelled && cancel.IsCancellationRequested;
            return isCancelled ? new OperationCanceledException(cancel) : null;
        }

        private sealed class Reader : IAsyncEnumerator<Event>
        {
            private readonly EventStream stream;
            private readonly CancellationToken cancel;
            private CancellationTokenRegistration registered;

            internal Reader(EventStream stream, CancellationToken cancel)
            {
                this.stream = stream;
                this.cancel = cancel;
                registered = cancel.Register(stream.Cancel);
            }

            public Event Current { get; private set; }

            public ValueTask<bool> MoveNextAsync()
            {
                return TakeNow() ? new ValueTask<bool>(true) : new ValueTask<bool>(TakeLater());
            }

            public ValueTask DisposeAsync()
            {
                registered.Dispose();
                stream.Dispose();
                return default(ValueTask);
            }

            private bool TakeNow()
            {
                Event next;
                lock (stream.events)
                {
                    if (!stream.Take(out next)) return false;
                }
                Current = next;
                return true;
            }

            private async Task<bool> TakeLater()
            {
                while (!TakeNow())
                {
                    if (stream.End != null || stream.isDisposed)
                    {
                        Exception failure = stream.Failure(cancel);
                        if (failure != null) throw failure;
                        return false;
                    }
                    await stream.Ready().ConfigureAwait(false);
                }
                return true;
            }
        }
    }
}
