// A model: its load, its tokenizer and template, vectors; sessions come from here.
using System;
using System.Collections.Generic;
using System.Threading;
using System.Threading.Tasks;

namespace Wick
{
    /// <summary>A model that loads, or has loaded. Disposing of it never waits; its sessions keep what they
    /// need.</summary>
    public sealed class Model : IDisposable
    {
        internal unsafe delegate int Start(Native.wick_runtime runtime, Native.wick_model_options* options,
            Native.wick_model* made, Native.wick_stream* load, Native.wick_error* error);

        private readonly ModelHandle handle;

        internal unsafe Model(Runtime runtime, ModelOptions options, Start start)
        {
            if (options == null) throw new ArgumentNullException("options");
            Runtime = runtime;
            Loading = new EventStream(runtime.Inbox, null);
            using (var arena = new Arena())
            {
                Native.wick_model made;
                Native.wick_stream load;
                Native.wick_model_options* given = options.ToNative(arena, runtime.HostComputes);
                given->queue = runtime.Inbox.Queue;
                given->user = new IntPtr(Loading.Key);
                try
                {
                    arena.Check(start(runtime.Handle, given, &made, &load, arena.Error()));
                }
                catch (WickException)
                {
                    Loading.Dispose();
                    throw;
                }
                Loading.Started(load.id);
                handle = new ModelHandle(made.id);
            }
        }

        /// <summary>Where it is computed.</summary>
        public Runtime Runtime { get; }

        /// <summary>The load: progress in bytes, and End (Ready). Disposing of it before that cancels the
        /// load.</summary>
        public EventStream Loading { get; }

        internal Native.wick_model Handle
        {
            get { return new Native.wick_model { id = handle.Id }; }
        }

        /// <summary>What is known of the model, as JSON (wick_model_info).</summary>
        /// <exception cref="WickException">After a failed load: its error.</exception>
        public unsafe string InfoJson
        {
            get { return Whole.Text((text, cap, needed) => Native.wick_model_info(Handle, text, cap, needed)); }
        }

        /// <summary>Whether it has loaded.</summary>
        public bool IsReady
        {
            get { return Json.Member(InfoJson, "state") == "ready"; }
        }

        /// <summary>Waits for the end of the load.</summary>
        /// <exception cref="WickException">The load failed.</exception>
        public void WaitUntilReady()
        {
            Event next;
            while (Loading.Next(out next, Timeout.InfiniteTimeSpan)) { }
            Checked(Loading.End);
        }

        /// <summary>Awaits the end of the load. The cancelled token ends the wait, and the load.</summary>
        /// <exception cref="WickException">The load failed.</exception>
        public async Task WaitUntilReadyAsync(CancellationToken cancel = default(CancellationToken))
        {
            if (Loading.End == null) await Loading.ReadToEndAsync(cancel).ConfigureAwait(false);
            Checked(Loading.End);
        }

        private static void Checked(Event end)
        {
            if (end == null) throw new ObjectDisposedException("Model");
            if (end.EndReason == EndReason.Error) throw new WickException(end.Status, end.Text);
            if (end.EndReason != EndReason.Ready) throw new OperationCanceledException("the load ended: " + end.EndReason);
        }

        /// <summary>A new, empty session. The model may still be loading.</summary>
        public Session CreateSession()
        {
            return CreateSession(new SessionOptions());
        }

        /// <summary>A new, empty session with this system message.</summary>
        public Session CreateSession(string system)
        {
            return CreateSession(new SessionOptions { System = system });
        }

        /// <summary>A new, empty session. The model may still be loading.</summary>
        public unsafe Session CreateSession(SessionOptions options)
        {
            if (options == null) throw new ArgumentNullException("options");
            using (var arena = new Arena())
            {
                Native.wick_session made;
                arena.Check(Native.wick_session_create(Handle, options.ToNative(arena), &made, arena.Error()));
                GC.KeepAlive(this);
                return new Session(this, made);
            }
        }

        /// <summary>A session out of a save, usable at once: what is asked of it waits.</summary>
        /// <exception cref="WickException">Neither path nor stream, or the model's load failed.</exception>
        public unsafe Session Restore(SaveOptions options)
        {
            if (options == null) throw new ArgumentNullException("options");
            Native.wick_session made = default(Native.wick_session);
            EventStream restoring = null;
            restoring = Started(options, false, (given, stream, arena) =>
            {
                Native.wick_session session;
                int status = Native.wick_session_restore(Handle, given, &session, stream, arena.Error());
                made = session;
                return status;
            });
            return new Session(this, made) { Restoring = restoring };
        }

        /// <summary>A session out of the save at <paramref name="path"/>.</summary>
        public Session Restore(string path)
        {
            return Restore(new SaveOptions { Path = path });
        }

        /// <summary>Puts a save with keys and values into the model's prefix cache.</summary>
        public unsafe EventStream Warm(SaveOptions options)
        {
            if (options == null) throw new ArgumentNullException("options");
            return Started(options, false, (given, stream, arena) => Native.wick_model_warm(Handle, given, stream, arena.Error()));
        }

        internal unsafe delegate int StoreCall(Native.wick_store_options* given, Native.wick_stream* stream, Arena arena);

