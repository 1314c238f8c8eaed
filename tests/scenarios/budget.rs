//! One budget for all models of a runtime: what it binds, what gives way when it is used up, and what comes
//! back.
#![cfg(all(feature = "native", feature = "text", feature = "testing"))]

use crate::support::stream::watchdog;
use crate::support::tiny::Tiny;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use wick::error::{ErrorKind, Result};
use wick::gguf::{Gguf, Limits, ReadAt, Source};
use wick::runtime::{
    End, EndReason, EventKind, Input, Mode, Model, ModelOptions, ModelSource, Next, PrefixCache, Reading,
    Request, Runtime, RuntimeOptions, Session, Stream,
};

/// A prompt of 300 tokens.
const PROMPT: usize = 300;
/// Tokens of an answer.
const ANSWER: u32 = 8;

fn runtime(memory_budget: Option<u64>) -> Runtime {
    let options = RuntimeOptions { mode: Mode::HostStep, memory_budget, ..RuntimeOptions::default() };
    Runtime::new(options).expect("a runtime")
}

/// Wide keys and values beside narrow weights.
fn file() -> Vec<u8> {
    let tiny = Tiny { kv_heads: 4, head_dim: 64, layers: 6, ..Tiny::new("llama") };
    tiny.speaking().writer().to_bytes()
}

fn memory(file: Vec<u8>) -> Source {
    Source::Memory(Box::new(file))
}

/// What the weights of [`file`] and its header take.
fn weights() -> u64 {
    let header = Gguf::open_header(memory(file()), &Limits::default()).expect("a header");
    header.data_bytes() + header.metadata().byte_len() as u64
}

fn load(runtime: &Runtime, source: Source) -> (Model, End) {
    // What sessions leave to a prefix cache, and what drafts work in, is no part of these tests.
    let options = ModelOptions {
        prefix_cache: PrefixCache::Off,
        drafts: false,
        ..ModelOptions::from_source(ModelSource::Gguf(source))
    };
    let (model, stream) = runtime.load(options, Reading::default()).expect("a load");
    (model, read(stream).1)
}

fn loaded(runtime: &Runtime) -> Model {
    let (model, end) = load(runtime, memory(file()));
    assert_eq!(end.reason, EndReason::Ready, "{end:?}");
    model
}

/// All ids of an answer, and its end.
fn read(mut stream: Stream) -> (Vec<u32>, End) {
    let mut ids = Vec::new();
    loop {
        match stream.next_blocking().expect("an end").kind {
            EventKind::Text(text) => ids.extend(text.tokens),
            EventKind::End(end) => return (ids, end),
            _ => {}
        }
    }
}

fn begin(session: &Session, text: &str) -> Stream {
    let input = Input::Text(text.into());
    let request = Request { input, max_tokens: ANSWER, ignore_eos: true, ..Request::default() };
    session.generate(request, Reading::default()).expect("a stream")
}

fn speak(session: &Session, text: &str) -> Vec<u32> {
    let (ids, end) = read(begin(session, text));
    assert_eq!(end.reason, EndReason::Length, "{end:?}");
    ids
}

fn kv_and_scratch(runtime: &Runtime) -> u64 {
    while runtime.step(Duration::from_millis(1)).expect("a step") == wick::runtime::Stepped::More {}
    runtime.info().kv_and_scratch_bytes
}

fn long(letter: &str) -> String {
    letter.repeat(PROMPT)
}

/// What a session with a long prompt and its answer holds, scratch included; and that without scratch.
fn needs() -> (u64, u64) {
    let runtime = runtime(None);
    let model = loaded(&runtime);
    let (one, two) = (model.session(None).expect("a session"), model.session(None).expect("a session"));
    speak(&one, &long("a"));
    let first = kv_and_scratch(&runtime);
    speak(&two, &long("a"));
    let kv = kv_and_scratch(&runtime) - first;
    assert!(kv > first / 4, "{kv} of {first}: what sessions hold counts for little here");
    (first, kv)
}

#[test]
fn two_models_stay_within_one_budget_together() {
    let _watchdog = watchdog();
    let (first, kv) = needs();
    // The second model's long prompt fits when the first one has given way.
    let budget = 2 * weights() + first + kv / 2;
    let runtime = runtime(Some(budget));
    let models = [loaded(&runtime), loaded(&runtime)];
    let sessions = models.each_ref().map(|model| model.session(None).expect("a session"));
    let mut highest = 0;
    for prompts in [["a", "b"].map(long), ["b", "a"].map(String::from), ["c", "d"].map(String::from)] {
        let streams: Vec<_> = sessions.iter().zip(&prompts).map(|(one, text)| begin(one, text)).collect();
        for stream in streams {
            loop {
                let info = runtime.info();
                let held = info.weight_bytes + info.kv_and_scratch_bytes;
                assert!(held <= budget, "{held} held, {budget} allowed");
                highest = highest.max(held);
                match stream.try_next() {
                    Next::Ended => break,
                    Next::Event(_) => {}
                    _ => {
                        runtime.step(Duration::ZERO).expect("a step");
                    }
                }
            }
        }
    }
    assert!(highest > budget - kv, "{highest} of {budget}: the budget was never near");
}

