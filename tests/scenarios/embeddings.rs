//! Vectors of texts: in the order of the texts, the same alone and in company, beside generations, and with
//! exactly one end whatever comes between.
#![cfg(feature = "testing")]
#![allow(clippy::disallowed_methods)]

use crate::support::scenario::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use wick::error::{Error, ErrorKind};
use wick::runtime::{
    EmbedRequest, EndReason, Event, EventKind, Loaded, Mode, Reading, RuntimeOptions, Stream,
};
use wick::testing::Script;

fn script() -> Script {
    Script { context_length: 64, max_tokens: 32, max_batch: 4, ..Script::saying("word ") }
}

fn texts(count: usize) -> Vec<String> {
    (0..count).map(|index| format!("text {index} {}", "more ".repeat(index % 7))).collect()
}

fn wanted(texts: Vec<String>) -> EmbedRequest {
    EmbedRequest { texts, ..EmbedRequest::default() }
}

/// Vectors of a stream that gave one for each text, in order, each of length 1.
fn vectors(told: &Told) -> Vec<Vec<f32>> {
    let mut all = Vec::new();
    for event in &told.events {
        if let EventKind::Vector(vector) = &event.kind {
            assert_eq!(vector.index, all.len());
            let square: f32 = vector.values.iter().map(|value| value * value).sum();
            assert!((square - 1.0).abs() < 1e-5, "{square}");
            all.push(vector.values.clone());
        }
    }
    all
}

fn embed(house: &House, request: EmbedRequest) -> Stream {
    house.model.embed(request, Reading::default()).expect("a stream")
}

fn is_vector(event: &Event) -> bool {
    matches!(event.kind, EventKind::Vector(_))
}

/// Reads until so many vectors have come.
fn read_vectors(stream: &mut Stream, count: usize) -> Vec<Event> {
    let mut events = Vec::new();
    while events.iter().filter(|event| is_vector(event)).count() < count {
        let event = stream.next_blocking().expect("an event");
        assert!(!matches!(event.kind, EventKind::End(_)), "ended early: {event:?}");
        events.push(event);
    }
    events
}

#[test]
fn s80_vectors_come_in_the_order_of_the_texts_and_do_not_depend_on_company() {
    both(|mode| {
        let house = house(mode, script());
        let texts = texts(40);
        let told = read(&mut embed(&house, wanted(texts.clone())));
        assert!(told.started());
        assert_eq!(told.end.reason, EndReason::Ready);
        let tokens: usize = texts.iter().map(String::len).sum();
        assert_eq!(told.end.stats.prompt_tokens as usize, tokens);
        let together = vectors(&told);
        assert_eq!(together.len(), texts.len());
        let last = told.events.iter().rev().find_map(|event| match event.kind {
            EventKind::Progress { done, total } => Some((done, total)),
            _ => None,
        });
        assert_eq!(last, Some((tokens as u64, tokens as u64)));
        // Alone, waited for, and beside others.
        let one = house.model.embed_blocking(texts.clone(), None).unwrap();
        assert_eq!(one, together.concat());
        let mut streams: Vec<_> =
            texts.iter().map(|text| embed(&house, wanted(vec![text.clone()]))).collect();
        for (stream, expected) in streams.iter_mut().zip(&together) {
            assert_eq!(vectors(&read(stream)), std::slice::from_ref(expected));
        }
        assert_eq!(house.model.vector_length(None).unwrap(), one.len() / texts.len());
        house.close();
    });
}

#[test]
fn s80_a_text_longer_than_a_pass_gives_what_its_whole_gives() {
    both(|mode| {
        let long = vec!["x".repeat(60), "yz".repeat(31)];
        let parts = house(mode, script());
        let whole = house(mode, Script { max_tokens: 64, ..script() });
        let found = parts.model.embed_blocking(long.clone(), None).unwrap();
        assert_eq!(found, whole.model.embed_blocking(long, None).unwrap());
        parts.close();
        whole.close();
    });
}

