// The runtime: threads, memory, and the end of all of it.
using System;
using System.Threading;

namespace Wick
{
    /// <summary>What a runtime is made of; what is left out is the library's default.</summary>
    public sealed class RuntimeOptions
    {
        /// <summary>Who computes: threads of the runtime's, or <see cref="Runtime.Step"/>.</summary>
        public Mode Mode { get; set; }

        /// <summary>Compute threads; 0: one for each physical core.</summary>
        public int Threads { get; set; }

        /// <summary>Bytes for weights, keys and values, caches and scratch; 0: no budget.</summary>
        public ulong MemoryBudget { get; set; }

        /// <summary>Generations computed together; 0: 16.</summary>
        public int MaxSequences { get; set; }

        /// <summary>Generations that may wait for a place; 0: 1024.</summary>
        public int MaxWaiting { get; set; }

        /// <summary>What the threads' names begin with; null: "wick".</summary>
        public string ThreadName { get; set; }

        /// <summary>Of each 16.7 ms the share in percent that the threads compute; 0: 100.</summary>
        public int PacePercent { get; set; }

        /// <summary>Each thread keeps the policy and processors of the one that starts it.</summary>
        public bool KeepScheduling { get; set; }

        /// <summary>No thread reads events: they come in <see cref="Runtime.Poll"/>, and where a stream is polled
        /// or waited for. So it is with <see cref="Mode.HostStep"/> anyway.</summary>
        public bool HostReads { get; set; }

        /// <summary>Takes log lines, on threads of the library's; null: none. Under Mono and Unity on Linux and
        /// Android only with <see cref="Mode.HostStep"/>.</summary>
        public LogHandler Log { get; set; }

        /// <summary>The least grave lines that are logged: 1 errors … 5 everything; 0: warnings.</summary>
        public int LogLevel { get; set; }
    }

    /// <summary>Where models are computed. Several live side by side. Dispose of it when the host ends; where the
    /// process, or the domain, ends first, the binding shuts it down.</summary>
    public sealed class Runtime : IDisposable
    {
        private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
        private readonly Native.wick_runtime runtime;
        private int isClosed;

        /// <summary>A runtime with all defaults.</summary>
        public Runtime() : this(new RuntimeOptions())
        {
        }

        /// <summary>A runtime.</summary>
        /// <exception cref="WickException">An option is out of range, or the system refuses a thread.</exception>
        /// <exception cref="DllNotFoundException">There is no library: docs/csharp.md says where it is
        /// sought.</exception>
        public unsafe Runtime(RuntimeOptions options)
        {
            if (options == null) throw new ArgumentNullException("options");
            HostComputes = options.Mode == Mode.HostStep;
            if (options.Log != null) Callbacks.Allow(HostComputes, "a log", "do without");
            using (var arena = new Arena())
            {
                var given = (Native.wick_runtime_options*)arena.Bytes(sizeof(Native.wick_runtime_options));
                given->struct_size = (uint)sizeof(Native.wick_runtime_options);
                given->abi_version = Native.WICK_ABI_VERSION;
                given->mode = (uint)options.Mode;
                given->threads = Counted.From(options.Threads, "Threads");
                given->memory_budget = options.MemoryBudget;
                given->max_sequences = Counted.From(options.MaxSequences, "MaxSequences");
                given->max_waiting = Counted.From(options.MaxWaiting, "MaxWaiting");
                given->thread_name = arena.Text(options.ThreadName);
                given->pace_percent = Counted.From(options.PacePercent, "PacePercent");
                given->keep_scheduling = options.KeepScheduling ? 1u : 0u;
                given->log_level = options.LogLevel;
                if (options.Log != null)
                {
                    given->log = Callbacks.Log;
                    given->log_drop = Callbacks.Drop;
                    given->log_user = Callbacks.Held(options.Log);
                }
                fixed (Native.wick_runtime* made = &runtime)
                {
                    arena.Check(Native.wick_runtime_create(given, made, arena.Error()));
                }
            }
            Inbox = new Inbox(runtime, options.HostReads || HostComputes);
            Exit.Add(runtime.id, Inbox);
        }

        /// <summary>Begins the end, and does not wait for it: the thread that reads events joins the rest.</summary>
        ~Runtime()
        {
            if (isClosed != 0 || runtime.id == 0) return;
            Exit.Remove(runtime.id);
            Native.wick_runtime_shutdown(runtime, 0);
        }

        internal Inbox Inbox { get; }

        /// <summary>No thread but the host's computes, or calls back.</summary>
        internal bool HostComputes { get; }

        internal Native.wick_runtime Handle
        {
            get { return runtime; }
        }

        /// <summary>The library's version, such as "0.1.0".</summary>
        public static unsafe string Version
        {
            get { return Arena.ToText(Native.wick_version()); }
        }