/// The file, and how far it has been read.
struct Watched(Vec<u8>, Arc<AtomicU64>);

impl ReadAt for Watched {
    fn size(&self) -> u64 {
        self.0.len() as u64
    }

    fn read_at(&mut self, offset: u64, dst: &mut [u8]) -> Result<()> {
        let end = offset as usize + dst.len();
        self.1.fetch_max(end as u64, Ordering::SeqCst);
        dst.copy_from_slice(&self.0[offset as usize..end]);
        Ok(())
    }
}

#[test]
fn of_two_loads_in_a_row_the_one_that_finds_no_room_reads_no_tensor() {
    let _watchdog = watchdog();
    let big = Tiny { width: 512, feed_forward: 2048, ..Tiny::new("llama") }.speaking().writer().to_bytes();
    let header = Gguf::open_header(memory(big.clone()), &Limits::default()).expect("a header");
    let needed = header.data_bytes() + header.metadata().byte_len() as u64;
    let runtime = runtime(Some(needed * 3 / 2));
    // Nothing is stepped in between: the engine has heard of neither.
    let begun = [(); 2].map(|()| {
        let furthest = Arc::new(AtomicU64::new(0));
        let source = Source::Reader(Box::new(Watched(big.clone(), furthest.clone())));
        // What sessions leave to a prefix cache is no part of these tests.
        let options = ModelOptions {
            prefix_cache: PrefixCache::Off,
            ..ModelOptions::from_source(ModelSource::Gguf(source))
        };
        (runtime.load(options, Reading::default()).expect("a load"), furthest)
    });
    // Both are stepped by turns: which of them asks for its room first is not said.
    let ended = begun.map(|((model, stream), furthest)| (model, read(stream).1, furthest));
    let (ready, refused): (Vec<_>, Vec<_>) =
        ended.into_iter().partition(|(_, end, _)| end.reason == EndReason::Ready);
    assert_eq!((ready.len(), refused.len()), (1, 1));
    let (_, end, furthest) = &refused[0];
    let error = end.error.as_ref().expect("no room");
    assert_eq!(error.kind(), ErrorKind::OutOfMemory, "{error}");
    let allowed = needed * 3 / 2 - needed;
    let message = error.message();
    assert!(message.contains(&needed.to_string()) && message.contains(&allowed.to_string()), "{message}");
    let furthest = furthest.load(Ordering::SeqCst);
    assert!(furthest < header.tensor_data_offset() + (1 << 20), "read up to {furthest}");
    assert!(header.data_bytes() > 4 << 20, "so small that the header's fetch brings it along");
}

#[test]
fn idle_sessions_give_way_and_go_on_with_the_same_answers() {
    let _watchdog = watchdog();
    let (first, kv) = needs();
    let talk = |budget: Option<u64>| {
        let runtime = runtime(budget);
        let model = loaded(&runtime);
        let sessions = ["a", "b"].map(|_| model.session(None).expect("a session"));
        let mut said = Vec::new();
        for (session, text) in [(0, long("a")), (1, long("b")), (0, "c".into()), (1, "d".into())] {
            said.push(speak(&sessions[session], &text));
            let held = runtime.info().weight_bytes + kv_and_scratch(&runtime);
            assert!(budget.is_none_or(|budget| held <= budget), "{held} held, {budget:?} allowed");
        }
        let (_, end) = read(begin(&sessions[0], "e"));
        (said, end.stats.cached_tokens)
    };
    let (wanted, cached) = talk(None);
    assert!(cached as usize > PROMPT);
    let (said, cached) = talk(Some(weights() + first + kv / 2));
    assert_eq!(said, wanted);
    assert_eq!(cached, 0, "nothing had to give way");
}

#[test]
fn the_session_that_rested_longest_gives_way_and_the_others_keep_theirs() {
    let _watchdog = watchdog();
    let (first, kv) = needs();
    let runtime = runtime(Some(weights() + first + kv + kv / 2));
    let model = loaded(&runtime);
    let [old, middle, new] = ["a", "b", "c"].map(|_| model.session(None).expect("a session"));
    speak(&middle, &long("b"));
    speak(&old, &long("a"));
    speak(&middle, "b");
    speak(&new, &long("c"));
    let cached = |session: &Session| read(begin(session, "e")).1.stats.cached_tokens;
    assert!(cached(&middle) as usize > PROMPT);
    assert!(cached(&new) as usize > PROMPT);
    assert_eq!(cached(&old), 0);
}

