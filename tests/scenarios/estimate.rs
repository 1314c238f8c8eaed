//! What a model is said to take, by its header alone, beside what the runtime holds when it is loaded and its
//! sessions are full.
#![cfg(all(feature = "native", feature = "text", feature = "testing"))]

use crate::support::counting::peak_of;
use crate::support::stream::watchdog;
use crate::support::tiny::{Tiny, decoders};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use wick::error::{ErrorKind, Result};
use wick::gguf::{Gguf, Limits, ReadAt, Source, TensorType};
use wick::runtime::{
    EndReason, Estimate, EventKind, Input, KvType, Level, LogFn, Mode, ModelOptions, ModelSource,
    PrefixCache, Reading, Request, Runtime, RuntimeOptions, Stepped,
};

/// As a model is loaded that nobody tells anything.
const F16: (PrefixCache, KvType) = (PrefixCache::Auto, KvType::F16);

/// Where a model's file is.
type From<'a> = &'a dyn Fn() -> Source;

/// A runtime, and what its log says of sessions that gave way.
fn runtime(memory_budget: Option<u64>) -> (Runtime, Arc<Mutex<Vec<String>>>) {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let (told, mode) = (lines.clone(), Mode::HostStep);
    let log: LogFn = Arc::new(move |_, line| {
        if line.contains("event=evicted") {
            told.lock().unwrap().push(line.to_owned());
        }
    });
    let log = Some(log);
    let options =
        RuntimeOptions { mode, memory_budget, log, log_level: Level::Info, ..RuntimeOptions::default() };
    (Runtime::new(options).expect("a runtime"), lines)
}

fn options(source: Source, prefix_cache: PrefixCache) -> ModelOptions {
    // Drafts take more, where there is room.
    ModelOptions { prefix_cache, drafts: false, ..ModelOptions::from_source(ModelSource::Gguf(source)) }
}

/// Fills `count` sessions of `context` tokens, each with a text of its own; the bytes that are held then.
fn fill(runtime: &Runtime, options: ModelOptions, count: usize, context: usize) -> u64 {
    let (model, mut load) = runtime.load(options, Reading::default()).expect("a load");
    assert_eq!(load.collect_text().expect("a load").1.reason, EndReason::Ready);
    let sessions: Vec<_> = (0..count).map(|_| model.session(Some(context)).expect("a session")).collect();
    let begin = |(index, session): (usize, &wick::Session)| {
        let letter = char::from(b'a' + index as u8).to_string();
        // As many tokens as letters, and one or two in front.
        let input = Input::Text(letter.repeat(context - 3));
        let request = Request { input, ignore_eos: true, ..Request::default() };
        session.generate(request, Reading::default()).expect("a stream")
    };
    let streams: Vec<_> = sessions.iter().enumerate().map(begin).collect();
    for mut stream in streams {
        loop {
            if let EventKind::End(end) = stream.next_blocking().expect("an end").kind {
                assert_eq!(end.reason, EndReason::ContextFull, "{end:?}");
                break;
            }
        }
    }
    while runtime.step(Duration::from_millis(1)).expect("a step") == Stepped::More {}
    let info = runtime.info();
    info.weight_bytes + info.kv_and_scratch_bytes
}

/// Within two percent of what is counted; and a budget of so many bytes is enough.
fn assert_true(
    what: &str,
    from: From<'_>,
    sessions: usize,
    (prefixes, kv_type): (PrefixCache, KvType),
) -> Estimate {
    let _watchdog = watchdog();
    let (unlimited, _) = runtime(None);
    let header = Gguf::open_header(from(), &Limits::default()).expect("a header");
    let metadata = header.metadata().byte_len() as u64;
    let context = 144;
    let options = |source| ModelOptions { kv_type, ..options(source, prefixes) };
    let said = unlimited.estimate(options(from()), sessions, Some(context), None).expect(what);
    assert_eq!(said.file_bytes, header.file_bytes(), "{what}");
    // The header counts, and no figure shows it.
    let held = fill(&unlimited, options(from()), sessions, context) + metadata;
    let total = said.total_bytes();
    // States of passes under way are counted, and no longer held when all have ended.
    let most = held + held / 50 + said.state_bytes;
    assert!(total + held / 50 >= held && total <= most, "{what}: {held} are held, {said:?} makes {total}");
    let (limited, evicted) = runtime(Some(total));
    fill(&limited, options(from()), sessions, context);
    // Also with drafts, for which there is no room then.
    fill(&limited, ModelOptions { drafts: true, ..options(from()) }, sessions, context);
    assert_eq!(*evicted.lock().unwrap(), Vec::<String>::new(), "{what}: {total} bytes are not enough");
    said
}

fn memory(tiny: &Tiny) -> impl Fn() -> Source + use<> {
    let file = tiny.clone().speaking().writer().to_bytes();
    move || Source::Memory(Box::new(file.clone()))
}

#[test]
fn f14_what_is_said_of_every_architecture_is_what_the_budget_counts() {
    for architecture in decoders() {
        let from = memory(&Tiny::new(architecture));
        assert_true(architecture, &from, 1, F16);
        if ["gemma2", "gemma3", "gemma4", "phi3"].contains(&architecture) {
            // What a window leaves behind goes.
            assert_true(architecture, &from, 2, (PrefixCache::Off, KvType::F16));
        }
    }
}

