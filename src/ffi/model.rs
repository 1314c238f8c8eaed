//! Models: loaded, asked, closed; knows no text.

use super::border::error::wick_error;
use super::border::guard::{Handled, Tag, guard, guard_on};
use super::border::guest::LogSink;
use super::border::handles;
use super::border::handles::unforked;
pub use super::border::ids::wick_model;
use super::border::ids::{wick_queue, wick_runtime, wick_stream};
use super::border::out::{Out, check_buffer, write_text};
use super::border::sized::{self, Versioned};
use super::border::status::{WICK_OK, wick_status};
use super::border::str::{copy, flag, refuse, wick_str};
use super::border::user::{UserData, wick_drop_fn};
use super::event::wick_event_fn;
use super::info;
use super::io::wick_io;
use super::reading::Reader;
use super::runtime::{RuntimeObject, log_of};
use super::source::{GivenSource, SourceFields};
use crate::error::{Error, ErrorKind, Result};
use crate::runtime::{Backend, KvType, Model, ModelOptions, ModelSource, PrefixCache};
use std::ffi::{c_char, c_void};
use std::ptr;
use std::sync::Arc;

/// The native backend; candle in a build without it.
pub const WICK_BACKEND_AUTO: u32 = 0;
/// wick's own decoder.
pub const WICK_BACKEND_NATIVE: u32 = 1;
/// candle: a second opinion, slow, without prefix cache, drafts and adapters (wick_model_info says so).
/// WICK_E_UNSUPPORTED in a build without it, and for a model with an operation that it lacks, by name.
pub const WICK_BACKEND_CANDLE: u32 = 2;

/// Keys and values as half precision floats.
pub const WICK_KV_F16: u32 = 0;
/// Keys and values in blocks of 32 signed bytes with a scale (ggml's Q8_0): 0.53 of the bytes.
pub const WICK_KV_Q8_0: u32 = 1;

/// What a model is loaded from, and how. Exactly one of `path`, `data` and `io`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct wick_model_options {
    /// sizeof(wick_model_options).
    pub struct_size: u32,
    /// WICK_BACKEND_…
    pub backend: u32,
    /// A .gguf file; or a folder with safetensors, config.json and tokenizer.json, in builds with the feature
    /// folders: WICK_E_UNSUPPORTED in others.
    pub path: wick_str,
    /// Where in the file the .gguf begins: in bytes.
    pub path_offset: u64,
    /// Bytes that it takes; 0: up to the end of the file.
    pub path_size: u64,
    /// The bytes of a .gguf: borrowed until `data_drop` is called.
    pub data: *const c_void,
    /// Bytes at `data`.
    pub data_len: usize,
    /// For `data_drop`.
    pub data_user: *mut c_void,
    /// Called once, with `data_user`, when `data` is not needed any more.
    pub data_drop: wick_drop_fn,
    /// A reader of a .gguf.
    pub io: *const wick_io,
    /// 1: read into owned memory instead of mapping: for files that may change under us.
    pub no_mmap: u8,
    /// 1: tokenizer and chat template only (counting tokens); sessions are refused.
    pub vocab_only: u8,
    /// 1: sessions share no keys and values, and none are kept for later ones; 0: the beginning that a
    /// session's tokens have in common with those of another of the model, live, cleared or closed, is not
    /// computed again. Answers are the same bits. The candle backend shares nothing: a fork, a rewind and a
    /// restored session are computed again from their tokens.
    pub no_prefix_cache: u8,
    /// 0.
    pub reserved: u8,
    /// The most tokens of context; 0: the model's own.
    pub context_length: u32,
    /// Keys and values that may be kept for reuse while no session uses them, in bytes; 0: those of one whole
    /// context, at most a quarter of the memory budget and 512 MiB. The budget counts them; they give way to
    /// what sessions need, and to wick_runtime_trim.
    pub prefix_cache_bytes: u64,
    /// Jinja text that replaces the model's own chat template, or the name of a built-in one: "chatml",
    /// "llama2", "llama3", "gemma", "phi3", "mistral", "zephyr"; absent: the model's own.
    pub chat_template: wick_str,
    /// How the load's events are read: as in wick_generate_options.
    pub queue: wick_queue,
    /// As in wick_generate_options.
    pub on_event: wick_event_fn,
    /// As in wick_generate_options.
    pub user: *mut c_void,
    /// As in wick_generate_options.
    pub drop: wick_drop_fn,
    /// 0.
    pub reserved2: u64,
    /// What keys and values are kept as: WICK_KV_F16, or WICK_KV_Q8_0, which takes 0.53 of its bytes. Answers
    /// of the two are not the same bits. The candle backend has f16 alone: else the load ends with
    /// WICK_E_UNSUPPORTED. A save's keys and values of the other type are computed again.
    pub kv_type: u32,
    /// 1: a mapped file's pages are brought in before END (READY), with progress, so that the first prompt
    /// need not wait for the disk.
    pub preload: u8,
    /// 1: sampling fields that are 0 take what the file says (general.sampling.…). A negative temperature is
    /// then greedy, other negative fields are off, but for penalty_last_n. A file whose values are out of
    /// range ends its load with WICK_E_MODEL_INVALID.
    pub sampling_from_model: u8,
    /// 1: no speculation in this model's sessions; 0: where a text repeats what its session has said or
    /// read, or what another of the model has said, several tokens are computed at once, as long as that is
    /// quicker. The text is the same; its pace and `draft_accepted` may hint at what the others said.
    pub no_drafts: u8,
    /// 0.
    pub reserved1: u8,
}

