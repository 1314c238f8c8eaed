//! Faults of model files through the whole runtime: an end with a code and a message, nothing of a tensor's
//! size taken first, and the runtime goes on (F1, F5b, F8, F11).
#![cfg(all(feature = "native", feature = "text", feature = "testing"))]

use crate::support::counting::peak_of;
use crate::support::stream::watchdog;
use crate::support::tiny::Tiny;
use std::sync::{Arc, Mutex};
use wick::error::{Error, ErrorKind, Result};
use wick::gguf::write::{MetaValue, Writer};
use wick::gguf::{Gguf, Limits, ReadAt, Source, TensorType};
use wick::runtime::{
    End, EndReason, EventKind, Input, Level, LogFn, Mode, Model, ModelOptions, ModelSource, Next, Reading,
    Request, Runtime, RuntimeOptions, Stream,
};
use wick::sample::SamplerOptions;

/// On this thread alone, so that it is this test's doing that is counted.
fn runtime(memory_budget: Option<u64>) -> Runtime {
    let options = RuntimeOptions { mode: Mode::HostStep, memory_budget, ..RuntimeOptions::default() };
    Runtime::new(options).expect("a runtime")
}

fn load(runtime: &Runtime, source: Source) -> (Model, End) {
    let options = ModelOptions::from_source(ModelSource::Gguf(source));
    let (model, stream) = runtime.load(options, Reading::default()).expect("a load");
    let end = end_of(stream);
    (model, end)
}

fn memory(file: Vec<u8>) -> Source {
    Source::Memory(Box::new(file))
}

/// Reads to the end, after which there is nothing.
fn end_of(mut stream: Stream) -> End {
    loop {
        if let EventKind::End(end) = stream.next_blocking().expect("an end").kind {
            assert!(matches!(stream.wait_next(None), Next::Ended));
            return end;
        }
    }
}

/// The end of 8 tokens after a prompt.
fn speak(model: &Model, sampling: SamplerOptions) -> End {
    let session = model.session(None).expect("a session");
    let input = Input::Text("aaaa".into());
    let request = Request { input, max_tokens: 8, ignore_eos: true, sampling, ..Request::default() };
    end_of(session.generate(request, Reading::default()).expect("a stream"))
}

/// The file of `tiny` with `bytes` at byte `at` of `tensor`.
fn poisoned(tiny: &Tiny, tensor: &str, at: usize, bytes: &[u8]) -> Vec<u8> {
    let mut file = tiny.writer().to_bytes();
    let header = Gguf::open_header(memory(file.clone()), &Limits::default()).expect("a header");
    let tensor = header.tensor(tensor).expect("the tensor");
    let at = (header.tensor_data_offset() + tensor.offset()) as usize + at;
    file[at..at + bytes.len()].copy_from_slice(bytes);
    file
}

/// Asserts that the model in `file` loads and that every way to choose a token fails as it must.
fn assert_numeric(runtime: &Runtime, file: Vec<u8>, what: &str) {
    let (model, end) = load(runtime, memory(file));
    assert_eq!(end.reason, EndReason::Ready, "{what}: {end:?}");
    let drawn =
        SamplerOptions { temperature: 1.0, top_k: 40, top_p: 0.9, seed: 1, ..SamplerOptions::default() };
    for sampler in [SamplerOptions::default(), drawn] {
        let end = speak(&model, sampler);
        assert_eq!(end.reason, EndReason::Error, "{what}: {end:?}");
        let error = end.error.as_ref().expect("an error");
        assert_eq!((error.kind(), end.stats.output_tokens), (ErrorKind::Numeric, 0), "{what}: {error}");
    }
}

