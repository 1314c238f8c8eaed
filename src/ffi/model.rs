//! Models: loaded, asked, closed; and what can be done with their vocabulary alone.

use super::error::wick_error;
use super::event::wick_event_fn;
use super::guard::{Tag, guard};
use super::handles;
use super::io::{HostBytes, HostReader, wick_io};
use super::json;
use super::messages::{self, wick_message};
use super::out::{Out, check_buffer, write_items, write_text};
use super::queue::wick_queue;
use super::reading::Reader;
use super::runtime::{RuntimeObject, wick_runtime};
use super::sized::{self, Versioned};
use super::status::{WICK_OK, wick_status};
use super::str::{array, copy, flag, refuse, wick_str};
use super::stream::wick_stream;
use super::user::{UserData, wick_drop_fn};
use crate::error::{Error, ErrorKind, Result};
use crate::gguf::Source;
use crate::runtime::{Backend, Model, ModelOptions, ModelSource};
use crate::text::RenderInput;
use std::ffi::{c_char, c_void};
use std::ptr;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// The native backend. A file that it does not support is tried with candle, which today knows nothing that the native one does not.
pub const WICK_BACKEND_AUTO: u32 = 0;
/// wick's own decoder.
pub const WICK_BACKEND_NATIVE: u32 = 1;
/// candle: a second opinion, slow. WICK_E_UNSUPPORTED in a build without it.
pub const WICK_BACKEND_CANDLE: u32 = 2;

/// A model's handle; id 0 is none.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct wick_model {
    /// The handle.
    pub id: u64,
}

/// What a model is loaded from, and how. Exactly one of `path`, `data` and `io`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct wick_model_options {
    /// sizeof(wick_model_options).
    pub struct_size: u32,
    /// WICK_BACKEND_…
    pub backend: u32,
    /// A .gguf file. A folder with safetensors, config.json and tokenizer.json: WICK_E_UNSUPPORTED in this release.
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
    /// 1: keep no keys and values for reuse across sessions. This release never does.
    pub no_prefix_cache: u8,
    /// 0.
    pub reserved: u8,
    /// The most tokens of context; 0: the model's own.
    pub context_length: u32,
    /// 0. Anything else is WICK_E_UNSUPPORTED in this release.
    pub prefix_cache_bytes: u64,
    /// Jinja text that replaces the model's own chat template, or the name of a built-in one: "chatml", "llama2", "llama3", "gemma",
    /// "phi3", "mistral", "zephyr"; absent: the model's own.
    pub chat_template: wick_str,
    /// How the load's events are read: as in wick_generate_options.
    pub queue: wick_queue,
    /// As in wick_generate_options.
    pub on_event: wick_event_fn,
    /// As in wick_generate_options.
    pub user: *mut c_void,
    /// As in wick_generate_options.
    pub drop: wick_drop_fn,
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

/// [ANY] Starts to load a model and returns at once. The load is a stream of PROGRESS and one END (READY, CANCELLED, ERROR, …). Sessions and
/// generations may be made at once: they wait for it; wick_model_tokenize, _detokenize and _render return WICK_E_BUSY until then; after a failed load
/// everything returns its error. Closing `load` before its END cancels the load. `load` may be NULL: then the outcome shows in
/// the generations, and the stream, if it has a callback or a queue, closes itself after its END: read with wick_queue_next, at the next call
/// for that queue. If this fails, `drop`, `data_drop` and the drop of `io` have been called.
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

