//! Promises of streams with a model that is computed, under load: a thousand at once within a budget that
//! holds the pasts of a few, whatever their readers do, and conversations that rest while others are held.
#![cfg(all(feature = "native", feature = "text", feature = "testing"))]

use crate::support::scenario::{Told, both, options, read, run_a_while};
use crate::support::stream::watchdog;
use crate::support::tiny::Tiny;
use std::sync::OnceLock;
use std::time::{Duration, Instant};
use wick::SamplerOptions;
use wick::error::ErrorKind;
use wick::gguf::Source;
use wick::runtime::{
    EndReason, Input, Mode, Model, ModelOptions, ModelSource, Reading, Request, Runtime, RuntimeOptions,
    Session, Stream,
};
use wick::stream::MAX_NOTES;

const STREAMS: usize = 1000;
/// So many prompts, each asked by many.
const PROMPTS: usize = 25;
/// Tokens of an answer.
const ANSWER: u32 = 8;

fn file() -> Vec<u8> {
    Tiny { kv_heads: 4, head_dim: 64, layers: 2, ..Tiny::new("llama") }.speaking().writer().to_bytes()
}

fn loaded(options: RuntimeOptions) -> (Runtime, Model) {
    let runtime = Runtime::new(options).expect("a runtime");
    let source = ModelSource::Gguf(Source::Memory(Box::new(file())));
    let (model, mut load) =
        runtime.load(ModelOptions::from_source(source), Reading::default()).expect("a load");
    assert_eq!(read(&mut load).end.reason, EndReason::Ready);
    (runtime, model)
}

/// Drawn, so that answers to one prompt differ.
fn request(prompt: String, seed: u64, buffer_events: usize) -> Request {
    Request {
        input: Input::Text(prompt),
        max_tokens: ANSWER,
        ignore_eos: true,
        sampling: SamplerOptions { temperature: 1.0, seed, ..SamplerOptions::default() },
        buffer_events,
        ..Request::default()
    }
}

/// 40 tokens, the first half of which all begin with.
fn prompt(number: usize) -> String {
    let letter = |place: usize| char::from(b'a' + ((number + place * place) % 26) as u8);
    "a".repeat(20) + &(0..20).map(letter).collect::<String>()
}

fn ask(model: &Model, number: usize, buffer_events: usize) -> (Session, Stream) {
    let session = model.session(None).expect("a session");
    let request = request(prompt(number % PROMPTS), 1 + (number / PROMPTS) as u64, buffer_events);
    let stream = session.generate(request, Reading::default()).expect("a stream");
    (session, stream)
}

/// Each stream's ids when nobody else is there.
fn alone() -> &'static [Vec<u32>] {
    static SAID: OnceLock<Vec<Vec<u32>>> = OnceLock::new();
    SAID.get_or_init(|| {
        let (_runtime, model) = loaded(options(Mode::HostStep));
        (0..STREAMS).map(|number| read(&mut ask(&model, number, 0).1).tokens).collect()
    })
}

/// Runs `test` in each mode. Without a watchdog: a thousand streams take their time, and `scripts/watched.sh`
/// ends what hangs.
fn each(test: impl Fn(Mode)) {
    [Mode::Threads, Mode::HostStep].into_iter().for_each(test);
}

/// A runtime for all streams, with a budget that holds the pasts of a few.
fn crowded(mode: Mode) -> (Runtime, Model, u64) {
    let (runtime, model) = loaded(options(mode));
    drop(ask(&model, 0, 0));
    let budget = runtime.info().weight_bytes + (16 << 20);
    drop((runtime, model));
    let memory_budget = Some(budget);
    let limits = RuntimeOptions { memory_budget, max_sequences: 64, ..options(mode) };
    let (runtime, model) = loaded(RuntimeOptions { max_waiting: STREAMS - 64, ..limits });
    (runtime, model, budget)
}

#[test]
fn s22_a_thousand_computed_streams_give_what_each_gives_alone() {
    let wanted = alone();
    each(|mode| {
        let (runtime, model, budget) = crowded(mode);
        // Every third reader takes one event at a time, and reads only when its turn comes: last in, first
        // out.
        let buffer = |number: usize| usize::from(number.is_multiple_of(3));
        let mut asked: Vec<_> = (0..STREAMS).map(|number| ask(&model, number, buffer(number))).collect();
        // Nobody reads them yet: a stream with a buffer of one event cannot have ended, others may have.
        let noted: Vec<bool> = asked
            .iter()
            .enumerate()
            .map(|(number, (_, stream))| stream.control().note(format!("note {number}")).is_ok())
            .collect();
        assert!(noted.iter().step_by(3).all(|noted| *noted));
        for (number, (_, stream)) in asked.iter_mut().enumerate().rev() {
            let told = read(stream);
            assert_eq!(told.end.reason, EndReason::Length, "{number}: {:?}", told.end);
            let wanted_notes = noted[number].then(|| format!("note {number}"));
            assert_eq!(told.notes, Vec::from_iter(wanted_notes));
            assert_eq!(told.tokens, wanted[number], "stream {number}");
            let info = runtime.info();
            assert!(info.weight_bytes + info.kv_and_scratch_bytes <= budget, "{info:?}");
        }
        drop(asked);
        runtime.shutdown(None).expect("the shutdown is over");
    });
}

/// What the reader of a stream does.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Reader {
    /// Reads when all others are done: what comes is buffered, and more notes than are kept.
    Last,
    /// Never reads, has a buffer of one event and a deadline.
    Never,
    /// Closes at once.
    Closes,
    /// Cancels at once, and reads.
    Cancels,
    /// Reads each event before the next is computed.
    Slow,
    /// Does nothing but read.
    Plain,
}