#[test]
fn f14_what_is_said_of_every_kind_of_weights_is_what_the_budget_counts() {
    let kinds = ["F16", "Q4_0", "Q8_0", "Q4_K", "IQ2_XS"];
    for kind in TensorType::ALL.into_iter().filter(|kind| kinds.contains(&kind.name())) {
        assert_true(kind.name(), &memory(&Tiny::new("llama").of(kind)), 2, F16);
    }
}

#[test]
fn f14_keys_and_values_of_bytes_count_as_these() {
    let from = memory(&Tiny { head_dim: 32, ..Tiny::new("gemma3") });
    let [wide, narrow] = [KvType::F16, KvType::Q8_0]
        .map(|kv_type| assert_true("gemma3", &from, 2, (PrefixCache::Auto, kv_type)).kv_bytes);
    assert_eq!(narrow * 32 * 2, wide * 34);
}

#[test]
fn f14_a_mapped_file_counts_as_one_that_is_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("tiny.gguf");
    std::fs::write(&path, Tiny::new("gemma3").of(TensorType::Q4_K).speaking().writer().to_bytes()).unwrap();
    let file = |no_mmap| {
        let path = path.clone();
        move || Source::File { path: path.clone(), offset: 0, size: 0, no_mmap }
    };
    let mapped = assert_true("mapped", &file(false), 2, F16);
    let owned = assert_true("read", &file(true), 2, F16);
    assert_eq!(mapped, owned);
}

/// Counts the bytes that are asked for; after so many it takes its time.
struct Slow {
    file: Vec<u8>,
    read: Arc<Mutex<usize>>,
    pause: Duration,
}

impl ReadAt for Slow {
    fn size(&self) -> u64 {
        self.file.len() as u64
    }

    fn read_at(&mut self, offset: u64, dst: &mut [u8]) -> Result<()> {
        std::thread::sleep(self.pause);
        *self.read.lock().unwrap() += dst.len();
        dst.copy_from_slice(&self.file[offset as usize..][..dst.len()]);
        Ok(())
    }
}

#[test]
fn f14_the_header_alone_is_read_and_nothing_is_taken() {
    let _watchdog = watchdog();
    let tiny = Tiny { width: 512, feed_forward: 2048, ..Tiny::new("llama") };
    let file = tiny.speaking().writer().to_bytes();
    let read = Arc::new(Mutex::new(0));
    let source = |pause| Source::Reader(Box::new(Slow { file: file.clone(), read: read.clone(), pause }));
    let (runtime, _) = runtime(Some(1 << 20));
    let reader = options(source(Duration::ZERO), PrefixCache::Auto);
    let (said, peak) = peak_of(|| runtime.estimate(reader, 1, None, None).expect("an estimate"));
    // More than the budget allows is said all the same.
    assert!(said.weight_bytes > 16 << 20, "{said:?}");
    let read = *read.lock().unwrap();
    assert!(read < 1 << 20 && peak < 2 << 20, "{read} bytes read, {peak} taken");
    let info = runtime.info();
    assert_eq!((info.weight_bytes, info.kv_and_scratch_bytes), (0, 0));
    let reader = options(source(Duration::from_millis(20)), PrefixCache::Auto);
    let late = runtime.estimate(reader, 1, None, Some(Instant::now() + Duration::from_millis(5)));
    assert_eq!(late.expect_err("a slow reader").kind(), ErrorKind::Timeout);
}

#[test]
fn f14_what_no_load_would_take_is_refused_in_the_same_words() {
    let _watchdog = watchdog();
    let (runtime, _) = runtime(None);
    let files = [
        ("a file of nothing", Vec::new()),
        ("an unknown architecture", {
            let tiny = Tiny::new("llama").speaking();
            let mut tiny = Tiny { architecture: "mamba9", ..tiny };
            tiny.keys.clear();
            tiny.writer().to_bytes()
        }),
        ("a missing tensor", {
            let without = vec!["output_norm.weight".to_owned()];
            Tiny { without, ..Tiny::new("llama") }.speaking().writer().to_bytes()
        }),
    ];
    for (what, file) in files {
        let source = || Source::Memory(Box::new(file.clone()));
        let said = runtime.estimate(options(source(), PrefixCache::Auto), 1, None, None).expect_err(what);
        let (_model, mut load) =
            runtime.load(options(source(), PrefixCache::Auto), Reading::default()).expect("a load");
        let loaded = load.collect_text().expect_err(what);
        assert_eq!((said.kind(), said.message()), (loaded.kind(), loaded.message()), "{what}");
    }
    let from = memory(&Tiny::new("llama"));
    let beyond = runtime.estimate(options(from(), PrefixCache::Auto), 1, Some(513), None);
    assert_eq!(beyond.expect_err("a context of 512").kind(), ErrorKind::InvalidArgument);
    let vocabulary = ModelOptions { vocab_only: true, ..options(from(), PrefixCache::Auto) };
    let said = runtime.estimate(vocabulary, 1, None, None).expect("a vocabulary");
    assert!(said.file_bytes > 0 && said.total_bytes() == 0, "{said:?}");
    runtime.shutdown(None).expect("a shutdown");
    let late = runtime.estimate(options(from(), PrefixCache::Auto), 1, None, None);
    assert_eq!(late.expect_err("a shutdown").kind(), ErrorKind::Shutdown);
}
