//! A real model through the public API: every source gives the same text, a load and a prefill can be
//! cancelled, sessions share a budget and forget nothing, nothing is left behind.
//!
//! Needs SmolLM2-135M-Instruct in WICK_MODELS (else models/), and says so where it is missing. Slow without
//! optimisation: run in release.
#![cfg(all(feature = "native", feature = "text", feature = "testing"))]
#![allow(clippy::print_stderr, clippy::disallowed_methods)]

#[path = "../support/mod.rs"]
mod support;

use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock, RwLockReadGuard};
use std::time::{Duration, Instant};
use support::stream::watchdog;
use wick::SamplerOptions;
use wick::error::{Error, ErrorKind, Result};
use wick::gguf::{Gguf, Limits, ReadAt, Source};
use wick::runtime::{
    EndReason, EventKind, Input, Mode, ModelOptions, ModelSource, Reading, Request, Runtime, RuntimeOptions,
    Stepped, Stream,
};
use wick::text::Message;

const PROMPT: &str = "The capital of France is";

fn model() -> Option<PathBuf> {
    let folder = std::env::var("WICK_MODELS").map(PathBuf::from);
    let folder = folder.unwrap_or_else(|_| Path::new(env!("CARGO_MANIFEST_DIR")).join("models"));
    let path = folder.join("SmolLM2-135M-Instruct.Q4_1.gguf");
    if path.is_file() {
        return Some(path);
    }
    eprintln!("left out: a test with a real model ({} is missing; `make run` fetches it)", path.display());
    None
}

/// The process's memory: a test that measures it has it alone, all others use it side by side.
static MEMORY: RwLock<()> = RwLock::new(());

fn used() -> RwLockReadGuard<'static, ()> {
    MEMORY.read().unwrap_or_else(PoisonError::into_inner)
}

struct FileReader(std::fs::File);

impl ReadAt for FileReader {
    fn size(&self) -> u64 {
        self.0.metadata().map_or(0, |about| about.len())
    }

    fn read_at(&mut self, offset: u64, dst: &mut [u8]) -> Result<()> {
        use std::io::{Read, Seek, SeekFrom};
        let read = self.0.seek(SeekFrom::Start(offset)).and_then(|_| self.0.read_exact(dst));
        read.map_err(|error| Error::new(ErrorKind::Io, error.to_string()))
    }
}

fn runtime(mode: Mode) -> Runtime {
    Runtime::new(RuntimeOptions { mode, threads: 2, ..RuntimeOptions::default() }).expect("a runtime")
}

fn say(text: &str, max_tokens: u32) -> Request {
    Request { input: Input::Text(text.to_owned()), max_tokens, ..Request::default() }
}

/// The text of 12 greedy tokens after the prompt.
fn answer(runtime: &Runtime, source: Source) -> String {
    let options = ModelOptions::from_source(ModelSource::Gguf(source));
    let (model, _load) = runtime.load(options, Reading::default()).expect("a load");
    let session = model.session(None).expect("a session");
    let mut stream = session.generate(say(PROMPT, 12), Reading::default()).expect("a stream");
    let (text, end) = stream.collect_text().expect("an answer");
    assert_eq!((end.reason, end.stats.output_tokens, end.stats.prompt_tokens), (EndReason::Length, 12, 5));
    text
}

#[test]
fn every_source_and_mode_gives_the_same_text() {
    let Some(path) = model() else { return };
    let _memory = used();
    let _watchdog = watchdog();
    let threads = runtime(Mode::Threads);
    let expected = answer(&threads, Source::path(&path));
    assert!(expected.starts_with(" Paris."), "{expected:?}");
    let bytes = std::fs::read(&path).expect("the model");
    let file = || std::fs::File::open(&path).expect("the model");
    let mut pak = tempfile::NamedTempFile::new().expect("a file");
    std::io::Write::write_all(&mut pak, &[[7; 4099].as_slice(), &bytes, &[9; 77]].concat()).expect("written");
    let part =
        Source::File { path: pak.path().into(), offset: 4099, size: bytes.len() as u64, no_mmap: false };
    let read = Source::File { path: path.clone(), offset: 0, size: 0, no_mmap: true };
    assert_eq!(answer(&threads, part), expected, "a part of a file");
    assert_eq!(answer(&threads, read), expected, "without a map");
    assert_eq!(answer(&threads, Source::Reader(Box::new(FileReader(file())))), expected, "a reader");
    assert_eq!(answer(&threads, Source::Memory(Box::new(bytes))), expected, "memory");
    assert_eq!(answer(&runtime(Mode::HostStep), Source::path(&path)), expected, "on the host's thread");
}

