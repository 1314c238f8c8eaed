// Shuts runtimes down that are alive when the process, or the domain, ends: a library's threads must not call
// into a host that is gone. The library itself has no hook at the exit.
using System;
using System.Collections.Concurrent;
using System.Collections.Generic;

namespace Wick
{
    internal static class Exit
    {
        /// <summary>Ten seconds: a callback that hangs does not keep a process from its end.</summary>
        private const ulong Patience = 10000000000;

        private static readonly ConcurrentDictionary<ulong, Inbox> Alive = new ConcurrentDictionary<ulong, Inbox>();
        private static volatile bool isOver;

        static Exit()
        {
            AppDomain.CurrentDomain.ProcessExit += (sender, args) => Over();
            AppDomain.CurrentDomain.DomainUnload += (sender, args) => Over();
        }

        /// <summary>The process or the domain ends: what awaits is not told any more. Mono 6.8 now and then waits
        /// for ever for work that its pool is given at its end.</summary>
        internal static bool IsOver
        {
            get { return isOver; }
        }

        internal static void Add(ulong id, Inbox inbox)
        {
            Alive[id] = inbox;
        }

        internal static void Remove(ulong id)
        {
            Inbox gone;
            Alive.TryRemove(id, out gone);
        }

        /// <summary>By their ids: what disposes of them may be gone. Streams stay readable.</summary>
        internal static void All()
        {
            foreach (KeyValuePair<ulong, Inbox> one in Alive)
            {
                var runtime = new Native.wick_runtime { id = one.Key };
                if (Native.wick_runtime_shutdown(runtime, Patience) == (int)Status.Ok) one.Value.JoinReader();
            }
        }

        private static void Over()
        {
            isOver = true;
            All();
        }
    }
}
