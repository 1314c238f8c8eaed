//! Loads of model files, up to the weights: a header that takes its time, and a vocabulary, cancelled or
//! beside other work (S9, S17).
#![cfg(all(feature = "native", feature = "text", feature = "testing"))]

use crate::support::scenario::*;
use crate::support::tiny;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, mpsc};
use std::time::Duration;
use wick::error::{ErrorKind, Result};
use wick::gguf::{Gguf, Limits, ReadAt, Source, TensorType};
use wick::runtime::{EndReason, Mode, ModelOptions, ModelSource, Reading, Runtime, RuntimeOptions, ThreadFn};
use wick::stream::Control;

/// A small model that can be loaded, with `strings` more in its header.
fn file(strings: usize) -> Vec<u8> {
    let texts: wick::gguf::write::MetaValue = (0..strings).map(|_| "some words").collect();
    tiny::Tiny::new("llama").speaking().with("padding", texts).writer().to_bytes()
}

/// Reads from memory and counts the reads from the byte `counts_from` on; in the one with number `cancels_in`
/// the load is cancelled.
struct Cancelling {
    bytes: Arc<Vec<u8>>,
    counts_from: u64,
    reads: Arc<AtomicUsize>,
    cancels_in: usize,
    load: Arc<OnceLock<Control>>,
}

