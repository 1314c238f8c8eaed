// A call that failed, or a stream that ended with an error.
using System;

namespace Wick
{
    /// <summary>What the library says of a failure: a status for the program, a message for its author.</summary>
    public sealed class WickException : Exception
    {
        /// <summary>What failed, as the C ABI numbers it.</summary>
        public Status Status { get; }

        internal WickException(Status status, string message) : base(Worded(status, message))
        {
            Status = status;
        }

        private static unsafe string Worded(Status status, string message)
        {
            string name = Arena.ToText(Native.wick_status_name((int)status));
            return string.IsNullOrEmpty(message) ? name : message + " (" + name + ")";
        }

        internal static void Check(int status)
        {
            if (status < 0) throw new WickException((Status)status, null);
        }
    }
}