// SAFETY: repr(C), begins with struct_size; integers, raw pointers and nullable functions only.
unsafe impl Versioned for wick_model_options {
    const NAME: &'static str = "wick_model_options";
}

/// What a model's handle stands for.
pub(super) struct ModelObject {
    pub(super) model: Model,
    pub(super) runtime: u64,
    #[cfg(feature = "testing")]
    pub(super) gate: Option<crate::testing::Gate>,
}

impl Handled for ModelObject {
    fn log(&self) -> Option<Arc<LogSink>> {
        log_of(self.runtime)
    }
}

/// [ANY] Starts to load a model and returns at once. The load is a stream of PROGRESS and one END (READY,
/// CANCELLED, ERROR, …). Sessions and generations may be made at once: they wait for it; wick_model_tokenize,
/// _detokenize and _render return WICK_E_BUSY until then; after a failed load everything returns its error.
/// `load` NULL, for who has no use for the stream: the outcome shows in the generations. Else keep it open:
/// closing `load` before its END cancels the load. With NULL the stream, if it has a callback or a queue,
/// closes itself after its END: read with wick_queue_next, at the next call for that queue. If this fails,
/// `drop`, `data_drop` and the drop of `io` have been called.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wick_model_load(
    runtime: wick_runtime,
    options: *const wick_model_options,
    out: *mut wick_model,
    load: *mut wick_stream,
    error: *mut wick_error,
) -> wick_status {
    guard(Tag::Any, error, || {
        let object = unforked(handles::get::<RuntimeObject>(runtime.id))?;
        // SAFETY: the caller's structs, as this function's docs say.
        let given = unsafe { sized::input_with(options, |options| Given::take(options)) }?.1;
        // SAFETY: the caller's places, as this function's docs say.
        let out = unsafe { wick_error::check(error).and_then(|()| Out::required(out, "out")) }?;
        // SAFETY: as above.
        let load = unsafe { Out::optional(load) };
        let object = object?;
        // SAFETY: as above, for the structs that the options point to.
        let (options, reader) = unsafe { given.check() }?;
        let new = Load {
            options,
            reader,
            #[cfg(feature = "testing")]
            gate: None,
        };
        start(&object, runtime.id, new, &out, load)
    })
}

/// A checked load.
pub(super) struct Load {
    pub(super) options: ModelOptions,
    pub(super) reader: Reader,
    #[cfg(feature = "testing")]
    pub(super) gate: Option<crate::testing::Gate>,
}