/// Lets a stale handle wait until what came with the call is taken, so that it is dropped; but not in a forked child, where nothing is.
pub(super) fn unforked<T>(object: Result<T>) -> Result<Result<T>> {
    match object {
        Err(error) if error.kind() == ErrorKind::Forked => Err(error),
        other => Ok(other),
    }
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
struct Given {
    options: wick_model_options,
    user: UserData,
    data: UserData,
    io: Result<Option<(wick_io, UserData)>>,
}

impl Given {
    /// # Safety
    /// `options.io` is NULL or readable for its struct_size.
    unsafe fn take(options: &wick_model_options) -> Self {
        let io = if options.io.is_null() {
            Ok(None)
        } else {
            // SAFETY: as promised by the caller.
            unsafe { sized::input_with(options.io, wick_io::user) }.map(Some)
        };
        let user = UserData::new(options.user, options.drop);
        let data = UserData::new(options.data_user, options.data_drop);
        Self { options: *options, user, data, io }
    }

    /// # Safety
    /// The options' texts and data are readable.
    unsafe fn check(self) -> Result<(ModelOptions, Reader)> {
        let Self { options: given, user, data, io } = self;
        let io = io?;
        let bad = |what: String| Err(Error::new(ErrorKind::InvalidArgument, what));
        let backend = match given.backend {
            WICK_BACKEND_AUTO => Backend::Auto,
            WICK_BACKEND_NATIVE => Backend::Native,
            WICK_BACKEND_CANDLE => Backend::Candle,
            other => return bad(format!("backend is {other}; give one of WICK_BACKEND_…")),
        };
        let (no_mmap, vocab_only) = (flag(given.no_mmap, "no_mmap")?, flag(given.vocab_only, "vocab_only")?);
        flag(given.no_prefix_cache, "no_prefix_cache")?;
        refuse(given.reserved != 0, "wick_model_options.reserved")?;
        refuse(given.prefix_cache_bytes != 0, "prefix_cache_bytes")?;
        // SAFETY: as promised by the caller.
        let (path, template) =
            unsafe { (given.path.read("path")?, given.chat_template.read("chat_template")?) };
        let has_data = !given.data.is_null() || given.data_len != 0;
        if usize::from(path.is_some()) + usize::from(has_data) + usize::from(io.is_some()) != 1 {
            return bad("give exactly one of path, data and io".to_owned());
        }
        if path.is_none() && (given.path_offset, given.path_size) != (0, 0) {
            return bad("path_offset and path_size are for a path; leave them 0".to_owned());
        }
        let source = match (path, io) {
            (Some(""), _) => return bad("path is empty".to_owned()),
            (Some(path), _) => {
                let path = copy(path)?.into();
                Source::File { path, offset: given.path_offset, size: given.path_size, no_mmap }
            }
            (None, Some((io, user))) => Source::Reader(Box::new(HostReader::new(&io, user)?)),
            (None, None) => {
                // SAFETY: as promised by the caller.
                let bytes = unsafe { HostBytes::new(given.data, given.data_len, data) }?;
                Source::Memory(Box::new(bytes))
            }
        };
        let options = ModelOptions {
            source: ModelSource::Gguf(source),
            backend,
            vocab_only,
            context_length: Some(given.context_length as usize).filter(|length| *length != 0),
            chat_template: template.map(copy).transpose()?,
            preload: false,
        };
        Ok((options, Reader { queue: given.queue, on_event: given.on_event, user }))
    }
}

/// [ANY] What is known of the model, as JSON: `state` ("loading": nothing else is known yet; "ready"), `name`, `architecture`, `backend` ("native", "candle",
/// "none" with vocab_only, "fake" for the tests' model), `parameters`, `quantisation` (the tensor type of most weights), `context_length`,
/// `embedding_length`, `vocab_size`, `bos_id` (null if there is none), `adds_bos` (boolean: raw text gets it), `eos_ids` (array: what ends an answer),
/// `weight_bytes`, `kv_bytes_per_token`, `chat_template` (boolean: there is one). Names are strings, all else are integers. `(json, cap, needed)` as in
/// wick_build_info. After a failed load: its error.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wick_model_info(
    model: wick_model,
    json: *mut c_char,
    cap: usize,
    needed: *mut usize,
) -> wick_status {
    guard(Tag::Any, ptr::null_mut(), || {
        let object = handles::get::<ModelObject>(model.id)?;
        check_buffer(json, cap)?;
        // SAFETY: the caller's buffer, as this function's docs say.
        unsafe { write_text(&object.model.info()?.to_string(), json, cap, needed) }?;
        Ok(WICK_OK)
    })
}