#[test]
fn idle_sessions_give_way_to_a_model() {
    let _watchdog = watchdog();
    let (first, kv) = needs();
    let runtime = runtime(Some(weights() + first + kv));
    let model = loaded(&runtime);
    let sessions = ["a", "b"].map(|letter| {
        let session = model.session(None).expect("a session");
        speak(&session, &long(letter));
        session
    });
    assert!(kv / 2 < weights() && weights() < first + kv / 2, "{} {first} {kv}", weights());
    let second = loaded(&runtime);
    speak(&second.session(None).expect("a session"), "a");
    speak(&sessions[1], "b");
}

#[test]
fn a_cleared_session_gives_its_memory_back() {
    let _watchdog = watchdog();
    let (_, kv) = needs();
    let runtime = runtime(None);
    let model = loaded(&runtime);
    let session = model.session(None).expect("a session");
    speak(&session, &long("a"));
    let held = kv_and_scratch(&runtime);
    session.clear().expect("cleared");
    let left = kv_and_scratch(&runtime);
    assert!(held - left >= kv, "{held} held, {left} left");
    // Cleared while it computes beside another.
    let other = model.session(None).expect("a session");
    let streams = [begin(&session, &long("a")), begin(&other, &long("b"))];
    while !matches!(streams[0].try_next(), Next::Event(event) if matches!(event.kind, EventKind::Progress { .. }))
    {
        runtime.step(Duration::ZERO).expect("a step");
    }
    streams[0].cancel();
    session.clear().expect("cleared");
    let [one, two] = streams;
    assert_eq!(read(one).1.reason, EndReason::Cancelled);
    assert_eq!(read(two).1.reason, EndReason::Length);
    assert!(kv_and_scratch(&runtime) <= held, "what was cleared is still held");
}

#[test]
fn a_trim_gives_back_what_idle_sessions_hold_and_what_passes_worked_in() {
    let _watchdog = watchdog();
    let runtime = runtime(None);
    let model = loaded(&runtime);
    let [idle, busy] = ["a", "b"].map(|_| model.session(None).expect("a session"));
    let wanted = {
        let session = model.session(None).expect("a session");
        [speak(&session, &long("a")), speak(&session, "b")]
    };
    runtime.trim();
    assert_eq!(kv_and_scratch(&runtime), 0);
    assert_eq!(speak(&idle, &long("a")), wanted[0]);
    // While another computes: behind its first pass of several.
    let passes = || runtime.info().passes;
    let (before, stream) = (passes(), begin(&busy, &long("b")));
    while passes() == before {
        runtime.step(Duration::ZERO).expect("a step");
    }
    runtime.trim();
    assert_eq!(read(stream).1.reason, EndReason::Length);
    let (held, (first, _)) = (kv_and_scratch(&runtime), needs());
    assert!(held < first * 9 / 10, "{held} held, {first} untrimmed");
    let (ids, end) = read(begin(&idle, "b"));
    assert_eq!((ids, end.stats.cached_tokens), (wanted[1].clone(), 0));
    runtime.trim();
    assert_eq!(kv_and_scratch(&runtime), 0);
}

#[test]
fn what_a_closed_model_had_is_free_for_another() {
    let _watchdog = watchdog();
    let (first, _) = needs();
    let runtime = runtime(Some(2 * weights() + first / 2));
    let (one, two) = (loaded(&runtime), loaded(&runtime));
    let session = two.session(None).expect("a session");
    let error = read(begin(&session, &long("a"))).1.error.expect("no room beside the other model");
    assert_eq!(error.kind(), ErrorKind::OutOfMemory, "{error}");
    drop(one);
    speak(&session, &long("a"));
}

#[test]
fn a_vocabulary_alone_needs_no_room_for_weights() {
    let _watchdog = watchdog();
    let runtime = runtime(Some(weights() / 2));
    let source = ModelSource::Gguf(memory(file()));
    let options = ModelOptions { vocab_only: true, ..ModelOptions::from_source(source) };
    let (model, stream) = runtime.load(options, Reading::default()).expect("a load");
    assert_eq!(read(stream).1.reason, EndReason::Ready);
    assert_eq!(model.tokenize("abc", false, false).expect("ids").len(), 4);
    assert_eq!(
        load(&runtime, memory(file())).1.error.map(|error| error.kind()),
        Some(ErrorKind::OutOfMemory)
    );
}
