// The library's ids as safe handles: let go of exactly once, also where nobody disposed of them. None of these
// calls waits, so that a finalizer thread is never held up; a stale id is an error, never a dangling pointer.
using System;
using System.Runtime.InteropServices;

namespace Wick
{
    internal abstract class IdHandle : SafeHandle
    {
        protected IdHandle(ulong id) : base(IntPtr.Zero, true)
        {
            Id = id;
            SetHandle(new IntPtr(1));
        }

        /// <summary>The id. Stale once it is closed: calls then fail with StaleHandle.</summary>
        internal ulong Id { get; }

        public override bool IsInvalid
        {
            get { return handle == IntPtr.Zero; }
        }
    }

    internal sealed class StreamHandle : IdHandle
    {
        internal StreamHandle(ulong id) : base(id)
        {
        }

        protected override bool ReleaseHandle()
        {
            return Native.wick_stream_close(new Native.wick_stream { id = Id }) >= 0;
        }
    }

    internal sealed class ModelHandle : IdHandle
    {
        internal ModelHandle(ulong id) : base(id)
        {
        }

        protected override bool ReleaseHandle()
        {
            return Native.wick_model_close(new Native.wick_model { id = Id }) >= 0;
        }
    }

    internal sealed class AdapterHandle : IdHandle
    {
        internal AdapterHandle(ulong id) : base(id)
        {
        }

        protected override bool ReleaseHandle()
        {
            return Native.wick_adapter_close(new Native.wick_adapter { id = Id }) >= 0;
        }
    }

    internal sealed class SessionHandle : IdHandle
    {
        internal SessionHandle(ulong id) : base(id)
        {
        }

        protected override bool ReleaseHandle()
        {
            return Native.wick_session_close(new Native.wick_session { id = Id }) >= 0;
        }
    }
}