#[test]
fn a_chat_streams_whole_text_and_its_second_turn_reuses_the_first() {
    let Some(path) = model() else { return };
    let _memory = used();
    let _watchdog = watchdog();
    let runtime = runtime(Mode::Threads);
    let (model, _load) = runtime.load(ModelOptions::path(path), Reading::default()).expect("a load");
    let session = model.session(None).expect("a session");
    let turn = |content: &str| {
        let message = Message { role: "user".into(), content: content.into(), extra: None };
        let request = Request { input: Input::Messages(vec![message]), max_tokens: 16, ..Request::default() };
        let mut stream = session.generate(request, Reading::default()).expect("a stream");
        let (mut text, mut ids) = (String::new(), Vec::new());
        loop {
            match stream.next_blocking().expect("an event").kind {
                EventKind::Text(part) => {
                    text.push_str(&part.text);
                    ids.extend_from_slice(&part.tokens);
                }
                EventKind::End(end) => return (text, ids, end),
                _ => {}
            }
        }
    };
    let (text, ids, end) = turn("Hello, who are you?");
    assert_eq!(end.reason, EndReason::Length);
    assert_eq!((ids.len(), end.stats.output_tokens), (16, 16));
    assert_eq!(model.detokenize(&ids, false).expect("text"), text);
    let (_, _, end) = turn("And what can you do?");
    assert!(end.stats.cached_tokens > 36, "{:?}", end.stats);
    assert_eq!(session.info().messages, 4);
}

#[test]
fn a_load_and_a_long_prefill_are_cancelled() {
    let Some(path) = model() else { return };
    let _memory = used();
    let _watchdog = watchdog();
    let runtime = runtime(Mode::Threads);
    let slow = Source::Reader(Box::new(SlowReader(FileReader(std::fs::File::open(&path).expect("opened")))));
    let options = ModelOptions::from_source(ModelSource::Gguf(slow));
    let (model, mut load) = runtime.load(options, Reading::default()).expect("a load");
    let mut waiting =
        model.session(None).and_then(|one| one.generate(say("x", 1), Reading::default())).expect("a stream");
    load.cancel();
    assert_eq!(end(&mut load), EndReason::Cancelled);
    assert_eq!(end(&mut waiting), EndReason::Cancelled, "its session is closed already");

    let (model, _load) = runtime.load(ModelOptions::path(&path), Reading::default()).expect("a load");
    let session = model.session(None).expect("a session");
    let mut stream = session.generate(say(&"word ".repeat(4000), 1), Reading::default()).expect("a stream");
    while !matches!(stream.next_blocking().expect("an event").kind, EventKind::Progress { .. }) {}
    stream.cancel();
    assert_eq!(end(&mut stream), EndReason::Cancelled);
    let mut again = session.generate(say(PROMPT, 2), Reading::default()).expect("a stream");
    assert_eq!(again.collect_text().expect("an answer").0, " Paris.");
}

struct SlowReader(FileReader);

impl ReadAt for SlowReader {
    fn size(&self) -> u64 {
        self.0.size()
    }

    fn read_at(&mut self, offset: u64, dst: &mut [u8]) -> Result<()> {
        std::thread::sleep(Duration::from_millis(200));
        self.0.read_at(offset, dst)
    }
}

fn end(stream: &mut Stream) -> EndReason {
    loop {
        if let Some(reason) = stream.next_blocking().expect("an end").end_reason() {
            return reason;
        }
    }
}