/// Starts a checked load.
pub(super) fn start(
    object: &RuntimeObject,
    runtime: u64,
    new: Load,
    out: &Out<wick_model>,
    load: Option<Out<wick_stream>>,
) -> Result<wick_status> {
    let unread = load.is_none() && new.reader.on_event.is_none() && new.reader.queue.id == 0;
    let (stream, reading) = new.reader.start(runtime, load.is_some())?;
    let model = object.runtime.start_load(new.options, reading, |model, load| {
        if unread { model.keep_load(load) } else { stream.register(load) }
    })?;
    let model = ModelObject {
        model,
        runtime,
        #[cfg(feature = "testing")]
        gate: new.gate,
    };
    let model = handles::insert(runtime, Arc::new(model)).inspect_err(|_| stream.abandon())?;
    out.set(wick_model { id: model });
    if !unread {
        let id = stream.keep();
        load.into_iter().for_each(|load| load.set(wick_stream { id }));
    }
    Ok(WICK_OK)
}

/// Options whose user pointers are taken: they are dropped with this.
pub(super) struct Given {
    options: wick_model_options,
    user: UserData,
    source: GivenSource,
}

impl Given {
    /// # Safety
    /// `options.io` is NULL or readable for its struct_size.
    unsafe fn take(options: &wick_model_options) -> Self {
        // SAFETY: as promised by the caller.
        let source = unsafe { GivenSource::take(options.source()) };
        Self { options: *options, user: UserData::new(options.user, options.drop), source }
    }

    /// The same for one call: nothing is taken, so nothing is dropped.
    ///
    /// # Safety
    /// As for [`Given::take`].
    pub(super) unsafe fn lend(options: &wick_model_options) -> Self {
        // SAFETY: as promised by the caller.
        let source = unsafe { GivenSource::lend(options.source()) };
        Self { options: *options, user: UserData::new(options.user, None), source }
    }

    /// # Safety
    /// The options' texts and data are readable.
    pub(super) unsafe fn check(self) -> Result<(ModelOptions, Reader)> {
        let Self { options: given, user, source } = self;
        let backend = match given.backend {
            WICK_BACKEND_AUTO => Backend::Auto,
            WICK_BACKEND_NATIVE => Backend::Native,
            WICK_BACKEND_CANDLE => Backend::Candle,
            other => {
                let message = format!("backend is {other}; give one of WICK_BACKEND_…");
                return Err(Error::new(ErrorKind::InvalidArgument, message));
            }
        };
        let kv_type = match given.kv_type {
            WICK_KV_F16 => KvType::F16,
            WICK_KV_Q8_0 => KvType::Q8_0,
            other => {
                let message = format!("kv_type is {other}; give one of WICK_KV_…");
                return Err(Error::new(ErrorKind::InvalidArgument, message));
            }
        };
        let (no_mmap, vocab_only) = (flag(given.no_mmap, "no_mmap")?, flag(given.vocab_only, "vocab_only")?);
        let drafts = !flag(given.no_drafts, "no_drafts")?;
        let preload = flag(given.preload, "preload")?;
        let sampling_from_model = flag(given.sampling_from_model, "sampling_from_model")?;
        let prefix_cache = match (flag(given.no_prefix_cache, "no_prefix_cache")?, given.prefix_cache_bytes) {
            (true, _) => PrefixCache::Off,
            (false, 0) => PrefixCache::Auto,
            (false, bytes) => PrefixCache::Bytes(bytes),
        };
        given.refuse_the_rest()?;
        // SAFETY: as promised by the caller.
        let template = unsafe { given.chat_template.read("chat_template") }?;
        // SAFETY: as promised by the caller.
        let source = unsafe { source.open(no_mmap) }?;
        let options = ModelOptions {
            source: ModelSource::Gguf(source),
            backend,
            vocab_only,
            context_length: Some(given.context_length as usize).filter(|length| *length != 0),
            chat_template: template.map(copy).transpose()?,
            preload,
            prefix_cache,
            kv_type,
            drafts,
            sampling_from_model,
        };
        Ok((options, Reader { queue: given.queue, on_event: given.on_event, user }))
    }
}