        /// <summary>What the library is, as JSON: features, backends, kernels (wick_build_info).</summary>
        public static unsafe string BuildInfoJson
        {
            get { return Whole.Text((text, cap, needed) => Native.wick_build_info(text, cap, needed)); }
        }

        /// <summary>Counts, memory and queues, as JSON (wick_runtime_info).</summary>
        public unsafe string InfoJson
        {
            get { return Whole.Text((text, cap, needed) => Native.wick_runtime_info(runtime, text, cap, needed)); }
        }

        /// <summary>Starts to load a model, and returns at once: sessions and answers wait for it.</summary>
        /// <exception cref="WickException">An option is malformed.</exception>
        public Model Load(string path)
        {
            return Load(new ModelOptions { Path = path });
        }

        /// <summary>Starts to load a model, and returns at once: sessions and answers wait for it.</summary>
        /// <exception cref="WickException">An option is malformed.</exception>
        public unsafe Model Load(ModelOptions options)
        {
            return new Model(this, options, Native.wick_model_load);
        }

        /// <summary>What a model would take, in bytes, by its header alone.</summary>
        /// <exception cref="WickException">The file's errors, as its load would have them.</exception>
        public unsafe Estimate Estimate(ModelOptions options, int context = 0, int sessions = 1)
        {
            if (options == null) throw new ArgumentNullException("options");
            using (var arena = new Arena())
            {
                var made = new Native.wick_estimate { struct_size = (uint)sizeof(Native.wick_estimate) };
                Native.wick_model_options* given = options.ToNative(arena, true);
                try
                {
                    arena.Check(Native.wick_model_estimate(runtime, given, Counted.From(context, "context"),
                        Counted.From(sessions, "sessions"), &made, Native.WICK_FOREVER, arena.Error()));
                }
                finally
                {
                    // An estimate takes nothing, and drops nothing.
                    if (given->io != null) System.Runtime.InteropServices.GCHandle.FromIntPtr(given->io->user).Free();
                }
                return new Estimate(made);
            }
        }

        /// <summary>Hands out events on this thread, where the host reads; never waits. Once a frame.</summary>
        public void Poll()
        {
            Inbox.Drain();
        }

        /// <summary>HostStep: computes for about <paramref name="budget"/>, at least one slice, and hands out
        /// events. True: work is left.</summary>
        public unsafe bool Step(TimeSpan budget)
        {
            int status = Native.wick_runtime_step(runtime, Nanoseconds.From(budget), null);
            WickException.Check(status);
            Inbox.Drain();
            return status == (int)Status.More;
        }

        /// <summary>Of each 16.7 ms the share in percent that the threads compute from now on; 0: 100.</summary>
        public void SetPace(int percent)
        {
            WickException.Check(Native.wick_runtime_set_pace(runtime, Counted.From(percent, "percent")));
        }

        /// <summary>Stops computing within a slice. Events, cancel and the end still work.</summary>
        public void Pause()
        {
            WickException.Check(Native.wick_runtime_pause(runtime));
        }

        /// <summary>Computes again.</summary>
        public void Resume()
        {
            WickException.Check(Native.wick_runtime_resume(runtime));
        }

        /// <summary>Gives back memory whose contents can be computed again.</summary>
        public void Trim()
        {
            WickException.Check(Native.wick_runtime_trim(runtime));
        }

        /// <summary>Ends every stream with End (Shutdown) and joins the threads. False: not all has ended in
        /// that time; call again. Streams stay readable.</summary>
        /// <exception cref="WickException">Reentrant: called in a callback, such as the log.</exception>
        public bool Shutdown(TimeSpan timeout)
        {
            int status = Native.wick_runtime_shutdown(runtime, Nanoseconds.From(timeout));
            if (status == (int)Status.Timeout) return false;
            // A runtime that was shut down before.
            if (status != (int)Status.StaleHandle) WickException.Check(status);
            if (Interlocked.Exchange(ref isClosed, 1) != 0) return true;
            Exit.Remove(runtime.id);
            Inbox.Close();
            GC.SuppressFinalize(this);
            return true;
        }

        /// <summary>Ends all that goes on, as <see cref="Shutdown"/> does: it takes about a slice of a pass. A
        /// callback of the host's that does not return is waited for, for 30 s.</summary>
        public void Dispose()
        {
            Shutdown(Patience);
        }
    }

    /// <summary>Numbers of C#'s usual type where C has unsigned ones.</summary>
    internal static class Counted
    {
        internal static uint From(int number, string name)
        {
            if (number < 0) throw new ArgumentOutOfRangeException(name, number, "a count is 0 or more");
            return (uint)number;
        }
    }
}