#[test]
fn a_host_that_steps_gets_its_frames_back() {
    let Some(path) = model() else { return };
    let _memory = used();
    let _watchdog = watchdog();
    let runtime = runtime(Mode::HostStep);
    let (model, load) = runtime.load(ModelOptions::path(path), Reading::default()).expect("a load");
    while load.wait_next(Some(Instant::now())) != wick::runtime::Next::Ended {
        runtime.step(Duration::from_millis(2)).expect("a step");
    }
    let session = model.session(None).expect("a session");
    let stream = session.generate(say(&"word ".repeat(300), 4), Reading::default()).expect("a stream");
    let (mut steps, mut longest) = (0, Duration::ZERO);
    while !stream.control().has_ended() {
        let begun = Instant::now();
        let stepped = runtime.step(Duration::from_millis(2)).expect("a step");
        longest = longest.max(begun.elapsed());
        assert!(stepped == Stepped::More || stream.control().has_ended(), "idle with work left");
        steps += 1;
    }
    assert!(steps > 3, "a prefill of 300 tokens in {steps} steps is not sliced");
    eprintln!("{steps} steps of 2 ms, the longest took {longest:?}");
}

#[cfg(target_os = "linux")]
#[test]
fn twenty_cycles_leave_nothing_behind() {
    let Some(path) = model() else { return };
    let _memory = MEMORY.write().unwrap_or_else(PoisonError::into_inner);
    let _watchdog = watchdog();
    let count = |folder: &str| std::fs::read_dir(folder).map_or(0, Iterator::count);
    let resident = || {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).map(str::to_owned);
        line.and_then(|line| line.trim().trim_end_matches(" kB").trim().parse::<u64>().ok()).unwrap_or(0)
    };
    let own_threads = || {
        let tasks = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
        let names = tasks.filter_map(|task| std::fs::read_to_string(task.path().join("comm")).ok());
        names.filter(|name| name.starts_with("cycle-")).count()
    };
    let mut after_warm_up = 0;
    for cycle in 0..20 {
        let options = RuntimeOptions { thread_name: "cycle".into(), threads: 2, ..RuntimeOptions::default() };
        let runtime = Runtime::new(options).expect("a runtime");
        answer(&runtime, Source::path(&path));
        runtime.shutdown(None).expect("a shutdown");
        drop(runtime);
        // The system lists a thread for a moment after it was joined.
        let warm = (0..1000).any(|_| {
            own_threads() == 0 || {
                std::thread::sleep(Duration::from_millis(10));
                false
            }
        });
        assert!(warm, "cycle {cycle}");
        if cycle == 4 {
            after_warm_up = resident();
        }
    }
    let grown = resident().saturating_sub(after_warm_up);
    assert!(grown < 16 * 1024, "15 cycles added {grown} KiB");
    assert!(count("/proc/self/fd") < 64, "{} files are open", count("/proc/self/fd"));
}

#[test]
fn an_estimate_is_what_is_counted_when_sessions_are_full() {
    let Some(path) = model() else { return };
    let _memory = used();
    let _watchdog = watchdog();
    let runtime = runtime(Mode::Threads);
    let begun = Instant::now();
    let said = runtime.estimate(ModelOptions::path(&path), 2, Some(512), None).expect("an estimate");
    eprintln!("{said:?} after {:?}", begun.elapsed());
    // Drafts and weights on their way are no part of it.
    let options = ModelOptions { drafts: false, ..ModelOptions::path(&path) };
    let (model, _load) = runtime.load(options, Reading::default()).expect("a load");
    model.keep_mapped();
    let sessions = [0, 1].map(|_| model.session(Some(512)).expect("a session"));
    let streams = [0, 1].map(|index| {
        let input = Input::Tokens((0..500).map(|id| 1000 + 500 * index as u32 + id).collect());
        let request = Request { input, ignore_eos: true, ..Request::default() };
        sessions[index].generate(request, Reading::default()).expect("a stream")
    });
    for mut stream in streams {
        assert_eq!(stream.collect_text().expect("an answer").1.reason, EndReason::ContextFull);
    }
    let (info, header) = (runtime.info(), Gguf::open_header(Source::path(&path), &Limits::default()));
    // The header counts, and no figure shows it.
    let metadata = header.expect("a header").metadata().byte_len() as u64;
    let held = info.weight_bytes + info.kv_and_scratch_bytes + metadata;
    let total = said.total_bytes();
    assert!(total.abs_diff(held) * 50 <= held, "{held} are held, {said:?} makes {total}");
}

/// Sessions of 2,000 tokens, of which each has so many for itself, in so many bytes.
struct Crowd {
    own: u32,
    budget: u64,
}

impl Crowd {
    const SESSIONS: u32 = 40;
    const TOKENS: u32 = 2000;

