// What the library calls: static methods, with the object in question behind a handle of the garbage
// collector's that the library drops exactly once. They may come on any thread, and let no exception out.
using System;
using System.IO;
using System.Runtime.InteropServices;

namespace Wick
{
    /// <summary>Takes the library's log: 1 error, 2 warning, 3 info, 4 debug, 5 trace. Any thread.</summary>
    public delegate void LogHandler(int level, string text);

    internal static unsafe class Callbacks
    {
        // Held here: the library keeps their addresses.
        private static readonly Native.wick_drop_fn DropCall = OnDrop;
        private static readonly Native.wick_log_fn LogCall = OnLog;
        private static readonly Native.wick_read_at_fn ReadCall = OnRead;
        private static readonly Native.wick_write_at_fn WriteCall = OnWrite;

        internal static readonly IntPtr Drop = Marshal.GetFunctionPointerForDelegate(DropCall);
        internal static readonly IntPtr Log = Marshal.GetFunctionPointerForDelegate(LogCall);
        internal static readonly IntPtr Read = Marshal.GetFunctionPointerForDelegate(ReadCall);
        internal static readonly IntPtr Write = Marshal.GetFunctionPointerForDelegate(WriteCall);

        /// <summary>Whether the collector stops threads with signals, as Mono's and Unity's do on Linux and Android.
        /// The library's threads block all signals: once such a thread has run managed code, the next collection
        /// waits for it forever.</summary>
        private static readonly bool StopsThreadsBySignals =
            !RuntimeInformation.IsOSPlatform(OSPlatform.Windows) && !RuntimeInformation.IsOSPlatform(OSPlatform.OSX) &&
            !RuntimeInformation.FrameworkDescription.StartsWith(".NET ", StringComparison.Ordinal);

        /// <summary>Refuses what would run managed code on threads of the library's where that is not
        /// safe.</summary>
        internal static void Allow(bool hostComputes, string what, string instead)
        {
            if (hostComputes || !StopsThreadsBySignals) return;
            throw new NotSupportedException(what + " would run on threads of the library's, where this garbage " +
                "collector cannot stop them: " + instead + ", or use Mode.HostStep (docs/csharp.md)");
        }

        /// <summary>What stands for <paramref name="target"/> until <see cref="Drop"/> is called.</summary>
        internal static IntPtr Held(object target)
        {
            return GCHandle.ToIntPtr(GCHandle.Alloc(target));
        }

        /// <summary>A reader, or a writer, of <paramref name="stream"/>; its drop frees what it holds.</summary>
        internal static Native.wick_io* Io(Arena arena, Stream stream, bool writes)
        {
            var io = (Native.wick_io*)arena.Bytes(sizeof(Native.wick_io));
            io->struct_size = (uint)sizeof(Native.wick_io);
            io->size = writes ? 0 : (ulong)stream.Length;
            io->read_at = writes ? IntPtr.Zero : Read;
            io->write_at = writes ? Write : IntPtr.Zero;
            io->drop = Drop;
            io->user = Held(stream);
            return io;
        }

        [MonoPInvokeCallback(typeof(Native.wick_drop_fn)), Preserve]
        private static void OnDrop(IntPtr user)
        {
            try
            {
                GCHandle.FromIntPtr(user).Free();
            }
            catch (Exception)
            {
                // Nothing may leave a callback; there is nobody to tell.
            }
        }

        [MonoPInvokeCallback(typeof(Native.wick_log_fn)), Preserve]
        private static void OnLog(IntPtr user, int level, byte* text, UIntPtr len)
        {
            try
            {
                ((LogHandler)GCHandle.FromIntPtr(user).Target)(level, Arena.ToText(text, (int)len));
            }
            catch (Exception)
            {
                // The log's own trouble is not the library's.
            }
        }

        [MonoPInvokeCallback(typeof(Native.wick_read_at_fn)), Preserve]
        private static int OnRead(IntPtr user, ulong offset, IntPtr dst, ulong len)
        {
            try
            {
                var stream = (Stream)GCHandle.FromIntPtr(user).Target;
                byte[] part = new byte[(int)Math.Min(len, 1 << 16)];
                lock (stream)
                {
                    stream.Seek((long)offset, SeekOrigin.Begin);
                    for (ulong done = 0; done < len;)
                    {
                        int read = stream.Read(part, 0, (int)Math.Min((ulong)part.Length, len - done));
                        if (read <= 0) return 1;
                        Marshal.Copy(part, 0, IntPtr.Add(dst, (int)done), read);
                        done += (ulong)read;
                    }
                }
                return 0;
            }
            catch (Exception)
            {
                // The stream's END says WICK_E_IO.
                return 1;
            }
        }

        [MonoPInvokeCallback(typeof(Native.wick_write_at_fn)), Preserve]
        private static int OnWrite(IntPtr user, ulong offset, IntPtr src, ulong len)
        {
            try
            {
                var stream = (Stream)GCHandle.FromIntPtr(user).Target;
                byte[] part = new byte[(int)Math.Min(len, 1 << 16)];
                lock (stream)
                {
                    // Ascending and without gaps: what cannot seek can be written, too.
                    if (stream.CanSeek) stream.Seek((long)offset, SeekOrigin.Begin);
                    for (ulong done = 0; done < len;)
                    {
                        int count = (int)Math.Min((ulong)part.Length, len - done);
                        Marshal.Copy(IntPtr.Add(src, (int)done), part, 0, count);
                        stream.Write(part, 0, count);
                        done += (ulong)count;
                    }
                }
                return 0;
            }
            catch (Exception)
            {
                return 1;
            }
        }
    }
}