#[test]
fn f8_weights_that_are_no_numbers_end_in_numeric() {
    let _watchdog = watchdog();
    let runtime = runtime(None);
    let (healthy, _) = load(&runtime, memory(Tiny::new("llama").speaking().writer().to_bytes()));
    // The row of "a", and one weight of every other kind.
    let places = [
        ("token_embd.weight", 4 * 64 * 4),
        ("blk.0.attn_norm.weight", 0),
        ("blk.0.attn_q.weight", 0),
        ("blk.1.attn_k.weight", 4),
        ("blk.1.attn_v.weight", 8),
        ("blk.2.attn_output.weight", 0),
        ("blk.0.ffn_norm.weight", 12),
        ("blk.1.ffn_gate.weight", 0),
        ("blk.1.ffn_up.weight", 0),
        ("blk.2.ffn_down.weight", 0),
        ("output_norm.weight", 8),
        ("output.weight", 0),
    ];
    for architecture in ["llama", "gemma2"] {
        let tiny = Tiny::new(architecture).speaking();
        for (tensor, at) in places {
            for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
                let file = poisoned(&tiny, tensor, at, &value.to_le_bytes());
                assert_numeric(&runtime, file, &format!("{architecture}, {tensor}: {value}"));
            }
        }
    }
    assert_eq!(speak(&healthy, SamplerOptions::default()).reason, EndReason::Length);
}

#[test]
fn f8_experts_weights_that_are_no_numbers_end_in_numeric() {
    let _watchdog = watchdog();
    let runtime = runtime(None);
    let tiny = Tiny::new("qwen2moe").speaking();
    for tensor in [
        "blk.0.ffn_gate_inp.weight",
        "blk.0.ffn_gate_inp_shexp.weight",
        "blk.1.ffn_gate_shexp.weight",
        "blk.1.ffn_up_shexp.weight",
        "blk.2.ffn_down_shexp.weight",
    ] {
        for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let file = poisoned(&tiny, tensor, 0, &value.to_le_bytes());
            assert_numeric(&runtime, file, &format!("{tensor}: {value}"));
        }
    }
}

#[test]
fn an_encoder_loads_and_says_that_it_generates_nothing() {
    let _watchdog = watchdog();
    let runtime = runtime(None);
    let file = Tiny::new("gemma-embedding").speaking().writer().to_bytes();
    let (model, end) = load(&runtime, memory(file));
    assert_eq!(end.reason, EndReason::Ready, "{end:?}");
    assert!(model.spec().expect("a loaded model").encodes);
    // Each time, and of whatever is asked.
    for _ in 0..2 {
        let end = speak(&model, SamplerOptions::default());
        assert_eq!(end.reason, EndReason::Error, "{end:?}");
        let error = end.error.as_ref().expect("an error");
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
        for part in ["gemma-embedding", "one vector", "wick_embed"] {
            assert!(error.message().contains(part), "{error}");
        }
    }
}

/// A file, and where its tensor data begins, which is not to be asked for.
struct HeaderOnly(Vec<u8>, u64);

impl ReadAt for HeaderOnly {
    fn size(&self) -> u64 {
        self.0.len() as u64
    }

    fn read_at(&mut self, offset: u64, to: &mut [u8]) -> Result<()> {
        if offset >= self.1 {
            return Err(Error::new(ErrorKind::Io, format!("tensor data, byte {offset}")));
        }
        to.copy_from_slice(&self.0[offset as usize..][..to.len()]);
        Ok(())
    }
}

#[test]
fn f1_f4_f5_f10_what_the_header_shows_is_refused_before_a_tensor_is_read() {
    let _watchdog = watchdog();
    let runtime = runtime(None);
    let refused = |writer: Writer, kind: ErrorKind, part: &str| {
        let file = writer.to_bytes();
        let header = Gguf::open_header(memory(file.clone()), &Limits::default()).expect("a header");
        let begin = file.len() as u64 - header.data_bytes();
        let (_, end) = load(&runtime, Source::Reader(Box::new(HeaderOnly(file, begin))));
        let error = end.error.expect("an error");
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.message().contains(part), "{error}");
    };
    refused(Tiny::new("llama").with("block_count", 0u32).writer(), ErrorKind::ModelInvalid, "block_count");
    refused(
        Tiny::new("llama").with("embedding_length", 96u32).writer(),
        ErrorKind::ModelInvalid,
        "token_embd.weight",
    );
    let clip = Writer::new().meta("general.architecture", "clip").tensor(
        "v.patch",
        TensorType::F32,
        &[64, 64],
        vec![0; 64 * 64 * 4],
    );
    refused(clip, ErrorKind::Unsupported, "clip");
}