#[test]
fn s81_a_text_that_does_not_fit_is_named_and_nothing_is_cut() {
    both(|mode| {
        let house = house(mode, script());
        let refused = |texts: Vec<String>, kind: ErrorKind, parts: &[&str]| {
            let told = read(&mut embed(&house, wanted(texts)));
            assert!(!told.events.iter().any(is_vector));
            assert_eq!(told.error().kind(), kind, "{}", told.error());
            assert!(parts.iter().all(|part| told.error().message().contains(part)), "{}", told.error());
        };
        let short = || "short".to_owned();
        refused(vec![short(), short(), "x".repeat(65)], ErrorKind::ContextFull, &["texts[2]", "65", "64"]);
        refused(vec!["x".repeat(100_000)], ErrorKind::ContextFull, &["texts[0]", "100000 bytes"]);
        refused(vec![short(), String::new()], ErrorKind::InvalidArgument, &["texts[1]", "no tokens"]);
        assert_eq!(vectors(&read(&mut embed(&house, wanted(vec!["x".repeat(64)])))).len(), 1);
        // Nothing is asked for: it is done.
        assert_eq!(read(&mut embed(&house, wanted(Vec::new()))).end.reason, EndReason::Ready);
        house.close();
    });
}

#[test]
fn s82_cancelled_closed_overdue_and_shut_down_it_ends_once_and_others_go_on() {
    both(|mode| {
        let house = house(mode, Script { gated: true, ..script() });
        let begin = || {
            let mut stream = embed(&house, wanted(texts(40)));
            house.gate.release(2);
            // Two of the first pass; the rest of it waits.
            run_until(&house, || house.gate.slices() == 0 || stream.is_readable());
            let first = stream.next_blocking().expect("started");
            assert_eq!(first.kind, EventKind::Started);
            (stream, first)
        };
        let (mut cancelled, first) = begin();
        cancelled.cancel();
        cancelled.cancel();
        let told = read_on(vec![first], &mut cancelled);
        assert_eq!(told.end.reason, EndReason::Cancelled);
        let (closed, _) = begin();
        drop(closed);
        let request =
            EmbedRequest { deadline: Some(Instant::now() + Duration::from_millis(5)), ..wanted(texts(40)) };
        assert_eq!(read(&mut embed(&house, request)).end.reason, EndReason::Deadline);
        // What was given up keeps nothing from others.
        house.gate.release(1000);
        assert_eq!(vectors(&read(&mut embed(&house, wanted(texts(40))))).len(), 40);
        house.close();
        let house = self::house(mode, Script { gated: true, ..script() });
        let mut stream = embed(&house, wanted(texts(40)));
        house.close();
        assert_eq!(read(&mut stream).end.reason, EndReason::Shutdown);
    });
}

/// Lets the runtime work until `done`.
fn run_until(house: &House, done: impl Fn() -> bool) {
    let late = Instant::now() + patience();
    while !done() {
        assert!(Instant::now() < late, "it did not come");
        match house.runtime.step(Duration::ZERO) {
            Ok(_) => {}
            Err(_) => std::thread::sleep(Duration::from_micros(100)),
        }
    }
}

#[test]
fn s82_what_fails_ends_with_its_error_and_the_runtime_goes_on() {
    both(|mode| {
        let failing = [
            (Script { nan_at: Some(0), ..script() }, ErrorKind::Numeric, "texts[0]"),
            (Script { fail_at: Some(0), ..script() }, ErrorKind::Io, "the script says"),
            (Script { panic_at: Some(0), ..script() }, ErrorKind::Internal, "panic"),
        ];
        for (script, kind, part) in failing {
            let house = house(mode, script);
            for _ in 0..2 {
                let told = read(&mut embed(&house, wanted(texts(9))));
                assert_eq!(told.error().kind(), kind, "{}", told.error());
                assert!(told.error().message().contains(part), "{}", told.error());
            }
            house.close();
        }
        // A fault of one pass ends those in it, and the next request is computed.
        let fault = || Err(Error::new(ErrorKind::Io, "once"));
        let (loaded, gate) = rigged(&script(), once(Point::Slice, 1, fault));
        let house = house_of(options(mode), gate, Box::new(move |_| Ok(loaded)));
        assert_eq!(read(&mut embed(&house, wanted(texts(9)))).error().kind(), ErrorKind::Io);
        assert_eq!(vectors(&read(&mut embed(&house, wanted(texts(9))))).len(), 9);
        house.close();
    });
}