impl ReadAt for Cancelling {
    fn size(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn read_at(&mut self, offset: u64, dst: &mut [u8]) -> Result<()> {
        let counts = offset >= self.counts_from;
        if counts && self.reads.fetch_add(1, Ordering::SeqCst) + 1 == self.cancels_in {
            self.load.wait().cancel();
        }
        let start = offset as usize;
        dst.copy_from_slice(&self.bytes[start..start + dst.len()]);
        Ok(())
    }
}

#[test]
fn s9_a_load_cancelled_while_its_header_is_read_reads_no_further() {
    both(|mode| {
        let bytes = Arc::new(file(400_000));
        for vocab_only in [false, true] {
            for cancels_in in [1, 3, usize::MAX] {
                let runtime = Runtime::new(options(mode)).unwrap();
                let (reads, load) = (Arc::<AtomicUsize>::default(), Arc::<OnceLock<Control>>::default());
                let reader = Cancelling {
                    bytes: bytes.clone(),
                    counts_from: 0,
                    reads: reads.clone(),
                    cancels_in,
                    load: load.clone(),
                };
                let source = ModelSource::Gguf(Source::Reader(Box::new(reader)));
                let options = ModelOptions { vocab_only, ..ModelOptions::from_source(source) };
                let (_model, mut loading) = runtime.load(options, Reading::default()).unwrap();
                assert!(load.set(loading.control()).is_ok());
                let end = read(&mut loading).end.reason;
                if cancels_in == usize::MAX {
                    assert_eq!(end, EndReason::Ready);
                    assert!(reads.load(Ordering::SeqCst) > 5, "the header alone takes several reads");
                } else {
                    assert_eq!((end, reads.load(Ordering::SeqCst)), (EndReason::Cancelled, cancels_in));
                }
                runtime.shutdown(None).unwrap();
            }
        }
    });
}

/// A model whose weights take several reads, and where they begin.
fn large() -> (Arc<Vec<u8>>, u64) {
    let bytes = tiny::Tiny { vocab: 80_000, ..tiny::Tiny::new("llama") }.speaking().writer().to_bytes();
    let header = Gguf::open_header(Source::Memory(Box::new(bytes.clone())), &Limits::default()).unwrap();
    (Arc::new(bytes), header.tensor_data_offset())
}

#[test]
fn s9_a_load_cancelled_in_the_first_read_of_its_weights_reads_no_further() {
    let (bytes, weights) = large();
    both(|mode| {
        for cancels_in in [1, usize::MAX] {
            let runtime = Runtime::new(options(mode)).unwrap();
            let (reads, load) = (Arc::<AtomicUsize>::default(), Arc::<OnceLock<Control>>::default());
            let reader = Cancelling {
                bytes: bytes.clone(),
                counts_from: weights,
                reads: reads.clone(),
                cancels_in,
                load: load.clone(),
            };
            let source = ModelSource::Gguf(Source::Reader(Box::new(reader)));
            let (model, mut loading) =
                runtime.load(ModelOptions::from_source(source), Reading::default()).unwrap();
            let session = model.session(None).unwrap();
            let mut stream = session.generate(asking("a"), Reading::default()).unwrap();
            assert!(load.set(loading.control()).is_ok());
            let end = read(&mut loading).end.reason;
            if cancels_in == usize::MAX {
                assert_eq!(end, EndReason::Ready);
                assert!(reads.load(Ordering::SeqCst) > 1, "the weights take several reads");
                stream.cancel();
            } else {
                assert_eq!((end, reads.load(Ordering::SeqCst)), (EndReason::Cancelled, 1));
                assert_eq!(read(&mut stream).error().kind(), ErrorKind::StaleHandle);
            }
            runtime.shutdown(None).unwrap();
        }
    });
}

/// Reads from memory; the first read from the byte `holds_from` on says so and waits.
struct Holding {
    bytes: Arc<Vec<u8>>,
    holds_from: u64,
    reads: Arc<AtomicUsize>,
    begun: mpsc::Sender<()>,
    go: mpsc::Receiver<()>,
}

impl ReadAt for Holding {
    fn size(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn read_at(&mut self, offset: u64, dst: &mut [u8]) -> Result<()> {
        if offset >= self.holds_from && self.reads.fetch_add(1, Ordering::SeqCst) == 0 {
            self.begun.send(()).unwrap();
            let _ = self.go.recv();
        }
        let start = offset as usize;
        dst.copy_from_slice(&self.bytes[start..start + dst.len()]);
        Ok(())
    }
}

#[test]
fn s17_a_shutdown_in_the_first_read_of_the_weights_reads_no_further() {
    let _watchdog = watchdog();
    let (bytes, holds_from) = large();
    let runtime = Runtime::new(options(Mode::Threads)).unwrap();
    let ((begun, has_begun), (let_go, go)) = (mpsc::channel(), mpsc::channel());
    let reads = Arc::<AtomicUsize>::default();
    let reader = Holding { bytes, holds_from, reads: reads.clone(), begun, go };
    let source = ModelSource::Gguf(Source::Reader(Box::new(reader)));
    let (_model, mut loading) = runtime.load(ModelOptions::from_source(source), Reading::default()).unwrap();
    has_begun.recv().unwrap();
    let other = runtime.clone();
    let shutdown = std::thread::Builder::new().spawn(move || other.shutdown(None)).unwrap();
    until(&runtime, "the shutdown", || runtime.queue().is_err());
    let_go.send(()).unwrap();
    shutdown.join().unwrap().unwrap();
    assert_eq!(read(&mut loading).end.reason, EndReason::Shutdown);
    assert_eq!(reads.load(Ordering::SeqCst), 1);
}

#[test]
fn s15_a_generation_that_waits_for_a_file_that_is_no_model_ends_with_the_loads_error() {
    let cut = || file(0)[..file(0).len() / 2].to_vec();
    let misshapen = || {
        let mut tiny = tiny::Tiny::new("llama").speaking();
        tiny.without.push("blk.1.attn_k.weight".into());
        let data = vec![0; 64 * 33 * 4];
        tiny.writer().tensor("blk.1.attn_k.weight", TensorType::F32, &[64, 33], data).to_bytes()
    };
    let unknown = || tiny::Tiny::new("unheard_of").speaking().writer().to_bytes();
    let memory = |bytes: Vec<u8>| Source::Memory(Box::new(bytes));
    both(|mode| {
        let cases = [
            (Source::path("no/such/model.gguf"), ErrorKind::Io, "no/such/model.gguf"),
            (memory(cut()), ErrorKind::ModelInvalid, ""),
            (memory(misshapen()), ErrorKind::ModelInvalid, "blk.1.attn_k.weight"),
            (memory(unknown()), ErrorKind::Unsupported, "unheard_of"),
        ];
        for (source, kind, named) in cases {
            // All that waits is there before the load begins.
            let go = Arc::new(AtomicBool::new(false));
            let may_begin = go.clone();
            let on_thread: ThreadFn = Arc::new(move |start| {
                let own = std::thread::current();
                while start
                    && own.name().is_some_and(|name| name.ends_with("-prepare"))
                    && !may_begin.load(Ordering::SeqCst)
                {
                    std::thread::yield_now();
                }
            });
            let options = RuntimeOptions { on_thread: Some(on_thread), ..options(mode) };
            let runtime = Runtime::new(options).unwrap();
            let options = ModelOptions::from_source(ModelSource::Gguf(source));
            let (model, mut loading) = runtime.load(options, Reading::default()).unwrap();
            let session = model.session(None).unwrap();
            let mut waiting = session.generate(asking("a"), Reading::default()).unwrap();
            go.store(true, Ordering::SeqCst);
            let (load, told) = (read(&mut loading), read(&mut waiting));
            assert_eq!(load.error().kind(), kind, "{}", load.error());
            assert!(load.error().message().contains(named), "{}", load.error());
            assert_eq!((told.said(), told.started()), (("", EndReason::Error), false));
            assert_eq!(told.error(), load.error());
            assert_eq!(&session.generate(asking("a"), Reading::default()).unwrap_err(), load.error());
            assert_eq!(&model.session(None).map(drop).unwrap_err(), load.error());
            runtime.shutdown(None).unwrap();
        }
    });
}

#[test]
fn s17_a_shutdown_while_a_header_is_read_ends_the_load() {
    let _watchdog = watchdog();
    let runtime = Runtime::new(options(Mode::HostStep)).unwrap();
    let (reads, load) = (Arc::<AtomicUsize>::default(), Arc::<OnceLock<Control>>::default());
    let reader = Cancelling {
        bytes: Arc::new(file(400_000)),
        counts_from: 0,
        reads: reads.clone(),
        cancels_in: usize::MAX,
        load,
    };
    let source = ModelSource::Gguf(Source::Reader(Box::new(reader)));
    let (_model, mut loading) = runtime.load(ModelOptions::from_source(source), Reading::default()).unwrap();
    until(&runtime, "the first read", || reads.load(Ordering::SeqCst) > 0);
    runtime.shutdown(None).unwrap();
    assert_eq!(read(&mut loading).end.reason, EndReason::Shutdown);
    assert!(reads.load(Ordering::SeqCst) <= 2, "the header was not read to its end");
}

#[test]
fn a_load_on_the_hosts_thread_comes_in_pieces_and_others_go_on_between_them() {
    let _watchdog = watchdog();
    let house = house(Mode::HostStep, endless());
    let (_session, stream) = house.ask("Hi");
    let source = Source::Memory(Box::new(file(400_000)));
    let options = ModelOptions::from_source(ModelSource::Gguf(source));
    let (_model, load) = house.runtime.load(options, Reading::default()).unwrap();
    let (mut steps, mut spoke) = (0, 0);
    while !load.control().has_ended() {
        let before = stream.stats().output_tokens;
        house.runtime.step(Duration::ZERO).unwrap();
        steps += 1;
        spoke += usize::from(stream.stats().output_tokens > before);
    }
    assert_eq!(load.control().end_reason(), Some(EndReason::Ready));
    assert!(steps > 4 && spoke > 0, "{steps} steps, tokens came in {spoke} of them");
    drop(stream);
    house.close();
}

#[cfg(target_os = "linux")]
#[test]
fn a_load_without_a_map_on_the_hosts_thread_starts_no_thread() {
    let _watchdog = watchdog();
    let threads = || threads("quiet").expect("the system tells").len();
    let mut path = tempfile::NamedTempFile::new().unwrap();
    std::io::Write::write_all(&mut path, &file(100)).unwrap();
    for (mode, most) in [(Mode::HostStep, 0), (Mode::Threads, 4)] {
        let named = wick::runtime::RuntimeOptions { thread_name: "quiet".into(), ..options(mode) };
        let runtime = Runtime::new(named).unwrap();
        let source = Source::File { path: path.path().into(), offset: 0, size: 0, no_mmap: true };
        let options = ModelOptions::from_source(ModelSource::Gguf(source));
        let (_model, load) = runtime.load(options, Reading::default()).unwrap();
        until(&runtime, "the load", || {
            assert!(threads() <= most);
            load.control().has_ended()
        });
        assert_eq!(load.control().end_reason(), Some(EndReason::Ready));
        runtime.shutdown(None).unwrap();
    }
}

/// How many steps the load of a vocabulary of 60,000 control tokens takes with a template of so many strings.
fn steps_with_template_of(strings: usize) -> usize {
    let controls: Vec<String> = (0..60_000).map(|number| format!("<|c{number}|>")).collect();
    let template: String = (0..strings).map(|number| format!("{{{{'<{number}'}}}}")).collect();
    let file = wick::gguf::write::Writer::new()
        .meta("general.architecture", "llama")
        .meta("tokenizer.ggml.model", "llama")
        .meta("tokenizer.ggml.tokens", controls.iter().collect::<wick::gguf::write::MetaValue>())
        .meta("tokenizer.ggml.scores", vec![0f32; controls.len()].as_slice())
        .meta("tokenizer.ggml.token_type", vec![3i32; controls.len()].as_slice())
        .meta("tokenizer.chat_template", template.as_str())
        .to_bytes();
    let runtime = Runtime::new(options(Mode::HostStep)).unwrap();
    let source = ModelSource::Gguf(Source::Memory(Box::new(file)));
    let options = ModelOptions { vocab_only: true, ..ModelOptions::from_source(source) };
    let (_model, load) = runtime.load(options, Reading::default()).unwrap();
    let mut steps = 0;
    while !load.control().has_ended() {
        runtime.step(Duration::ZERO).unwrap();
        steps += 1;
    }
    assert_eq!(load.control().end_reason(), Some(EndReason::Ready));
    runtime.shutdown(None).unwrap();
    steps
}

#[test]
fn f6_a_template_of_many_strings_beside_many_control_tokens_is_loaded_in_pieces() {
    let _watchdog = watchdog();
    // Steps are counted by time: another process may make either load look longer.
    let more = (0..5).map(|_| (steps_with_template_of(1), steps_with_template_of(20_000)));
    let more: Vec<_> = more.collect();
    assert!(more.iter().any(|(few, many)| *many > few + 5), "{more:?}");
}

/// The progress of a load, in order.
fn progress(told: &Told) -> Vec<(u64, u64)> {
    let of = |event: &wick::runtime::Event| match event.kind {
        wick::runtime::EventKind::Progress { done, total } => Some((done, total)),
        _ => None,
    };
    told.events.iter().filter_map(of).collect()
}

#[test]
fn f13_a_mapped_file_is_brought_in_before_the_loads_end_with_progress_that_begins_at_nothing() {
    let _watchdog = watchdog();
    let (bytes, from) = large();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.gguf");
    std::fs::write(&path, &*bytes).unwrap();
    let runtime = Runtime::new(options(Mode::HostStep)).unwrap();
    let whole = bytes.len() as u64 - from;
    for preload in [true, false] {
        let options = ModelOptions { preload, ..ModelOptions::path(&path) };
        let (_model, mut loading) = runtime.load(options, Reading::default()).unwrap();
        let mut seen = Vec::new();
        let told = loop {
            // Read behind every piece: an unread progress is replaced by the next.
            while let wick::runtime::Next::Event(event) = loading.try_next() {
                seen.push(event);
            }
            if loading.control().has_ended() {
                break read_on(seen, &mut loading);
            }
            runtime.step(Duration::ZERO).unwrap();
        };
        assert_eq!(told.end.reason, EndReason::Ready);
        let progress = progress(&told);
        assert!(progress.iter().all(|(done, total)| done <= total), "{progress:?}");
        assert_eq!(progress.last().map(|(done, total)| (done, total)), Some((&whole, &whole)));
        let between = progress.iter().filter(|(done, _)| (1..whole).contains(done)).count();
        assert_eq!(between > 0, preload, "{progress:?}");
        assert_eq!(progress[0].0, 0, "{progress:?}");
    }
    // Memory of the host's has no pages to bring in.
    let source = ModelSource::Gguf(Source::Memory(Box::new((*bytes).clone())));
    let options = ModelOptions { preload: true, ..ModelOptions::from_source(source) };
    let (_model, mut loading) = runtime.load(options, Reading::default()).unwrap();
    assert_eq!(read(&mut loading).end.reason, EndReason::Ready);
    runtime.shutdown(None).unwrap();
}

#[test]
fn f13_a_preload_that_is_cancelled_ends_behind_the_piece_it_is_in() {
    let _watchdog = watchdog();
    let (bytes, _) = large();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.gguf");
    std::fs::write(&path, &*bytes).unwrap();
    let runtime = Runtime::new(options(Mode::HostStep)).unwrap();
    let options = ModelOptions { preload: true, ..ModelOptions::path(&path) };
    let (model, mut loading) = runtime.load(options, Reading::default()).unwrap();
    loop {
        runtime.step(Duration::ZERO).unwrap();
        if let wick::runtime::Next::Event(event) = loading.try_next()
            && matches!(event.kind, wick::runtime::EventKind::Progress { done, .. } if done > 0)
        {
            break;
        }
    }
    loading.cancel();
    let mut steps = 0;
    while !loading.control().has_ended() {
        runtime.step(Duration::ZERO).unwrap();
        steps += 1;
    }
    assert!(steps <= 3, "{steps} steps after the cancel");
    while loading.next_blocking().is_some() {}
    drop(model);
    runtime.shutdown(None).unwrap();
}

#[test]
fn a_load_whose_stream_was_closed_says_so_and_what_to_do() {
    both(|mode| {
        let runtime = Runtime::new(options(mode)).unwrap();
        for closed in [true, false] {
            let (load, _go) = held(wick::testing::Script::saying("word"));
            let (model, mut loading) = begin_load(&runtime, load);
            let session = model.session(None).unwrap();
            let mut stream = session.generate(asking("Hi"), Reading::default()).unwrap();
            if closed {
                drop(loading);
            } else {
                loading.cancel();
                while loading.next_blocking().is_some() {}
            }
            let error = read(&mut stream).error().clone();
            assert_eq!(error.kind(), ErrorKind::StaleHandle);
            let says = error.message().contains("closed before its END") && error.message().contains("NULL");
            assert_eq!(says, closed, "{error}");
            assert_eq!(model.session(None).err(), Some(error));
        }
        runtime.shutdown(None).unwrap();
    });
}