/// [ANY] The ids of `text`. `add_special` 1: with BOS and EOS where the model's file says so; `parse_special` 1: the text of control tokens counts as
/// such. `(ids, cap, needed)`: `*needed`, unless NULL, is set to the count of all ids. WICK_E_BUSY while the model loads.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wick_model_tokenize(
    model: wick_model,
    text: wick_str,
    add_special: i32,
    parse_special: i32,
    ids: *mut u32,
    cap: usize,
    needed: *mut usize,
    error: *mut wick_error,
) -> wick_status {
    guard(Tag::Any, error, || {
        let object = handles::get::<ModelObject>(model.id)?;
        // SAFETY: the caller's structs and text, as this function's docs say.
        let text = unsafe { wick_error::check(error).and_then(|()| text.require("text")) }?;
        let (add, parse) = (flag(add_special, "add_special")?, flag(parse_special, "parse_special")?);
        check_buffer(ids, cap)?;
        let found = object.model.tokenize(text, add, parse)?;
        // SAFETY: the caller's buffer, as this function's docs say.
        unsafe { write_items(&found, ids, cap, needed) }?;
        Ok(WICK_OK)
    })
}

/// [ANY] The text of `count` ids, as a stream gives it; `special` 1: with the text of control tokens. `(buf, cap, needed)` as in wick_build_info.
/// WICK_E_INVALID_ARGUMENT for an id beyond the vocabulary; WICK_E_BUSY while the model loads.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wick_model_detokenize(
    model: wick_model,
    ids: *const u32,
    count: usize,
    special: i32,
    buf: *mut c_char,
    cap: usize,
    needed: *mut usize,
    error: *mut wick_error,
) -> wick_status {
    guard(Tag::Any, error, || {
        let object = handles::get::<ModelObject>(model.id)?;
        // SAFETY: the caller's structs and ids, as this function's docs say.
        let ids = unsafe { wick_error::check(error).and_then(|()| array(ids, count, "ids")) }?;
        let special = flag(special, "special")?;
        check_buffer(buf, cap)?;
        let text = object.model.detokenize(ids, special)?;
        // SAFETY: the caller's buffer, as this function's docs say.
        unsafe { write_text(&text, buf, cap, needed) }?;
        Ok(WICK_OK)
    })
}

/// [ANY] `count` messages through the model's chat template. `tools_json`: the template's tools, JSON, or absent; `template_json`: an object, more
/// variables for the template, or absent; `add_generation_prompt` 1: opens the assistant's turn. `(buf, cap, needed)` as in wick_build_info.
/// WICK_E_TEMPLATE if there is no template or it fails; WICK_E_BUSY while the model loads.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wick_model_render(
    model: wick_model,
    messages: *const wick_message,
    count: usize,
    tools_json: wick_str,
    template_json: wick_str,
    add_generation_prompt: i32,
    buf: *mut c_char,
    cap: usize,
    needed: *mut usize,
    error: *mut wick_error,
) -> wick_status {
    guard(Tag::Any, error, || {
        let object = handles::get::<ModelObject>(model.id)?;
        // SAFETY: the caller's structs and texts, as this function's docs say.
        let (messages, tools, variables) = unsafe {
            wick_error::check(error)?;
            (
                messages::read(messages, count)?,
                tools_json.read("tools_json")?,
                template_json.read("template_json")?,
            )
        };
        let tools = tools.map(|tools| json::value(tools, "tools_json")).transpose()?;
        let variables = variables.map(|object| json::object(object, "template_json")).transpose()?;
        let input = RenderInput {
            messages: &messages,
            tools: tools.as_ref(),
            variables: variables.as_ref(),
            add_generation_prompt: flag(add_generation_prompt, "add_generation_prompt")?,
            unix_time: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |age| age.as_secs() as i64),
        };
        check_buffer(buf, cap)?;
        let rendered = object.model.render(&input)?;
        // SAFETY: the caller's buffer, as this function's docs say.
        unsafe { write_text(&rendered.text, buf, cap, needed) }?;
        Ok(WICK_OK)
    })
}

/// [ANY] Leaves the weights of a mapped file where they are, from now on; call it right after wick_model_load for all of them. They stay pages that
/// other processes share and that the system may drop. Else they move to huge pages of this process' own behind the first token, which makes
/// every later one sooner (Linux 6.1 and later).
#[unsafe(no_mangle)]
pub extern "C" fn wick_model_keep_mapped(model: wick_model) -> wick_status {
    guard(Tag::Any, ptr::null_mut(), || {
        handles::get::<ModelObject>(model.id)?.model.keep_mapped();
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