        /// <summary>A save or what reads one, as a stream of its own.</summary>
        internal unsafe EventStream Started(SaveOptions options, bool writes, StoreCall call)
        {
            var made = new EventStream(Runtime.Inbox, this);
            using (var arena = new Arena())
            {
                Native.wick_stream stream;
                Native.wick_store_options* given = options.ToNative(arena, writes, Runtime.HostComputes);
                given->queue = Runtime.Inbox.Queue;
                given->user = new IntPtr(made.Key);
                try
                {
                    arena.Check(call(given, &stream, arena));
                }
                catch (WickException)
                {
                    made.Dispose();
                    throw;
                }
                made.Started(stream.id);
            }
            return made;
        }

        /// <summary>Starts to load an adapter (LoRA) for this model; sessions may be made with it at once.</summary>
        public Adapter LoadAdapter(AdapterOptions options)
        {
            return new Adapter(this, options);
        }

        /// <summary>The ids of a text.</summary>
        /// <exception cref="WickException">Busy: the model still loads.</exception>
        public unsafe uint[] Tokenize(string text, bool addSpecial = false, bool parseSpecial = false)
        {
            if (text == null) throw new ArgumentNullException("text");
            using (var arena = new Arena())
            {
                Native.wick_str given = arena.Text(text);
                return Whole.Ids((ids, cap, needed) => Native.wick_model_tokenize(Handle, given, addSpecial ? 1 : 0,
                    parseSpecial ? 1 : 0, ids, cap, needed, null));
            }
        }

        /// <summary>The text of ids.</summary>
        public unsafe string Detokenize(uint[] ids, bool special = false)
        {
            if (ids == null) throw new ArgumentNullException("ids");
            GCHandlePin pin = new GCHandlePin(ids);
            try
            {
                return Whole.Text((text, cap, needed) => Native.wick_model_detokenize(Handle, (uint*)pin.Address,
                    new UIntPtr((uint)ids.Length), special ? 1 : 0, text, cap, needed, null));
            }
            finally
            {
                pin.Free();
            }
        }

        /// <summary>A conversation as the model's chat template writes it.</summary>
        public unsafe string Render(IReadOnlyList<Message> messages, string toolsJson = null, bool addGenerationPrompt = true)
        {
            if (messages == null) throw new ArgumentNullException("messages");
            using (var arena = new Arena())
            {
                Native.wick_message* given = arena.Messages(messages);
                Native.wick_str tools = arena.Text(toolsJson);
                return Whole.Text((text, cap, needed) => Native.wick_model_render(Handle, given,
                    new UIntPtr((uint)messages.Count), tools, default(Native.wick_str), addGenerationPrompt ? 1 : 0, text,
                    cap, needed, null));
            }
        }

        /// <summary>The vectors of texts, each of length 1 (L2). Waits, for the load too.</summary>
        /// <exception cref="WickException">Unsupported: the model makes none; Timeout.</exception>
        public float[][] Embed(IReadOnlyList<string> texts)
        {
            var all = new float[texts.Count][];
            foreach (Event next in EmbedStart(texts))
            {
                if (next.Kind == EventKind.Vector) all[(int)next.Done] = next.Vector;
            }
            return all;
        }

        /// <summary>The vectors of texts, each of length 1 (L2).</summary>
        public async Task<float[][]> EmbedAsync(IReadOnlyList<string> texts, CancellationToken cancel = default(CancellationToken))
        {
            var all = new float[texts.Count][];
            IAsyncEnumerator<Event> reader = EmbedStart(texts).GetAsyncEnumerator(cancel);
            try
            {
                while (await reader.MoveNextAsync().ConfigureAwait(false))
                {
                    Event next = reader.Current;
                    if (next.Kind == EventKind.Vector) all[(int)next.Done] = next.Vector;
                }
            }
            finally
            {
                await reader.DisposeAsync().ConfigureAwait(false);
            }
            return all;
        }

        /// <summary>A Vector for each text, in order, as they are computed.</summary>
        public unsafe EventStream EmbedStart(IReadOnlyList<string> texts, int priority = 0)
        {
            if (texts == null) throw new ArgumentNullException("texts");
            var made = new EventStream(Runtime.Inbox, this);
            using (var arena = new Arena())
            {
                Native.wick_stream stream;
                var given = (Native.wick_embed_options*)arena.Bytes(sizeof(Native.wick_embed_options));
                given->struct_size = (uint)sizeof(Native.wick_embed_options);
                given->priority = priority;
                given->queue = Runtime.Inbox.Queue;
                given->user = new IntPtr(made.Key);
                try
                {
                    arena.Check(Native.wick_embed_start(Handle, arena.Texts(texts), new UIntPtr((uint)texts.Count), given,
                        &stream, arena.Error()));
                }
                catch (WickException)
                {
                    made.Dispose();
                    throw;
                }
                made.Started(stream.id);
            }
            return made;
        }

        /// <summary>Lets go of it; a load that goes on is cancelled.</summary>
        public void Dispose()
        {
            Loading.Dispose();
            handle.Dispose();
        }
    }

    /// <summary>An array that does not move.</summary>
    internal struct GCHandlePin
    {
        private System.Runtime.InteropServices.GCHandle handle;

        internal GCHandlePin(Array array)
        {
            handle = System.Runtime.InteropServices.GCHandle.Alloc(array, System.Runtime.InteropServices.GCHandleType.Pinned);
        }

        internal IntPtr Address
        {
            get { return handle.AddrOfPinnedObject(); }
        }

        internal void Free()
        {
            handle.Free();
        }
    }
}