#[test]
fn s83_beside_generations_of_the_same_model_and_of_another_both_go_on() {
    both(|mode| {
        let house = house(mode, Script { context_length: 1 << 20, ..endless() });
        let alone = vectors(&read(&mut embed(&house, wanted(texts(40)))));
        let (_session, mut speaking) = house.ask("Hi");
        let mut heard = read_tokens(&mut speaking, 3);
        // The same model: passes take turns.
        let mut stream = embed(&house, wanted(texts(40)));
        let mut events = Vec::new();
        for count in [5, 10, 20] {
            events.extend(read_vectors(&mut stream, count));
            heard.extend(read_tokens(&mut speaking, 3));
        }
        let told = read_on(events, &mut stream);
        assert_eq!((told.end.reason, vectors(&told)), (EndReason::Ready, alone));
        heard.extend(read_tokens(&mut speaking, 3));
        // Another one of the same runtime.
        let (other, _load) = begin_load(&house.runtime, wick::testing::loader(script()).0);
        let all = other.embed_blocking(texts(40), None).unwrap();
        heard.extend(read_tokens(&mut speaking, 3));
        assert_eq!(all.len(), 40 * other.vector_length(None).unwrap());
        speaking.cancel();
        assert_eq!(read_on(heard, &mut speaking).end.reason, EndReason::Cancelled);
        house.close();
    });
}

#[test]
fn s83_a_higher_priority_is_computed_first_and_a_lower_one_not_never() {
    both(|mode| {
        let house = house(mode, Script { context_length: 1 << 20, ..endless() });
        let (_session, mut speaking) = house.ask("Hi");
        let heard = read_tokens(&mut speaking, 3);
        for priority in [-1, 0, 1] {
            let request = EmbedRequest { priority, ..wanted(texts(12)) };
            assert_eq!(vectors(&read(&mut embed(&house, request))).len(), 12);
        }
        speaking.cancel();
        read_on(heard, &mut speaking);
        // Of two requests the higher one ends first, though a pass of the lower one may be under way.
        let gated = self::house(mode, Script { gated: true, ..script() });
        let mut low = embed(&gated, EmbedRequest { priority: 1, ..wanted(texts(8)) });
        let mut high = embed(&gated, EmbedRequest { priority: 2, ..wanted(texts(8)) });
        gated.gate.release(12);
        assert_eq!(vectors(&read(&mut high)).len(), 8);
        assert!(!low.control().has_ended());
        gated.gate.release(1000);
        assert_eq!(vectors(&read(&mut low)).len(), 8);
        gated.close();
        house.close();
    });
}

#[test]
fn s84_without_credit_it_pauses_and_others_do_not() {
    both(|mode| {
        let house = house(mode, script());
        let request = EmbedRequest { buffer_events: 3, ..wanted(texts(40)) };
        let mut slow = embed(&house, request);
        // Somebody else has all of theirs meanwhile.
        let all = vectors(&read(&mut embed(&house, wanted(texts(40)))));
        let computed = house.gate.computed();
        assert!(computed < 60, "{computed} texts were computed, nobody has read the first 40");
        let told = read(&mut slow);
        assert_eq!((told.end.reason, vectors(&told)), (EndReason::Ready, all));
        house.close();
    });
}

#[test]
fn s85_it_waits_for_the_load_and_ends_with_its_error() {
    both(|mode| {
        let house = house(mode, script());
        let (load, go) = held(script());
        let (model, _loading) = begin_load(&house.runtime, load);
        let mut early = model.embed(wanted(texts(5)), Reading::default()).unwrap();
        assert_eq!(model.vector_length(Some(Instant::now())).unwrap_err().kind(), ErrorKind::Timeout);
        let soon = Some(Instant::now());
        assert_eq!(model.embed_blocking(texts(1), soon).unwrap_err().kind(), ErrorKind::Timeout);
        // Nobody has the model any more but who waits for it.
        drop(model);
        go.store(true, Ordering::SeqCst);
        assert_eq!(vectors(&read(&mut early)).len(), 5);
        let failing = Script { load_error: Some("no such luck".into()), ..script() };
        let (model, _loading) = begin_load(&house.runtime, wick::testing::loader(failing).0);
        let mut early = match model.embed(wanted(texts(5)), Reading::default()) {
            Ok(stream) => stream,
            Err(error) => return assert!(error.message().contains("no such luck"), "{error}"),
        };
        assert!(read(&mut early).error().message().contains("no such luck"));
        assert!(model.embed_blocking(texts(1), None).unwrap_err().message().contains("no such luck"));
        house.close();
    });
}