impl wick_model_options {
    fn source(&self) -> SourceFields {
        SourceFields {
            path: self.path,
            path_offset: self.path_offset,
            path_size: self.path_size,
            data: self.data,
            data_len: self.data_len,
            data_user: self.data_user,
            data_drop: self.data_drop,
            io: self.io,
        }
    }

    /// Refuses every field that this release does not honour.
    fn refuse_the_rest(&self) -> Result<()> {
        let lacking = [
            (self.reserved != 0, "wick_model_options.reserved"),
            (self.reserved2 != 0, "wick_model_options.reserved2"),
            (self.reserved1 != 0, "wick_model_options.reserved1"),
        ];
        lacking.into_iter().try_for_each(|(given, name)| refuse(given, name))
    }
}

/// [ANY] What is known of the model, as JSON: `state` ("loading": nothing else is known yet; "ready"),
/// `name`, `architecture`, `backend` ("native", "candle", "none" with vocab_only, "fake" for the tests'
/// model), `parameters`, `quantisation` (the tensor type of most weights), `context_length`,
/// `embedding_length`, `vocab_size`, `bos_id` (null if there is none), `adds_bos` (boolean: raw text gets
/// it), `eos_ids` (array: what ends an answer), `weight_bytes`, `weights` (where they are: "mapped": pages of
/// the file that the system can drop; "huge": moved to huge pages; "partly": some of them; "owned": read into
/// memory, or the host's; "none"), `mapped_bytes` and `huge_bytes` of them, `kv_bytes_per_token`,
/// `chat_template` (boolean: there is one), `suppressed_ids` (array: what no answer says), `sampling` (what
/// the file recommends, where it says so: `temperature`, `top_p`, `min_p`, `repeat_penalty` as floats,
/// `top_k`, `penalty_last_n`), `encodes` (boolean: it makes one vector of a text and generates none, so that
/// generations end with WICK_E_UNSUPPORTED), `prefix_cache` (boolean: its sessions share what they have
/// computed), `drafts` (boolean: they may compute several tokens at once), `adapters` (boolean: it takes
/// them): false where its backend cannot, or where its options say no; `vector_length` (of a text's vector,
/// 0: it makes none), `ranks` (boolean: it scores texts for a query). Names are strings, all else are
/// integers.
/// `(json, cap, needed)` as in wick_build_info. After a failed load: its error.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wick_model_info(
    model: wick_model,
    json: *mut c_char,
    cap: usize,
    needed: *mut usize,
) -> wick_status {
    guard_on(Tag::Any, "wick_model_info", model.id, |object: &Arc<ModelObject>| {
        check_buffer(json, cap)?;
        let info = info::model(object.model.info())?;
        // SAFETY: the caller's buffer, as this function's docs say.
        unsafe { write_text(&info, json, cap, needed) }?;
        Ok(WICK_OK)
    })
}

/// [ANY] Leaves the weights of a mapped file where they are, from now on; call it right after wick_model_load
/// for all of them. They stay pages that other processes share and that the system may drop. Else they move
/// to huge pages of this process' own behind the first token, which makes every later one sooner (Linux 6.1
/// and later), as far as the system and the process' memory cgroups have room to spare for all of them.
#[unsafe(no_mangle)]
pub extern "C" fn wick_model_keep_mapped(model: wick_model) -> wick_status {
    guard_on(Tag::Any, "wick_model_keep_mapped", model.id, |object: &Arc<ModelObject>| {
        object.model.keep_mapped();
        Ok(WICK_OK)
    })
}

/// [ANY] Lets go of the model; never blocks. Sessions keep what they need; a load without any is cancelled.
#[unsafe(no_mangle)]
pub extern "C" fn wick_model_close(model: wick_model) -> wick_status {
    guard(Tag::Any, ptr::null_mut(), || {
        drop(handles::remove::<ModelObject>(model.id)?);
        Ok(WICK_OK)
    })
}
