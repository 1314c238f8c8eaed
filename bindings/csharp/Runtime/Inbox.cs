// How events come from a runtime to its streams: all through one queue of the library's, read by a thread of the
// binding's, or by the host where it asks for that. Managed code so never runs on a thread of the library's.
using System;
using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using System.Threading;

namespace Wick
{
    internal sealed unsafe class Inbox
    {
        /// <summary>What does not fit comes in pieces.</summary>
        private const int BufferBytes = 1 << 16;

        private const int ReaderStack = 256 << 10;

        /// <summary>A stream that is read no more is dropped; one that somebody waits for is not: the wait itself
        /// may be all that refers to it.</summary>
        internal sealed class Entry
        {
            internal readonly WeakReference<EventStream> Weak;
            internal volatile EventStream Awaited;

            internal Entry(EventStream stream)
            {
                Weak = new WeakReference<EventStream>(stream);
            }
        }

        private readonly ConcurrentDictionary<long, Entry> entries = new ConcurrentDictionary<long, Entry>();
        private readonly object reading = new object();
        private readonly Native.wick_runtime runtime;
        private readonly Thread reader;
        private IntPtr room;
        private long lastKey;
        private volatile bool isOver;

        internal Inbox(Native.wick_runtime runtime, bool hostReads)
        {
            this.runtime = runtime;
            Native.wick_queue queue;
            using (var arena = new Arena()) arena.Check(Native.wick_queue_create(runtime, &queue, arena.Error()));
            Queue = queue;
            room = Marshal.AllocHGlobal(sizeof(Native.wick_event) + BufferBytes);
            HostReads = hostReads;
            if (hostReads) return;
            reader = new Thread(ReadAll, ReaderStack) { IsBackground = true, Name = "wick events" };
            reader.Start();
        }

        internal Native.wick_queue Queue { get; }

        /// <summary>Whether the host reads, in calls of its own: there is no thread.</summary>
        internal bool HostReads { get; }

        /// <summary>Registers a stream that is about to start; its events come with this key.</summary>
        internal long Expect(EventStream stream, out Entry entry)
        {
            long key = Interlocked.Increment(ref lastKey);
            entry = new Entry(stream);
            entries[key] = entry;
            return key;
        }

        internal void Forget(long key)
        {
            Entry entry;
            entries.TryRemove(key, out entry);
        }

        /// <summary>Hands out what is there, on the host's thread. Another thread that does so already is
        /// enough.</summary>
        internal void Drain()
        {
            if (!HostReads || !Monitor.TryEnter(reading)) return;
            try
            {
                while (ReadOne(0) == (int)Status.Ok) { }
            }
            finally
            {
                Monitor.Exit(reading);
            }
        }

        /// <summary>Waits for one event of any stream, on the host's thread.</summary>
        internal void WaitOnHost(ulong timeout)
        {
            lock (reading) ReadOne(timeout);
        }

        /// <summary>Waits until the reader has seen the end of the runtime, which is shut down, and closes the
        /// queue.</summary>
        internal void Close()
        {
            if (reader != null)
            {
                if (reader != Thread.CurrentThread) reader.Join();
                return;
            }
            lock (reading)
            {
                while (!isOver && ReadOne(0) == (int)Status.Ok) { }
                Free();
            }
        }

        /// <summary>Waits for the end of the thread that reads, at the end of all, for a second.</summary>
        internal void JoinReader()
        {
            if (reader != null && reader != Thread.CurrentThread) reader.Join(1000);
        }

        private void ReadAll()
        {
            int status = 0;
            // Empty: somebody woke the queue.
            while (status == (int)Status.Ok || status == (int)Status.Empty) status = ReadOne(Native.WICK_FOREVER);
            // A runtime that nobody disposed of: its threads are joined here, not by a finalizer. Else it is done.
            Native.wick_runtime_shutdown(runtime, Native.WICK_FOREVER);
            Free();
        }

        private int ReadOne(ulong timeout)
        {
            if (isOver) return (int)Status.Ended;
            var from = (Native.wick_event*)room;
            from->struct_size = (uint)sizeof(Native.wick_event);
            byte* buffer = (byte*)room + sizeof(Native.wick_event);
            int status = Native.wick_queue_next(Queue, from, buffer, new UIntPtr(BufferBytes), timeout);
            if (status == (int)Status.Ok) Deliver((long)from->user, Event.From(from), from->more != 0);
            else if (status != (int)Status.Empty && status != (int)Status.Busy) Over(status);
            return status;
        }

        private void Deliver(long key, Event made, bool goesOn)
        {
            Entry entry;
            EventStream stream;
            if (!entries.TryGetValue(key, out entry) || !entry.Weak.TryGetTarget(out stream)) return;
            if (made.Kind == EventKind.End) Forget(key);
            stream.Deliver(made, goesOn);
        }

        /// <summary>Nothing comes any more. Whoever has had no END gets one: no stream is silent.</summary>
        private void Over(int status)
        {
            isOver = true;
            foreach (long key in entries.Keys)
            {
                Entry entry;
                EventStream stream;
                if (!entries.TryRemove(key, out entry) || !entry.Weak.TryGetTarget(out stream)) continue;
                stream.Deliver(Event.Lost(status < 0 ? (Status)status : Status.Shutdown), false);
            }
        }

        private void Free()
        {
            Over((int)Status.Ended);
            Native.wick_queue_close(Queue);
            Marshal.FreeHGlobal(Interlocked.Exchange(ref room, IntPtr.Zero));
        }
    }
}
