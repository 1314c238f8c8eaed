// A conversation: its turns, its past, its saves.
using System;
using System.Collections.Generic;
using System.IO;
using System.Threading;
using System.Threading.Tasks;

namespace Wick
{
    /// <summary>What a session is made of; what is left out is the library's default.</summary>
    public sealed class SessionOptions
    {
        /// <summary>The most tokens; 0: the model's context.</summary>
        public int ContextLength { get; set; }

        /// <summary>The persona: a system message that neither a cancelled turn nor a clear loses.</summary>
        public string System { get; set; }

        /// <summary>Tools for the template in every turn, a JSON list.</summary>
        public string ToolsJson { get; set; }

        /// <summary>More variables for the template in every turn, a JSON object.</summary>
        public string TemplateJson { get; set; }

        /// <summary>What a full context does.</summary>
        public Overflow Overflow { get; set; }

        /// <summary>With Overflow.Roll: so many messages stay.</summary>
        public int PinnedMessages { get; set; }

        /// <summary>An adapter of the same model; null: none.</summary>
        public Adapter Adapter { get; set; }

        /// <summary>How strongly it is taken; 0: 1.</summary>
        public float AdapterScale { get; set; }

        internal unsafe Native.wick_session_options* ToNative(Arena arena)
        {
            var given = (Native.wick_session_options*)arena.Bytes(sizeof(Native.wick_session_options));
            given->struct_size = (uint)sizeof(Native.wick_session_options);
            given->context_length = Counted.From(ContextLength, "ContextLength");
            given->system = arena.Text(System);
            given->tools_json = arena.Text(ToolsJson);
            given->template_json = arena.Text(TemplateJson);
            given->overflow = (uint)Overflow;
            given->pinned_messages = Counted.From(PinnedMessages, "PinnedMessages");
            if (Adapter != null) given->adapter = Adapter.Handle;
            given->adapter_scale = AdapterScale;
            return given;
        }
    }

    /// <summary>Where a session is saved to or restored from: a path, or a stream.</summary>
    public sealed class SaveOptions
    {
        /// <summary>A file, written atomically.</summary>
        public string Path { get; set; }

        /// <summary>In place of a path: a stream that the library writes or reads on a thread of its own. It is not
        /// disposed of before the End. Under Mono and Unity on Linux and Android only with
        /// <see cref="Mode.HostStep"/>.</summary>
        public Stream Stream { get; set; }

        /// <summary>With keys and values: large, and nothing is computed again after a restore.</summary>
        public bool WithKv { get; set; }

        /// <summary>Restore and warm: the adapter that it was saved with.</summary>
        public Adapter Adapter { get; set; }

        internal unsafe Native.wick_store_options* ToNative(Arena arena, bool writes, bool hostComputes)
        {
            var given = (Native.wick_store_options*)arena.Bytes(sizeof(Native.wick_store_options));
            given->struct_size = (uint)sizeof(Native.wick_store_options);
            given->with_kv = ModelOptions.Flag(WithKv);
            given->path = arena.Text(Path);
            if (Adapter != null) given->adapter = Adapter.Handle;
            if (Stream == null) return given;
            Callbacks.Allow(hostComputes, "a stream", "give a path");
            given->io = writes ? Callbacks.Io(arena, Stream, true) : ModelOptions.Reader(arena, Stream, hostComputes);
            return given;
        }
    }

    /// <summary>A conversation with a model. One generation at a time; another while one goes on fails with
    /// Busy.</summary>
    public sealed class Session : IDisposable
    {
        private readonly SessionHandle handle;

        internal Session(Model model, Native.wick_session made)
        {
            Model = model;
            handle = new SessionHandle(made.id);
        }

        /// <summary>Whose session it is.</summary>
        public Model Model { get; }

        /// <summary>Of a session out of a save: the restore; its End says whether it went well. Else null.</summary>
        public EventStream Restoring { get; internal set; }

        private Native.wick_session Handle
        {
            get { return new Native.wick_session { id = handle.Id }; }
        }

        /// <summary>The user says something; the answer is the stream.</summary>
        public EventStream Say(string text)
        {
            return Say(text, new GenerateOptions());
        }

        /// <summary>The user says something, with these options, whose Messages are replaced.</summary>
        public EventStream Say(string text, GenerateOptions options)
        {
            if (text == null) throw new ArgumentNullException("text");
            if (options == null) throw new ArgumentNullException("options");
            options.Messages = new[] { Message.User(text) };
            return Generate(options);
        }

