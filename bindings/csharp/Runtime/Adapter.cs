// An adapter (LoRA) of one model.
using System;

namespace Wick
{
    /// <summary>An adapter that loads, or has loaded. Sessions keep what they need of it.</summary>
    public sealed class Adapter : IDisposable
    {
        private readonly AdapterHandle handle;
        private readonly Model model;

        internal unsafe Adapter(Model model, AdapterOptions options)
        {
            if (options == null) throw new ArgumentNullException("options");
            this.model = model;
            Loading = new EventStream(model.Runtime.Inbox, model);
            using (var arena = new Arena())
            {
                Native.wick_adapter made;
                Native.wick_stream load;
                var given = (Native.wick_adapter_options*)arena.Bytes(sizeof(Native.wick_adapter_options));
                given->struct_size = (uint)sizeof(Native.wick_adapter_options);
                given->path = arena.Text(options.Path);
                given->queue = model.Runtime.Inbox.Queue;
                given->user = new IntPtr(Loading.Key);
                given->io = ModelOptions.Reader(arena, options.Source, model.Runtime.HostComputes);
                try
                {
                    arena.Check(Native.wick_adapter_load(model.Handle, given, &made, &load, arena.Error()));
                }
                catch (WickException)
                {
                    Loading.Dispose();
                    throw;
                }
                Loading.Started(load.id);
                handle = new AdapterHandle(made.id);
            }
        }

        /// <summary>The load: progress in bytes, and End (Ready).</summary>
        public EventStream Loading { get; }

        internal Native.wick_adapter Handle
        {
            get { return new Native.wick_adapter { id = handle.Id }; }
        }

        /// <summary>What is known of it, as JSON (wick_adapter_info).</summary>
        public unsafe string InfoJson
        {
            get { return Whole.Text((text, cap, needed) => Native.wick_adapter_info(Handle, text, cap, needed)); }
        }

        /// <summary>Lets go of it.</summary>
        public void Dispose()
        {
            Loading.Dispose();
            handle.Dispose();
            GC.KeepAlive(model);
        }
    }
}