#[test]
fn s85_too_many_are_refused_and_a_model_that_makes_none_says_so() {
    both(|mode| {
        let few = RuntimeOptions { max_sequences: 1, max_waiting: 1, ..options(mode) };
        let house = house_with(few, Script { gated: true, ..script() });
        let streams: Vec<_> = (0..2).map(|_| embed(&house, wanted(texts(3)))).collect();
        let refused = house.model.embed(wanted(texts(1)), Reading::default()).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::QueueFull);
        drop(streams);
        house.close();
        // A decoder that knows no vectors.
        let house = self::house(mode, script());
        let (loaded, _gate) = wick::testing::model(&script());
        let plain: Loaded = (Box::new(Plain(loaded.0)), loaded.1);
        let (model, mut loading) = begin_load(&house.runtime, Box::new(move |_| Ok(plain)));
        read(&mut loading);
        let told = read(&mut model.embed(wanted(texts(1)), Reading::default()).unwrap());
        assert_eq!(told.error().kind(), ErrorKind::Unsupported);
        assert_eq!(model.embed_blocking(texts(1), None).unwrap_err().kind(), ErrorKind::Unsupported);
        house.close();
    });
}

/// A decoder with what it must have, and no more.
struct Plain(Box<dyn wick::model::Decoder>);

impl wick::model::Decoder for Plain {
    fn spec(&self) -> &wick::model::Spec {
        self.0.spec()
    }

    fn cache_spec(&self) -> wick::kv::CacheSpec {
        self.0.cache_spec()
    }

    fn storage(&mut self) -> &mut dyn wick::kv::Storage {
        self.0.storage()
    }

    fn chunk_limit(&self, held: usize, wanted: usize) -> usize {
        self.0.chunk_limit(held, wanted)
    }

