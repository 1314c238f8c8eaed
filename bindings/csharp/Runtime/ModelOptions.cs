// What models and adapters are loaded from, and what they would take.
using System;
using System.IO;

namespace Wick
{
    /// <summary>What a model is loaded from, and how: a path, or a stream.</summary>
    public sealed class ModelOptions
    {
        /// <summary>A .gguf file, or a folder in builds with the feature folders.</summary>
        public string Path { get; set; }

        /// <summary>Where in the file the .gguf begins, in bytes: a model inside of a pak file.</summary>
        public ulong PathOffset { get; set; }

        /// <summary>Bytes that it takes; 0: up to the end.</summary>
        public ulong PathSize { get; set; }

        /// <summary>In place of a path: a stream that can seek, read on a thread of the library's while the model
        /// loads, and not disposed of before. Under Mono and Unity on Linux and Android only with
        /// <see cref="Mode.HostStep"/>.</summary>
        public Stream Source { get; set; }

        /// <summary>What computes it.</summary>
        public Backend Backend { get; set; }

        /// <summary>Read the file into memory instead of mapping it: for files that may change.</summary>
        public bool NoMmap { get; set; }

        /// <summary>Tokenizer and chat template only.</summary>
        public bool VocabOnly { get; set; }

        /// <summary>Sessions share no keys and values.</summary>
        public bool NoPrefixCache { get; set; }

        /// <summary>The most tokens of context; 0: the model's own.</summary>
        public int ContextLength { get; set; }

        /// <summary>Bytes of keys and values kept for reuse; 0: the library's choice.</summary>
        public ulong PrefixCacheBytes { get; set; }

        /// <summary>Jinja text, or a built-in template's name, in place of the model's; null: its own.</summary>
        public string ChatTemplate { get; set; }

        /// <summary>What keys and values are kept as.</summary>
        public KvType KvType { get; set; }

        /// <summary>Bring the file's pages in before the load is over.</summary>
        public bool Preload { get; set; }

        /// <summary>Sampling fields that are 0 take what the file recommends.</summary>
        public bool SamplingFromModel { get; set; }

        /// <summary>No speculation.</summary>
        public bool NoDrafts { get; set; }

        internal unsafe Native.wick_model_options* ToNative(Arena arena, bool hostComputes)
        {
            var given = (Native.wick_model_options*)arena.Bytes(sizeof(Native.wick_model_options));
            given->struct_size = (uint)sizeof(Native.wick_model_options);
            given->backend = (uint)Backend;
            given->path = arena.Text(Path);
            given->path_offset = PathOffset;
            given->path_size = PathSize;
            given->no_mmap = Flag(NoMmap);
            given->vocab_only = Flag(VocabOnly);
            given->no_prefix_cache = Flag(NoPrefixCache);
            given->context_length = Counted.From(ContextLength, "ContextLength");
            given->prefix_cache_bytes = PrefixCacheBytes;
            given->chat_template = arena.Text(ChatTemplate);
            given->kv_type = (uint)KvType;
            given->preload = Flag(Preload);
            given->sampling_from_model = Flag(SamplingFromModel);
            given->no_drafts = Flag(NoDrafts);
            given->io = Reader(arena, Source, hostComputes);
            return given;
        }

        internal static byte Flag(bool value)
        {
            return value ? (byte)1 : (byte)0;
        }

        internal static unsafe Native.wick_io* Reader(Arena arena, Stream source, bool hostComputes)
        {
            if (source == null) return null;
            Callbacks.Allow(hostComputes, "a stream", "give a path, with PathOffset where it is a part of a file");
            if (!source.CanSeek || !source.CanRead) throw new ArgumentException("a model's stream has to read and to seek", "Source");
            return Callbacks.Io(arena, source, false);
        }
    }

    /// <summary>What an adapter (LoRA) is loaded from: a path, or a stream.</summary>
    public sealed class AdapterOptions
    {
        /// <summary>A .gguf file.</summary>
        public string Path { get; set; }

        /// <summary>In place of a path: a stream, as <see cref="ModelOptions.Source"/>.</summary>
        public Stream Source { get; set; }
    }

    /// <summary>What a model would take, in bytes.</summary>
    public sealed class Estimate
    {
        internal Estimate(Native.wick_estimate from)
        {
            FileBytes = from.file_bytes;
            WeightBytes = from.weight_bytes;
            KvBytes = from.kv_bytes;
            StateBytes = from.state_bytes;
            ScratchBytes = from.scratch_bytes;
            TotalBytes = from.total_bytes;
        }

        /// <summary>The file.</summary>
        public ulong FileBytes { get; }

        /// <summary>Weights, mapped or owned.</summary>
        public ulong WeightBytes { get; }

        /// <summary>Keys and values of all sessions.</summary>
        public ulong KvBytes { get; }

        /// <summary>Recurrent states and their snapshots.</summary>
        public ulong StateBytes { get; }

        /// <summary>What passes compute in.</summary>
        public ulong ScratchBytes { get; }

        /// <summary>What the memory budget counts.</summary>
        public ulong TotalBytes { get; }
    }
}