#[test]
fn f8_scales_of_blocks_that_are_no_numbers_end_in_numeric() {
    let _watchdog = watchdog();
    let runtime = runtime(None);
    // Where the first block of a type has its f16 scale.
    let kinds = [
        (TensorType::F16, 0),
        (TensorType::Q4_0, 0),
        (TensorType::Q4_1, 2),
        (TensorType::Q8_0, 0),
        (TensorType::Q4_K, 0),
        (TensorType::Q6_K, 208),
        (TensorType::IQ2_XXS, 0),
    ];
    for (kind, at) in kinds {
        let tiny = Tiny::new("llama").of(kind).speaking();
        for tensor in ["blk.0.attn_v.weight", "blk.2.ffn_down.weight", "output.weight"] {
            for scale in [half::f16::NAN, half::f16::INFINITY] {
                let file = poisoned(&tiny, tensor, at, &scale.to_le_bytes());
                assert_numeric(&runtime, file, &format!("{}, {tensor}: {scale}", kind.name()));
            }
        }
    }
}

/// A reader of a header and of zeros behind it.
struct Sparse {
    header: Vec<u8>,
    size: u64,
}

impl ReadAt for Sparse {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&mut self, offset: u64, dst: &mut [u8]) -> Result<()> {
        dst.fill(0);
        if let Some(from) = self.header.get(offset as usize..) {
            let len = from.len().min(dst.len());
            dst[..len].copy_from_slice(&from[..len]);
        }
        Ok(())
    }
}

/// 1 TiB that is not there, as the model in `header` has it.
fn huge(writer: Writer<'static>) -> Source {
    let header = writer.tensor_at("huge", TensorType::I8.id(), &[1 << 40], 1 << 20, Vec::new()).to_bytes();
    Source::Reader(Box::new(Sparse { header, size: (1 << 40) + (2 << 20) }))
}

#[test]
fn f11_a_model_over_the_memory_budget_is_refused_before_anything_is_taken() {
    let _watchdog = watchdog();
    let runtime = runtime(Some(1 << 30));
    let ((_, end), peak) = peak_of(|| load(&runtime, huge(Tiny::new("llama").speaking().writer())));
    assert_eq!(end.reason, EndReason::Error);
    let error = end.error.expect("an error");
    assert_eq!(error.kind(), ErrorKind::OutOfMemory, "{error}");
    // 2^40 and the little beside it; what is allowed.
    assert!(error.message().contains("10995") && error.message().contains("1073741824"), "{error}");
    assert!(peak < 2 << 20, "{peak}");
}

#[test]
fn f11_keys_values_and_scratch_over_the_budget_are_refused_with_both_numbers() {
    let _watchdog = watchdog();
    let file = Tiny::new("llama").speaking().writer().to_bytes();
    let header = Gguf::open_header(memory(file.clone()), &Limits::default()).expect("a header");
    let weights = header.data_bytes() + header.metadata().byte_len() as u64;
    // Not even one token's.
    let (_, end) = load(&runtime(Some(weights + 1000)), memory(file.clone()));
    let error = end.error.expect("an error");
    assert_eq!(error.kind(), ErrorKind::OutOfMemory, "{error}");
    assert!(error.message().contains("need") && error.message().contains("the memory budget"), "{error}");
    // Some tokens', not as many as are asked for.
    let runtime = runtime(Some(weights + 350_000));
    let (model, end) = load(&runtime, memory(file));
    assert_eq!(end.reason, EndReason::Ready, "{end:?}");
    assert_eq!(speak(&model, SamplerOptions::default()).reason, EndReason::Length);
    let session = model.session(None).expect("a session");
    let request = Request { input: Input::Text("a".repeat(400)), max_tokens: 8, ..Request::default() };
    let end = end_of(session.generate(request, Reading::default()).expect("a stream"));
    let error = end.error.expect("an error");
    assert_eq!((end.reason, error.kind()), (EndReason::Error, ErrorKind::OutOfMemory), "{error}");
    assert!(error.message().contains("need") && error.message().contains("the memory budget"), "{error}");
    assert_eq!(speak(&model, SamplerOptions::default()).reason, EndReason::Length);
}

