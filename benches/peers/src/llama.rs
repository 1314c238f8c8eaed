//! llama.cpp, safely: a model, a context, passes over tokens, logits. Knows neither measuring nor wick.

use crate::Result;
use llama_cpp_sys_2 as sys;
use std::ffi::{CStr, CString, c_char, c_void};
use std::path::Path;
use std::ptr::NonNull;
use std::rc::Rc;
use std::sync::{Mutex, PoisonError};

/// How a model and its contexts are opened. The default is what a user gets who only says how many threads.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Threads, for prompts and for single tokens.
    pub threads: usize,
    /// Weights may be repacked at the load, for faster products.
    pub repack: bool,
    /// Flash attention on or off; `None`: llama.cpp decides.
    pub flash: Option<bool>,
    /// Keys and values as f32 in place of f16.
    pub kv_f32: bool,
    /// Tokens that are computed together at most.
    pub ubatch: u32,
    /// Tokens of context of each sequence.
    pub context: u32,
    /// Sequences of a context.
    pub sequences: u32,
    /// A vector of all tokens is wanted, in place of logits.
    pub embeddings: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            threads: 1,
            repack: true,
            flash: None,
            kv_f32: false,
            ubatch: 512,
            context: 1024,
            sequences: 1,
            embeddings: false,
        }
    }
}

/// A loaded model.
pub struct Model(NonNull<sys::llama_model>);

impl Drop for Model {
    fn drop(&mut self) {
        // SAFETY: the pointer came from a load and is freed once; contexts hold the model by Rc and are gone.
        unsafe { sys::llama_model_free(self.0.as_ptr()) }
    }
}

impl Model {
    /// Loads the file at `path`, mapped.
    pub fn load(path: &Path, options: &Options) -> Result<Rc<Self>> {
        let name = CString::new(path.as_os_str().as_encoded_bytes())?;
        // SAFETY: plain calls; the name is a C string that outlives them, and the parameters point to nothing
        // else.
        let model = unsafe {
            sys::llama_log_set(Some(keep_failures), std::ptr::null_mut());
            sys::llama_backend_init();
            let mut params = sys::llama_model_default_params();
            params.use_extra_bufts = options.repack;
            sys::llama_model_load_from_file(name.as_ptr(), params)
        };
        let model = NonNull::new(model).ok_or_else(|| {
            let reason = std::mem::take(&mut *FAILURE.lock().unwrap_or_else(PoisonError::into_inner));
            format!("llama.cpp cannot load {}: {}", path.display(), reason.trim().replace('\n', "; "))
        })?;
        Ok(Rc::new(Self(model)))
    }

    /// Entries of a row of logits.
    pub fn vocab(&self) -> usize {
        // SAFETY: the model is loaded.
        unsafe { sys::llama_vocab_n_tokens(sys::llama_model_get_vocab(self.0.as_ptr())) as usize }
    }
}

/// One line of a pass: a token of a sequence, and whether the logits after it are wanted.
#[derive(Debug, Clone, Copy)]
pub struct Line {
    /// Whose it is.
    pub sequence: u32,
    /// Below the vocabulary's size.
    pub token: u32,
    /// Its logits are wanted.
    pub logits: bool,
}

/// Sequences of a model; each grows by what is decoded.
pub struct Context {
    raw: NonNull<sys::llama_context>,
    /// Outlives the context.
    model: Rc<Model>,
    vocab: usize,
}

impl Drop for Context {
    fn drop(&mut self) {
        // SAFETY: the pointer came from an initialisation and is freed once, before its model.
        unsafe { sys::llama_free(self.raw.as_ptr()) }
    }
}

impl Context {
    /// Empty sequences of `model`.
    pub fn new(model: &Rc<Model>, options: &Options) -> Result<Self> {
        // SAFETY: the model is loaded; the parameters point to nothing.
        let raw = unsafe {
            let mut params = sys::llama_context_default_params();
            params.n_ctx = options.context * options.sequences;
            params.n_seq_max = options.sequences;
            params.n_ubatch = options.ubatch;
            params.embeddings = options.embeddings;
            params.n_threads = options.threads as i32;
            params.n_threads_batch = options.threads as i32;
            params.flash_attn_type = match options.flash {
                None => sys::LLAMA_FLASH_ATTN_TYPE_AUTO,
                Some(false) => sys::LLAMA_FLASH_ATTN_TYPE_DISABLED,
                Some(true) => sys::LLAMA_FLASH_ATTN_TYPE_ENABLED,
            };
            if options.kv_f32 {
                params.type_k = sys::GGML_TYPE_F32;
                params.type_v = sys::GGML_TYPE_F32;
            }
            sys::llama_init_from_model(model.0.as_ptr(), params)
        };
        let raw = NonNull::new(raw).ok_or("llama.cpp cannot make a context")?;
        Ok(Self { raw, model: Rc::clone(model), vocab: model.vocab() })
    }

    /// Forgets all tokens of all sequences.
    pub fn clear(&mut self) {
        // SAFETY: the context lives.
        unsafe { sys::llama_memory_clear(sys::llama_get_memory(self.raw.as_ptr()), false) }
    }

