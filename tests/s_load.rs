//! Loads of model files, up to the weights: a header that takes its time, and a vocabulary, cancelled or beside other work (S9, S17).
#![cfg(all(feature = "native", feature = "text", feature = "testing"))]

mod scenario;
mod tiny;

use scenario::*;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use wick::error::Result;
use wick::gguf::{ReadAt, Source};
use wick::runtime::{EndReason, Mode, ModelOptions, ModelSource, Reading, Runtime};
use wick::stream::Control;

/// A small model that can be loaded, with `strings` more in its header.
fn file(strings: usize) -> Vec<u8> {
    let texts: wick::gguf::write::MetaValue = (0..strings).map(|_| "some words").collect();
    tiny::Tiny::new("llama").speaking().with("padding", texts).writer().to_bytes()
}

/// Reads from memory; in the read with number `cancels_in` the load is cancelled.
struct Cancelling {
    bytes: Vec<u8>,
    reads: Arc<AtomicUsize>,
    cancels_in: usize,
    load: Arc<OnceLock<Control>>,
}

impl ReadAt for Cancelling {
    fn size(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn read_at(&mut self, offset: u64, dst: &mut [u8]) -> Result<()> {
        if self.reads.fetch_add(1, Ordering::SeqCst) + 1 == self.cancels_in {
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
        let bytes = file(400_000);
        for vocab_only in [false, true] {
            for cancels_in in [1, 3, usize::MAX] {
                let runtime = Runtime::new(options(mode)).unwrap();
                let (reads, load) = (Arc::<AtomicUsize>::default(), Arc::<OnceLock<Control>>::default());
                let reader =
                    Cancelling { bytes: bytes.clone(), reads: reads.clone(), cancels_in, load: load.clone() };
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

#[test]
fn s17_a_shutdown_while_a_header_is_read_ends_the_load() {
    let _watchdog = watchdog();
    let runtime = Runtime::new(options(Mode::HostStep)).unwrap();
    let (reads, load) = (Arc::<AtomicUsize>::default(), Arc::<OnceLock<Control>>::default());
    let reader = Cancelling { bytes: file(400_000), reads: reads.clone(), cancels_in: usize::MAX, load };
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
    let threads = || {
        let tasks = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
        let names = tasks.filter_map(|task| std::fs::read_to_string(task.path().join("comm")).ok());
        names.filter(|name| name.starts_with("quiet")).count()
    };
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
    assert!(more.iter().any(|(few, many)| *many > few + 50), "{more:?}");
}