fn reader(number: usize) -> Reader {
    use Reader::{Cancels, Closes, Last, Never, Plain, Slow};
    [Last, Never, Closes, Cancels, Slow, Plain, Plain, Plain][number % 8]
}

fn check(number: usize, told: &Told, wanted: &[u32]) {
    let (reason, said) = (told.end.reason, &told.tokens);
    let right = match reader(number) {
        // Nobody takes what fills the buffer, so that it cannot come to its end.
        Reader::Never => reason == EndReason::Deadline && said.len() < wanted.len(),
        Reader::Cancels => matches!(reason, EndReason::Cancelled | EndReason::Length),
        _ => reason == EndReason::Length && said.len() == wanted.len(),
    };
    assert!(right && wanted.starts_with(said), "{number}, {:?}: {told:?}, not {wanted:?}", reader(number));
}

#[test]
fn s21_whatever_the_readers_of_a_thousand_computed_streams_do_the_others_get_all() {
    let wanted = alone();
    each(|mode| {
        let (runtime, model, _) = crowded(mode);
        let deadline = Instant::now() + Duration::from_millis(300);
        let begin = |number: usize| {
            let session = model.session(None).expect("a session");
            let reader = reader(number);
            let buffer = usize::from(matches!(reader, Reader::Never | Reader::Slow));
            let seed = 1 + (number / PROMPTS) as u64;
            let request = Request {
                deadline: (reader == Reader::Never).then_some(deadline),
                ..request(prompt(number % PROMPTS), seed, buffer)
            };
            let stream = session.generate(request, Reading::default()).expect("a stream");
            match reader {
                Reader::Closes => stream.close(),
                Reader::Cancels => stream.cancel(),
                _ => {}
            }
            (session, stream)
        };
        let mut asked: Vec<_> = (0..STREAMS).map(begin).collect();
        let told_of = asked[0].1.control();
        let notes = (0..100_000).filter(|_| told_of.note("more".to_owned()).is_ok()).count();
        for (number, (_, stream)) in asked.iter_mut().enumerate() {
            if !matches!(reader(number), Reader::Last | Reader::Never | Reader::Closes) {
                check(number, &read(stream), &wanted[number]);
            }
        }
        for (number, (_, stream)) in asked.iter_mut().enumerate() {
            if matches!(reader(number), Reader::Last | Reader::Never) {
                let control = stream.control();
                // Nobody reads it.
                while !control.has_ended() {
                    run_a_while(&runtime);
                }
                let told = read(stream);
                check(number, &told, &wanted[number]);
                let (kept, dropped) = (told.notes.len(), told.end.stats.notes_dropped as usize);
                assert!(kept <= MAX_NOTES && kept + dropped == if number == 0 { notes } else { 0 });
            }
        }
        assert_eq!(runtime.info().live, 0);
        drop(asked);
        runtime.shutdown(None).expect("the shutdown is over");
    });
}

#[test]
fn s23_what_comes_after_the_last_place_is_refused_and_all_others_are_answered() {
    both(|mode| {
        let (runtime, model) = loaded(RuntimeOptions { max_sequences: 2, max_waiting: 98, ..options(mode) });
        // Nobody reads, so nobody gives his place back.
        let mut asked: Vec<_> = (0..100).map(|number| ask(&model, number, 1)).collect();
        let late = model.session(None).expect("a session");
        let error = late.generate(request(prompt(0), 1, 0), Reading::default()).expect_err("no place");
        assert_eq!(error.kind(), ErrorKind::QueueFull, "{error}");
        for (_, stream) in &mut asked {
            assert_eq!(read(stream).end.reason, EndReason::Length);
        }
        runtime.shutdown(None).expect("the shutdown is over");
    });
}

#[test]
fn a_conversation_that_rested_while_thirty_others_ran_goes_on_as_if_nobody_had() {
    let _watchdog = watchdog();
    let more = |session: &Session, text: &str| {
        let request = request(text.to_owned(), 7, 0);
        let told = read(&mut session.generate(request, Reading::default()).expect("a stream"));
        assert_eq!(told.end.reason, EndReason::Length, "{:?}", told.end);
        (told.tokens, told.end.stats)
    };
    let talk = |others: usize, memory_budget: Option<u64>| {
        let (_runtime, model) = loaded(RuntimeOptions { memory_budget, ..options(Mode::HostStep) });
        let session = model.session(None).expect("a session");
        let first = more(&session, &"zyxwvutsrq".repeat(32)).0;
        let others: Vec<_> = (0..others).map(|_| model.session(None).expect("a session")).collect();
        for (number, other) in others.iter().enumerate() {
            more(other, &prompt(number).repeat(8));
        }
        let (second, stats) = more(&session, "and");
        (first, second, stats)
    };
    let (first, second, stats) = talk(0, None);
    assert!(stats.cached_tokens > 300, "{stats:?}");
    let weights = {
        let (runtime, _model) = loaded(options(Mode::HostStep));
        runtime.info().weight_bytes
    };
    // Room for the pasts of a few.
    let tight = talk(30, Some(weights + (6 << 20)));
    assert_eq!((tight.0, tight.1), (first, second));
    assert!(tight.2.cached_tokens < 100, "nothing gave way: {:?}", tight.2);
    assert_eq!(tight.2.session_tokens, stats.session_tokens);
}