    /// One pass: each line is appended to its sequence.
    pub fn pass(&mut self, lines: &[Line]) -> Result<()> {
        let mut tokens: Vec<i32> = lines.iter().map(|line| line.token as i32).collect();
        let mut ids: Vec<i32> = lines.iter().map(|line| line.sequence as i32).collect();
        let mut of_line: Vec<*mut i32> = ids.iter_mut().map(|id| id as *mut i32).collect();
        let mut counts = vec![1; lines.len()];
        let mut wanted: Vec<i8> = lines.iter().map(|line| i8::from(line.logits)).collect();
        let batch = sys::llama_batch {
            n_tokens: lines.len() as i32,
            token: tokens.as_mut_ptr(),
            embd: std::ptr::null_mut(),
            pos: std::ptr::null_mut(),
            n_seq_id: counts.as_mut_ptr(),
            seq_id: of_line.as_mut_ptr(),
            logits: wanted.as_mut_ptr(),
        };
        // SAFETY: every array has n_tokens entries and outlives the call, which checks ids and tokens itself.
        let code = unsafe {
            let code = sys::llama_decode(self.raw.as_ptr(), batch);
            sys::llama_synchronize(self.raw.as_ptr());
            code
        };
        if code == 0 { Ok(()) } else { Err(format!("llama_decode gave {code}").into()) }
    }

    /// One pass over `tokens` of sequence 0, with the logits after the last.
    pub fn extend(&mut self, tokens: &[u32]) -> Result<&[f32]> {
        let last = tokens.len().checked_sub(1).ok_or("no tokens")?;
        let line = |(at, &token)| Line { sequence: 0, token, logits: at == last };
        self.pass(&tokens.iter().enumerate().map(line).collect::<Vec<_>>())?;
        self.logits(last)
    }

    /// What the model makes of all `tokens` together, pooled as its file says and not normalised.
    pub fn embedding(&mut self, tokens: &[u32]) -> Result<Vec<f32>> {
        let line = |&token| Line { sequence: 0, token, logits: true };
        self.pass(&tokens.iter().map(line).collect::<Vec<_>>())?;
        // SAFETY: null without pooling; else a vector of the model's width that lives until the next pass.
        unsafe {
            let vector = NonNull::new(sys::llama_get_embeddings_seq(self.raw.as_ptr(), 0));
            let width = sys::llama_model_n_embd_out(self.model.0.as_ptr());
            let vector = vector.ok_or("no pooled embedding")?;
            Ok(std::slice::from_raw_parts(vector.as_ptr(), width as usize).to_vec())
        }
    }

    /// The logits after line `at` of the last pass, which wanted them.
    pub fn logits(&mut self, at: usize) -> Result<&[f32]> {
        // SAFETY: null for a line without logits; else a row of the vocabulary's size that lives until the
        // next pass.
        unsafe {
            let row = sys::llama_get_logits_ith(self.raw.as_ptr(), at as i32);
            let row = NonNull::new(row).ok_or("a line without logits")?;
            Ok(std::slice::from_raw_parts(row.as_ptr(), self.vocab))
        }
    }
}

/// Which llama.cpp it is: the crate that carries it and the version of its ggml.
pub fn version() -> String {
    let pins = include_str!("../Cargo.toml").lines();
    let pin = pins.filter(|line| line.starts_with("llama-cpp-sys-2")).flat_map(|line| line.split('"'));
    let pin = pin.skip(1).next().unwrap_or_default();
    // SAFETY: ggml gives C strings that live as long as the program.
    let text = |word: *const c_char| unsafe { CStr::from_ptr(word) }.to_string_lossy();
    let (ggml, commit) = unsafe { (text(sys::ggml_version()), text(sys::ggml_commit())) };
    format!("llama-cpp-sys-2 {}, ggml {ggml}, commit {commit}", pin.trim_start_matches('='))
}

/// `count` weights out of ggml's blocks, by its own reference.
pub fn unpacked(type_id: u32, blocks: &[u8], count: usize) -> Result<Vec<f32>> {
    if type_id >= sys::GGML_TYPE_COUNT {
        return Err(format!("ggml has no type {type_id}").into());
    }
    if type_id == sys::GGML_TYPE_F32 {
        // ggml has no function for what needs none.
        let (parts, rest) = blocks.as_chunks();
        let whole = rest.is_empty() && parts.len() == count;
        let weights = parts.iter().map(|&part| f32::from_le_bytes(part)).collect();
        return whole
            .then_some(weights)
            .ok_or_else(|| format!("{count} weights are no {} bytes", blocks.len()).into());
    }
    let mut weights = vec![0.0; count];
    // SAFETY: the type is one of ggml's; the blocks hold `count` weights, which is checked before they are
    // unpacked.
    unsafe {
        let traits = &*sys::ggml_get_type_traits(type_id);
        let size = sys::ggml_row_size(type_id, count as i64);
        let unpack = traits.to_float.ok_or_else(|| format!("ggml does not unpack type {type_id}"))?;
        if size != blocks.len() {
            return Err(
                format!("{count} weights of type {type_id} take {size} bytes, not {}", blocks.len()).into()
            );
        }
        unpack(blocks.as_ptr().cast(), weights.as_mut_ptr(), count as i64);
    }
    Ok(weights)
}

/// What llama.cpp said of the last failure.
static FAILURE: Mutex<String> = Mutex::new(String::new());

/// Takes log lines, and keeps those of failures.
unsafe extern "C" fn keep_failures(level: sys::ggml_log_level, line: *const c_char, _: *mut c_void) {
    if level == sys::GGML_LOG_LEVEL_ERROR && !line.is_null() {
        // SAFETY: llama.cpp gives a C string that lives during the call.
        let line = unsafe { CStr::from_ptr(line) }.to_string_lossy();
        FAILURE.lock().unwrap_or_else(PoisonError::into_inner).push_str(&line);
    }
}
