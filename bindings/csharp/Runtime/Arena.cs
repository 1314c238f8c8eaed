// What one call into the library is given: texts and lists in unmanaged memory, freed when the call is over. The
// library copies its inputs, and nothing here moves when the garbage collector runs.
using System;
using System.Collections.Generic;
using System.Runtime.InteropServices;
using System.Text;

namespace Wick
{
    internal sealed unsafe class Arena : IDisposable
    {
        private readonly List<IntPtr> blocks = new List<IntPtr>();
        private Native.wick_error* error;

        /// <summary>UTF-8, without a NUL; null: absent.</summary>
        internal Native.wick_str Text(string text)
        {
            if (text == null) return default(Native.wick_str);
            int size = Encoding.UTF8.GetByteCount(text);
            // Never empty: an empty text is present.
            byte* bytes = (byte*)Bytes(size + 1);
            if (size > 0)
            {
                fixed (char* letters = text) Encoding.UTF8.GetBytes(letters, text.Length, bytes, size);
            }
            return new Native.wick_str { ptr = bytes, len = new UIntPtr((uint)size) };
        }

        /// <summary>A list of texts; null for none.</summary>
        internal Native.wick_str* Texts(IReadOnlyList<string> texts)
        {
            if (texts.Count == 0) return null;
            var list = (Native.wick_str*)Bytes(texts.Count * sizeof(Native.wick_str));
            for (int at = 0; at < texts.Count; at++) list[at] = Text(texts[at]);
            return list;
        }

        internal Native.wick_message* Messages(IReadOnlyList<Message> messages)
        {
            if (messages.Count == 0) return null;
            var list = (Native.wick_message*)Bytes(messages.Count * sizeof(Native.wick_message));
            for (int at = 0; at < messages.Count; at++)
            {
                Message one = messages[at];
                list[at] = new Native.wick_message
                {
                    role = Text(one.Role), content = Text(one.Content), extra_json = Text(one.ExtraJson),
                };
            }
            return list;
        }

        internal Native.wick_logit_bias* Biases(IReadOnlyDictionary<uint, float> biases)
        {
            var list = (Native.wick_logit_bias*)Bytes(biases.Count * sizeof(Native.wick_logit_bias));
            int at = 0;
            foreach (KeyValuePair<uint, float> one in biases)
            {
                list[at++] = new Native.wick_logit_bias { token = one.Key, bias = one.Value };
            }
            return list;
        }

        /// <summary>A zeroed struct that lies still until the call is over.</summary>
        internal void* Bytes(int size)
        {
            IntPtr block = Marshal.AllocHGlobal(size);
            blocks.Add(block);
            byte* bytes = (byte*)block;
            for (int at = 0; at < size; at++) bytes[at] = 0;
            return bytes;
        }

        /// <summary>Where the library writes why a call failed.</summary>
        internal Native.wick_error* Error()
        {
            if (error == null)
            {
                error = (Native.wick_error*)Bytes(sizeof(Native.wick_error));
                error->struct_size = (uint)sizeof(Native.wick_error);
            }
            return error;
        }

        /// <summary>Throws unless <paramref name="status"/> says that it went well.</summary>
        internal void Check(int status)
        {
            if (status >= 0) return;
            string message = error == null ? null : ToText(&error->message_0);
            throw new WickException((Status)status, message);
        }

        /// <summary>A NUL-terminated text.</summary>
        internal static string ToText(void* text)
        {
            byte* bytes = (byte*)text;
            int size = 0;
            if (bytes == null) return "";
            while (bytes[size] != 0) size++;
            return ToText(bytes, size);
        }

        internal static string ToText(byte* bytes, int size)
        {
            return size == 0 ? "" : Encoding.UTF8.GetString(bytes, size);
        }

        public void Dispose()
        {
            foreach (IntPtr block in blocks) Marshal.FreeHGlobal(block);
            blocks.Clear();
            error = null;
        }
    }

    /// <summary>The (out, cap, needed) of the C ABI, with as much room as it takes.</summary>
    internal static unsafe class Whole
    {
        internal delegate int TextCall(byte* text, UIntPtr cap, UIntPtr* needed);

        internal delegate int IdsCall(uint* ids, UIntPtr cap, UIntPtr* needed);

        /// <summary>A text, asked for until there is room: it may grow between two calls.</summary>
        internal static string Text(TextCall call)
        {
            int cap = 1024;
            while (true)
            {
                byte[] room = new byte[cap];
                UIntPtr needed = UIntPtr.Zero;
                int status;
                fixed (byte* start = room)
                {
                    status = call(start, new UIntPtr((uint)cap), &needed);
                    if (status >= 0) return Arena.ToText(start, (int)needed);
                }
                if (status != (int)Status.BufferTooSmall) throw new WickException((Status)status, null);
                cap = checked((int)needed + 1);
            }
        }

        internal static uint[] Ids(IdsCall call)
        {
            int cap = 256;
            while (true)
            {
                uint[] room = new uint[cap];
                UIntPtr needed = UIntPtr.Zero;
                int status;
                fixed (uint* start = room) status = call(start, new UIntPtr((uint)cap), &needed);
                if (status >= 0)
                {
                    Array.Resize(ref room, (int)needed);
                    return room;
                }
                if (status != (int)Status.BufferTooSmall) throw new WickException((Status)status, null);
                cap = checked((int)needed);
            }
        }
    }
}