    fn begin(&mut self, spans: &[wick::model::Span<'_>]) -> wick::error::Result<()> {
        self.0.begin(spans)
    }

    fn run_slice(&mut self, pace: wick::model::Pace) -> wick::error::Result<wick::model::Step> {
        self.0.run_slice(pace)
    }

    fn logits(&mut self, index: usize, row: usize) -> &mut [f32] {
        self.0.logits(index, row)
    }

    fn finish(&mut self) {
        self.0.finish();
    }

    fn memory(&self) -> u64 {
        self.0.memory()
    }
}

#[test]
fn s86_a_step_of_the_host_takes_a_slice_and_a_pause_holds_vectors_back() {
    let _watchdog = watchdog();
    let house = house(Mode::HostStep, Script { slices: 4, ..script() });
    let (slices, stream) = (house.gate.slices(), embed(&house, wanted(texts(40))));
    let mut steps = 0;
    while !matches!(stream.try_next(), wick::runtime::Next::Ended) {
        let before = house.gate.slices();
        house.runtime.step(Duration::ZERO).unwrap();
        assert!(house.gate.slices() <= before + 1, "a step takes one slice");
        steps += 1;
    }
    assert!(house.gate.slices() - slices >= 40 && steps >= 40, "{steps} steps");
    house.runtime.pause();
    let stream = embed(&house, wanted(texts(3)));
    for _ in 0..100 {
        house.runtime.step(Duration::ZERO).unwrap();
    }
    let computed = house.gate.computed();
    assert!(
        (0..2).all(|_| !matches!(stream.try_next(), wick::runtime::Next::Event(event) if is_vector(&event)))
    );
    house.runtime.resume();
    let mut stream = stream;
    while let Some(event) = stream.next_blocking() {
        if let EventKind::End(end) = event.kind {
            assert_eq!(end.reason, EndReason::Ready);
        }
    }
    assert_eq!(house.gate.computed(), computed + 3);
    house.close();
}

#[test]
fn s86_without_memory_for_all_the_texts_one_after_the_other_are_computed() {
    both(|mode| {
        // Two blocks of 32 tokens of 4 bytes: one text of 40 tokens at a time.
        let options = RuntimeOptions { memory_budget: Some(300), ..options(mode) };
        let house = house_with(options, script());
        let long: Vec<String> = (0..5).map(|index| format!("{index}{}", "x".repeat(39))).collect();
        let told = read(&mut embed(&house, wanted(long)));
        assert_eq!((told.end.reason, vectors(&told).len()), (EndReason::Ready, 5), "{:?}", told.end);
        house.close();
        let tight = RuntimeOptions { memory_budget: Some(100), ..self::options(mode) };
        let house = house_with(tight, script());
        let told = read(&mut embed(&house, wanted(vec!["x".repeat(40)])));
        assert_eq!(told.error().kind(), ErrorKind::OutOfMemory);
        house.close();
    });
}

/// Scores of a stream that gave one for each text, in order.
fn scores(told: &Told) -> Vec<f32> {
    let scores = told.events.iter().filter_map(|event| match &event.kind {
        EventKind::Vector(vector) => Some((vector.index, vector.values.clone())),
        _ => None,
    });
    let scores: Vec<(usize, Vec<f32>)> = scores.collect();
    assert!(scores.iter().enumerate().all(|(at, (index, values))| at == *index && values.len() == 1));
    scores.into_iter().map(|(_, values)| values[0]).collect()
}

#[test]
fn s87_scores_come_in_the_order_of_the_texts_and_know_query_and_text() {
    both(|mode| {
        let ranking = house(mode, Script { ranks: true, ..script() });
        let asked =
            |query: &str, texts: Vec<String>| EmbedRequest { query: Some(query.into()), ..wanted(texts) };
        let texts: Vec<String> =
            texts(12).into_iter().map(|text| text[..text.len().min(50)].into()).collect();
        let told = read(&mut embed(&ranking, asked("who", texts.clone())));
        assert_eq!(told.end.reason, EndReason::Ready);
        let tokens: usize = texts.iter().map(|text| "who".len() + text.len()).sum();
        assert_eq!(told.end.stats.prompt_tokens as usize, tokens);
        let together = scores(&told);
        assert_eq!(together.len(), texts.len());
        assert_eq!(ranking.model.rerank_blocking("who".into(), texts.clone(), None).unwrap(), together);
        for (text, score) in texts.iter().zip(&together) {
            let alone = ranking.model.rerank_blocking("who".into(), vec![text.clone()], None).unwrap();
            assert_eq!(alone, [*score]);
        }
        assert_ne!(ranking.model.rerank_blocking("why".into(), texts, None).unwrap(), together);
        // Together they have to fit, and the query by itself.
        let refused = |query: String, text: String, parts: &[&str]| {
            let told = read(&mut embed(&ranking, asked(&query, vec!["a".into(), text])));
            assert!(!told.events.iter().any(is_vector));
            assert_eq!(told.error().kind(), ErrorKind::ContextFull, "{}", told.error());
            assert!(parts.iter().all(|part| told.error().message().contains(part)), "{}", told.error());
        };
        refused("who".into(), "x".repeat(62), &["texts[1]", "65 tokens", "with the query", "64"]);
        refused("q".repeat(64), "x".into(), &["texts[0]", "65 tokens", "with the query"]);
        refused("q".repeat(100_000), "x".into(), &["the query", "100000 bytes"]);
        let fits = ranking.model.rerank_blocking("who".into(), vec!["x".repeat(61)], None).unwrap();
        assert_eq!(fits.len(), 1);
        // One that makes scores has no length of vectors, and the other way round.
        assert_eq!(ranking.model.vector_length(None).unwrap_err().kind(), ErrorKind::Unsupported);
        let plain = house(mode, script());
        let error = plain.model.rerank_blocking("who".into(), vec!["a".into()], None).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        ranking.close();
        plain.close();
    });
}

#[test]
fn s80_threads_that_embed_at_once_get_their_own() {
    let _watchdog = watchdog();
    let house = house(Mode::Threads, script());
    let expected = house.model.embed_blocking(texts(20), None).unwrap();
    let done = Arc::new(AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            let (model, expected, done) = (house.model.clone(), &expected, done.clone());
            scope.spawn(move || {
                assert_eq!(&model.embed_blocking(texts(20), None).unwrap(), expected);
                done.fetch_add(1, Ordering::SeqCst);
            });
        }
    });
    assert_eq!(done.load(Ordering::SeqCst), 4);
    // Generations and vectors on one sequence pool.
    let (session, mut stream) = house.ask("Hi");
    assert_eq!(read(&mut stream).end.reason, EndReason::Stop);
    drop(session);
    house.close();
}