    /// What CI has the time for: most of the text is shared, and the budget is as much smaller. With
    /// WICK_CROWD nothing is shared.
    fn of_this_run() -> Self {
        match std::env::var_os("WICK_CROWD") {
            Some(_) => Self { own: Self::TOKENS, budget: 1 << 30 },
            None => Self { own: 300, budget: 320 << 20 },
        }
    }

    /// The tokens of session `number`.
    fn past(&self, number: u32) -> Vec<u32> {
        let word = |seed: u32, index: u32| 1000 + (seed * 7919 + index * index * 31 + index * 17) % 40_000;
        let own = Self::TOKENS - self.own..Self::TOKENS;
        (0..Self::TOKENS)
            .map(|index| word(if own.contains(&index) { number + 1 } else { 0 }, index))
            .collect()
    }
}

/// Eight tokens behind `input`.
fn eight_behind(input: Vec<u32>) -> Request {
    let sampling = SamplerOptions { logprobs: true, ..SamplerOptions::default() };
    let input = Input::Tokens(input);
    Request { input, max_tokens: 8, ignore_eos: true, sampling, ..Request::default() }
}

/// The ids of an answer, each with the bits of its logprob, and its end.
fn ids(stream: &mut Stream) -> (Vec<(u32, u32)>, wick::End) {
    let mut ids = Vec::new();
    loop {
        match stream.next_blocking().expect("an end").kind {
            EventKind::Text(text) => ids.extend(text.tokens.iter().map(|id| (*id, text.logprob.to_bits()))),
            EventKind::End(end) => return (ids, end),
            _ => {}
        }
    }
}

#[test]
fn forty_sessions_of_two_thousand_tokens_share_a_budget_and_all_remember() {
    let Some(path) = model() else { return };
    let _memory = used();
    let (begun, crowd) = (Instant::now(), Crowd::of_this_run());
    let options = RuntimeOptions {
        threads: 2,
        memory_budget: Some(crowd.budget),
        max_sequences: 8,
        max_waiting: 64,
        ..RuntimeOptions::default()
    };
    let crowded = Runtime::new(options).expect("a runtime");
    let (model, _load) = crowded.load(ModelOptions::path(&path), Reading::default()).expect("a load");
    let sessions: Vec<_> = (0..Crowd::SESSIONS).map(|_| model.session(None).expect("a session")).collect();
    let all = |input: &dyn Fn(u32) -> Vec<u32>| {
        let ask = |number: u32| {
            let session = &sessions[number as usize];
            session.generate(eight_behind(input(number)), Reading::default()).expect("a stream")
        };
        let streams: Vec<_> = (0..Crowd::SESSIONS).map(ask).collect();
        let read = |mut stream| {
            let (ids, end) = ids(&mut stream);
            assert_eq!((end.reason, ids.len()), (EndReason::Length, 8), "{end:?}");
            let info = crowded.info();
            assert!(info.weight_bytes + info.kv_and_scratch_bytes <= crowd.budget, "{info:?}");
            (ids, end.stats)
        };
        streams.into_iter().map(read).collect::<Vec<_>>()
    };
    let first = all(&|number| crowd.past(number));
    let question = |number: u32| vec![2000 + number, 77, 4711];
    let second = all(&question);
    let forgotten = second.iter().filter(|(_, stats)| stats.cached_tokens < Crowd::TOKENS).count();
    assert!(forgotten > 0, "the budget is large enough for all: nothing had to give way");
    assert!(second.iter().all(|(_, stats)| stats.session_tokens == Crowd::TOKENS + 8 + 3 + 8));
    // As if each had been alone.
    let alone = runtime(Mode::Threads);
    let (model, _load) = alone.load(ModelOptions::path(&path), Reading::default()).expect("a load");
    for number in [0, 1, Crowd::SESSIONS / 2, Crowd::SESSIONS - 1] {
        let said = |index: usize, turns: &[(Vec<(u32, u32)>, wick::Stats)]| turns[index].0.clone();
        let session = model.session(None).expect("a session");
        for (turns, input) in [(&first, crowd.past(number)), (&second, question(number))] {
            let mut stream = session.generate(eight_behind(input), Reading::default()).expect("a stream");
            assert_eq!(ids(&mut stream).0, said(number as usize, turns), "session {number}");
        }
    }
    eprintln!("{forgotten} of {} computed again; {:?}", Crowd::SESSIONS, begun.elapsed());
}