#[test]
fn f1_a_damaged_file_ends_its_load_and_leaves_the_runtime_usable() {
    let _watchdog = watchdog();
    let runtime = runtime(None);
    let file = Tiny::new("llama").speaking().writer().to_bytes();
    for len in (0..file.len() - 64).step_by(64 * 97).chain([0, 1, 4, 23, 24, 25]) {
        let (_, end) = load(&runtime, memory(file[..len].to_vec()));
        assert_eq!(end.reason, EndReason::Error, "{len}");
        let error = end.error.expect("an error");
        assert_eq!(error.kind(), ErrorKind::ModelInvalid, "{len}: {error}");
    }
    let (model, _) = load(&runtime, memory(file));
    assert_eq!(speak(&model, SamplerOptions::default()).reason, EndReason::Length);
}

#[test]
fn f5b_special_ids_beyond_the_vocabulary_are_absent_and_the_log_says_so() {
    let _watchdog = watchdog();
    let lines = Arc::<Mutex<Vec<(Level, String)>>>::default();
    let kept = lines.clone();
    let log: LogFn = Arc::new(move |level, text| kept.lock().unwrap().push((level, text.to_owned())));
    let options = RuntimeOptions {
        mode: Mode::HostStep,
        log: Some(log),
        log_level: Level::Trace,
        ..RuntimeOptions::default()
    };
    let runtime = Runtime::new(options).expect("a runtime");
    let key = |name: &str| format!("tokenizer.ggml.{name}");
    let mut tiny = Tiny::new("llama").speaking().with("vocab_size", 32_000u32);
    tiny.without.push(key("scores"));
    tiny.keys.extend([
        (key("bos_token_id"), MetaValue::U32(u32::MAX)),
        (key("eos_token_id"), MetaValue::I32(-1)),
        (key("eot_token_id"), MetaValue::U32(160)),
        (key("padding_token_id"), MetaValue::U64(1 << 40)),
        (key("mask_token_id"), MetaValue::U32(159)),
    ]);
    let (model, end) = load(&runtime, memory(tiny.writer().to_bytes()));
    assert_eq!(end.reason, EndReason::Ready, "{end:?}");
    // As where the file says nothing: SentencePiece has 1 and 2.
    let info = model.info().unwrap();
    assert_eq!((info.bos, &info.end_ids[..]), (Some(1), &[2][..]));
    assert_eq!(speak(&model, SamplerOptions::default()).reason, EndReason::Length);
    let warnings: Vec<String> = lines
        .lock()
        .unwrap()
        .iter()
        .filter(|(level, _)| *level == Level::Warning)
        .map(|(_, text)| text.clone())
        .collect();
    for name in ["bos_token_id", "eos_token_id", "eot_token_id", "padding_token_id", "vocab_size", "scores"] {
        assert_eq!(warnings.iter().filter(|line| line.contains(name)).count(), 1, "{name}: {warnings:?}");
    }
    assert!(!warnings.iter().any(|line| line.contains("mask")), "{warnings:?}");
    let session = model.session(None).expect("a session");
    for id in [160, u32::MAX] {
        let request = Request { input: Input::Tokens(vec![5, id]), ..Request::default() };
        let end = end_of(session.generate(request, Reading::default()).expect("a stream"));
        assert_eq!(
            end.error.expect("an error").kind(),
            ErrorKind::InvalidArgument,
            "ids that are input stay errors"
        );
    }
}

/// With candle in the build, too: it knows the architecture, but not the key.
#[test]
fn f10_what_the_native_decoder_refuses_for_a_value_stays_refused() {
    let _watchdog = watchdog();
    let runtime = runtime(None);
    for architecture in ["llama", "qwen2", "qwen3"] {
        let file = |causal: bool| {
            let tiny = Tiny::new(architecture).speaking().with("attention.causal", causal);
            memory(tiny.writer().to_bytes())
        };
        let error = load(&runtime, file(false)).1.error.expect("an error");
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
        assert!(error.message().contains("attention.causal"), "{error}");
        assert_eq!(load(&runtime, file(true)).1.reason, EndReason::Ready);
    }
}