        /// <summary>Starts a generation and returns at once. What needs the model comes as End (Error).</summary>
        /// <exception cref="WickException">Busy, QueueFull, or an option is malformed.</exception>
        public unsafe EventStream Generate(GenerateOptions options)
        {
            if (options == null) throw new ArgumentNullException("options");
            var made = new EventStream(Model.Runtime.Inbox, this);
            using (var arena = new Arena())
            {
                Native.wick_stream stream;
                try
                {
                    Native.wick_generate_options* given = options.ToNative(arena);
                    given->queue = Model.Runtime.Inbox.Queue;
                    given->user = new IntPtr(made.Key);
                    arena.Check(Native.wick_generate(Handle, given, &stream, arena.Error()));
                }
                catch (Exception)
                {
                    made.Dispose();
                    throw;
                }
                made.Started(stream.id);
            }
            return made;
        }

        /// <summary>The user says something; the whole answer. Waits.</summary>
        /// <exception cref="WickException">It ended with an error.</exception>
        public string Ask(string text, GenerateOptions options = null)
        {
            return Say(text, options ?? new GenerateOptions()).ReadToEnd();
        }

        /// <summary>The user says something; the whole answer.</summary>
        /// <exception cref="WickException">It ended with an error.</exception>
        /// <exception cref="OperationCanceledException"><paramref name="cancel"/> ended it.</exception>
        public Task<string> AskAsync(string text, GenerateOptions options = null, CancellationToken cancel = default(CancellationToken))
        {
            return Say(text, options ?? new GenerateOptions()).ReadToEndAsync(cancel);
        }

        /// <summary>A second session that begins as this one is.</summary>
        public unsafe Session Fork()
        {
            using (var arena = new Arena())
            {
                Native.wick_session made;
                arena.Check(Native.wick_session_fork(Handle, &made, arena.Error()));
                return new Session(Model, made);
            }
        }

        /// <summary>Empties it, but for what it was made with.</summary>
        public void Clear()
        {
            WickException.Check(Native.wick_session_clear(Handle));
        }

        /// <summary>Goes back to where it had its first <paramref name="tokens"/> tokens: a turn's
        /// <see cref="Stats.SessionTokens"/>.</summary>
        public void Rewind(uint tokens)
        {
            WickException.Check(Native.wick_session_rewind(Handle, tokens));
        }

        /// <summary>Of the last answer only the first <paramref name="bytes"/> bytes of UTF-8 were shown: the rest
        /// is forgotten.</summary>
        public void Keep(int bytes)
        {
            WickException.Check(Native.wick_session_keep(Handle, new UIntPtr(Counted.From(bytes, "bytes"))));
        }

        /// <summary>Another system message from the next turn on; null: none.</summary>
        public unsafe void SetSystem(string system)
        {
            using (var arena = new Arena())
            {
                arena.Check(Native.wick_session_set_system(Handle, arena.Text(system), arena.Error()));
            }
        }

        /// <summary>Another adapter from the next turn on; null: none.</summary>
        public unsafe void SetAdapter(Adapter adapter, float scale = 0)
        {
            using (var arena = new Arena())
            {
                Native.wick_adapter given = adapter == null ? default(Native.wick_adapter) : adapter.Handle;
                arena.Check(Native.wick_session_set_adapter(Handle, given, scale, arena.Error()));
            }
        }

        /// <summary>What is known of it, as JSON (wick_session_info).</summary>
        public unsafe string InfoJson
        {
            get { return Whole.Text((text, cap, needed) => Native.wick_session_info(Handle, text, cap, needed)); }
        }

        /// <summary>The conversation, as a JSON list of messages.</summary>
        public unsafe string MessagesJson
        {
            get { return Whole.Text((text, cap, needed) => Native.wick_session_messages(Handle, text, cap, needed)); }
        }

        /// <summary>The ids that it holds.</summary>
        public unsafe uint[] Tokens
        {
            get { return Whole.Ids((ids, cap, needed) => Native.wick_session_tokens(Handle, ids, cap, needed)); }
        }

        /// <summary>Saves it as it is now; it may go on at once. End (Ready): all of it is in place.</summary>
        public unsafe EventStream Save(SaveOptions options)
        {
            if (options == null) throw new ArgumentNullException("options");
            return Model.Started(options, true, (given, stream, arena) => Native.wick_session_save(Handle, given, stream, arena.Error()));
        }

        /// <summary>Saves it to a file; see <see cref="Save(SaveOptions)"/>.</summary>
        public EventStream Save(string path)
        {
            return Save(new SaveOptions { Path = path });
        }

        /// <summary>Lets go of it; an answer that goes on is cancelled. Never waits.</summary>
        public void Dispose()
        {
            if (Restoring != null) Restoring.Dispose();
            handle.Dispose();
        }
    }
}
