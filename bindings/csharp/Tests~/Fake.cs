// The library's fake model, by the ABI of builds with the feature `testing`.
using System.Runtime.InteropServices;

namespace Wick.Tests
{
    internal static unsafe class Fake
    {
        [DllImport("wick", CallingConvention = CallingConvention.Cdecl)]
        private static extern int wick_testing_model_load(Native.wick_runtime runtime, Native.wick_str script,
            Native.wick_model_options* options, Native.wick_model* made, Native.wick_stream* load, Native.wick_error* error);

        [DllImport("wick", CallingConvention = CallingConvention.Cdecl)]
        private static extern int wick_testing_release(Native.wick_model model, ulong count);

        /// <summary>A model that does what src/testing/script.rs makes of <paramref name="script"/>.</summary>
        internal static Model Load(Runtime runtime, string script)
        {
            using (var arena = new Arena())
            {
                Native.wick_str text = arena.Text(script);
                return new Model(runtime, new ModelOptions(), (where, options, made, load, error) =>
                    wick_testing_model_load(where, text, options, made, load, error));
            }
        }

        /// <summary>Lets tokens of a gated model through.</summary>
        internal static void Release(Model model, ulong count)
        {
            WickException.Check(wick_testing_release(model.Handle, count));
        }
    }
}
