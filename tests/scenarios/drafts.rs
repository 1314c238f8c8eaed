//! Drafts: where a text repeats itself, a pass gives several tokens, and nothing that a host can see is
//! another than without them. With fixed costs of rows, so that no clock decides.
#![cfg(feature = "testing")]

use crate::support::scenario::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use wick::engine::{Costs, Engine, EngineFacts, EngineLimits, SessionOptions};
use wick::error::{Error, ErrorKind};
use wick::model::{Chunk, Pace, Step};
use wick::runtime::{Event, EventKind, Input, Loaded, ModelOptions, ModelSource, Next, Reading, Request};
use wick::sample::SamplerOptions;
use wick::stream::Consumer;
use wick::testing::{Gate, Part, Script, model};

/// Rows of drafts that cost nothing: whatever may be right is drafted.
const FREE: Costs = Costs { decode: Some(20e6), decoding: 1, row: Some(1e6), draft: [Some(0.0); 4] };

/// Rows that cost as much as passes.
const DEAR: Costs = Costs { draft: [Some(20e6); 4], ..FREE };

/// An engine that is driven by hand.
struct Hand {
    engine: Engine,
    gate: Gate,
    streams: u64,
}

impl Hand {
    fn new(script: &Script, costs: Costs) -> Self {
        let (loaded, gate) = model(script);
        Self::over(loaded, gate, costs)
    }

    fn over(loaded: Loaded, gate: Gate, costs: Costs) -> Self {
        let limits = EngineLimits {
            max_sequences: 4,
            slice: Duration::from_secs(60),
            own_thread: false,
            inline_bytes: 1 << 20,
            costs: Some(costs),
        };
        let mut engine = Engine::new(limits, Arc::default());
        engine.add_model(1);
        engine.finish_load(1, Ok(for_engine(loaded)));
        Self { engine, gate, streams: 0 }
    }

    fn session(&mut self, session: u64) -> u64 {
        self.engine.add_session(session, 1, SessionOptions::default(), Arc::default());
        session
    }

    fn ask(&mut self, session: u64, request: Request) -> Consumer {
        self.streams += 1;
        let (producer, consumer) = pulled(self.streams);
        let place = EngineFacts::default().take_place(1).expect("a place");
        self.engine.submit(session, request, producer, place);
        consumer
    }

    /// Reads all streams to their ends. One with a number is cancelled once so many tokens of it are read.
    fn read(&mut self, streams: Vec<(Consumer, Option<usize>)>) -> Vec<Told> {
        let mut told: Vec<Vec<Event>> = vec![Vec::new(); streams.len()];
        let has_ended =
            |events: &Vec<Event>| events.last().is_some_and(|event| matches!(event.kind, EventKind::End(_)));
        while !told.iter().all(has_ended) {
            self.engine.step();
            for ((stream, cancel), events) in streams.iter().zip(&mut told) {
                while let Next::Event(event) = stream.try_next() {
                    events.push(event);
                    if cancel.is_some_and(|tokens| tokens <= tokens_of(events)) {
                        stream.control().cancel();
                    }
                }
            }
            self.engine.check_streams();
        }
        told.into_iter().map(Told::from).collect()
    }

    /// The whole answer in a session of its own.
    fn answer(&mut self, request: Request) -> Told {
        let session = self.session(self.streams + 1);
        let stream = self.ask(session, request);
        self.read(vec![(stream, None)]).remove(0)
    }
}

fn tokens_of(events: &[Event]) -> usize {
    let texts = events.iter().map(|event| match &event.kind {
        EventKind::Text(text) => text.tokens.len(),
        _ => 0,
    });
    texts.sum()
}

/// What a host sees of an answer. How far a prompt is depends on when somebody looks.
fn seen(told: &Told) -> String {
    let kinds = told.events.iter().map(|event| &event.kind);
    let kinds = kinds.filter(|kind| !matches!(kind, EventKind::Progress { .. } | EventKind::End(_)));
    let (end, stats) = (&told.end, &told.end.stats);
    let figures = (stats.prompt_tokens, stats.output_tokens, stats.session_tokens, stats.seed);
    format!("{:?} {:?} {:?} {figures:?}", kinds.collect::<Vec<_>>(), end.reason, end.stop)
}

/// Says the same few words over and over.
fn repeating() -> Script {
    Script { endless: true, drafts: true, ..Script::saying("The same words again. ") }
}

fn request(max_tokens: u32) -> Request {
    Request { max_tokens, ..asking("Hi") }
}

#[test]
fn s53_a_text_that_repeats_itself_takes_a_fraction_of_the_passes() {
    let _watchdog = watchdog();
    let mut hand = Hand::new(&repeating(), FREE);
    let told = hand.answer(request(120));
    let stats = told.end.stats;
    assert_eq!(stats.output_tokens, 120);
    assert!(hand.gate.slices() < 40, "{} passes", hand.gate.slices());
    assert!(stats.draft_accepted > 80 && stats.draft_tokens >= stats.draft_accepted, "{stats:?}");
    // Each that was right saved a pass.
    assert_eq!(hand.gate.slices() + stats.draft_accepted, 120);
}

#[test]
fn s53_what_one_session_has_said_another_drafts_from() {
    let _watchdog = watchdog();
    // No two tokens stand twice in it, so that it repeats nothing of its own.
    let reply = (0..120).map(|token| Part::Id(token * 2)).collect();
    let mut hand = Hand::new(&Script { reply, drafts: true, ..Script::default() }, FREE);
    let [first, second] = [1, 2].map(|_| hand.answer(request(0)));
    assert_eq!(seen(&first), seen(&second));
    assert_eq!((first.end.stats.output_tokens, first.end.stats.draft_tokens), (120, 0));
    assert!(second.end.stats.draft_accepted > 90, "{:?}", second.end.stats);
}

#[test]
fn s53_nothing_is_drafted_where_it_does_not_pay_or_must_not_be() {
    let _watchdog = watchdog();
    let none = |hand: &mut Hand, request: Request, why: &str| {
        let told = hand.answer(request);
        assert_eq!(told.end.stats.draft_tokens, 0, "{why}");
    };
    none(&mut Hand::new(&repeating(), DEAR), request(60), "rows cost as much as passes");
    let mut off = Hand::new(&repeating(), FREE);
    off.engine.no_drafts(1);
    none(&mut off, request(60), "the option says so");
    let inexact = Script { drafts: false, ..repeating() };
    none(&mut Hand::new(&inexact, FREE), request(60), "the decoder cannot");
    let unmeasured = Costs { decode: None, ..FREE };
    none(&mut Hand::new(&repeating(), unmeasured), request(60), "a pass takes nobody knows how long");
    let timed = Request { max_tokens_per_second: 100_000, ..request(60) };
    none(&mut Hand::new(&repeating(), FREE), timed, "each token has its time");
    // A text that repeats nothing.
    let random = Script { random: Some(1), drafts: true, ..Script::default() };
    let told = Hand::new(&random, FREE).answer(Request { ignore_eos: true, ..request(60) });
    assert!(told.end.stats.draft_tokens < 60, "{:?}", told.end.stats);
}

#[test]
fn s53_beside_others_drafts_take_a_bounded_part_of_a_pass() {
    let _watchdog = watchdog();
    // A row is a tenth of a pass: two sequences have at most two of them, in a quarter of its time.
    let costs = Costs { row: Some(0.0), draft: [Some(2e6); 4], ..FREE };
    let mut hand = Hand::new(&repeating(), costs);
    let (one, other) = (hand.session(1), hand.session(2));
    let streams = [one, other].map(|session| hand.ask(session, request(0)));
    for _ in 0..50 {
        hand.engine.step();
    }
    let drafted: u64 = streams.iter().map(|stream| stream.control().stats().draft_tokens).sum();
    assert!(drafted > 50 && drafted <= 2 * hand.gate.slices(), "{drafted} in {}", hand.gate.slices());
}

#[test]
fn s53_who_is_not_read_is_given_no_more_than_its_credit() {
    let _watchdog = watchdog();
    let mut hand = Hand::new(&repeating(), FREE);
    let session = hand.session(1);
    let stream = hand.ask(session, Request { buffer_events: 3, ..request(0) });
    for _ in 0..100 {
        hand.engine.step();
    }
    // STARTED, and two texts.
    assert_eq!(stream.control().stats().output_tokens, 2);
    let mut texts = 0;
    while texts < 60 {
        while let Next::Event(event) = stream.try_next() {
            texts += tokens_of(&[event]);
        }
        hand.engine.step();
        assert!(stream.control().stats().output_tokens as usize <= texts + 3);
    }
    assert!(stream.control().stats().draft_accepted > 0);
}

#[test]
fn s53_drafts_that_find_no_memory_make_nobody_give_way() {
    let _watchdog = watchdog();
    let begun = AtomicUsize::new(0);
    let rig: Rig = Arc::new(move |point| {
        let odd = point == Point::Begin && begun.fetch_add(1, Ordering::SeqCst).is_multiple_of(2);
        // Every pass begins at its second try: with drafts there is none.
        if odd { Err(Error::new(ErrorKind::OutOfMemory, "no memory")) } else { Ok(()) }
    });
    let (loaded, gate) = rigged(&repeating(), rig);
    let told = Hand::over(loaded, gate, FREE).answer(request(60));
    assert_eq!(told.end.stats.draft_tokens, 0);
    assert_eq!(seen(&told), seen(&Hand::new(&repeating(), FREE).answer(request(60))));
}

#[test]
fn s53_a_pass_that_fails_costs_no_token_that_came_before_the_fault() {
    let _watchdog = watchdog();
    for at in 0..60 {
        for (fail_at, panic_at) in [(Some(at), None), (None, Some(at))] {
            let said = Script { fail_at, panic_at, drafts: true, ..Script::saying(&"ab ab cd ".repeat(30)) };
            let mut plain = Hand::new(&said, FREE);
            plain.engine.no_drafts(1);
            let mut hand = Hand::new(&said, FREE);
            let [expected, told] = [&mut plain, &mut hand].map(|hand| hand.answer(request(0)));
            assert_eq!(expected.end.stats.output_tokens, at as u32);
            assert_eq!(seen(&told), seen(&expected), "at {at}");
            assert_eq!(told.error().message(), expected.error().message());
            assert!(at < 30 || told.end.stats.draft_accepted > 5, "{:?}", told.end.stats);
        }
    }
}

#[test]
fn s53_what_only_drafts_fail_at_ends_nobody() {
    let _watchdog = watchdog();
    // By then every pass has drafts.
    let rig = once(Point::Slice, 10, || Err(Error::new(ErrorKind::Io, "a fault")));
    let (loaded, gate) = rigged(&repeating(), rig);
    let told = Hand::over(loaded, gate, FREE).answer(request(600));
    let whole = Hand::new(&repeating(), FREE).answer(request(600));
    assert_eq!(seen(&told), seen(&whole));
    // Then none for a while, and some again.
    let [with, without] = [&told, &whole].map(|told| told.end.stats.draft_accepted);
    assert!(with + 200 < without && with > 200, "{with} {without}");
}

#[test]
fn s53_a_recurrent_state_is_never_behind_a_wrong_draft() {
    let _watchdog = watchdog();
    for window in [None, Some(1), Some(40)] {
        // Now and then the text goes on in another way than before.
        let reply =
            "one two three one two four one two three one two five three one two three two two one one ";
        let said =
            Script { recurrent: true, window, context_length: 1200, drafts: true, ..Script::saying(reply) };
        let script = Script { endless: true, ..said };
        let mut plain = Hand::new(&script, FREE);
        plain.engine.no_drafts(1);
        let expected = plain.answer(request(0));
        let mut hand = Hand::new(&script, FREE);
        let told = hand.answer(request(0));
        assert_eq!(seen(&told), seen(&expected), "{window:?}");
        let stats = told.end.stats;
        assert!(stats.draft_accepted > 300 && stats.draft_tokens > stats.draft_accepted, "{stats:?}");
        assert!(hand.gate.slices() < plain.gate.slices() / 2, "{} passes", hand.gate.slices());
    }
}

/// SplitMix64 (Steele, Lea, Flood 2014).
struct Random(u64);

impl Random {
    fn below(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ mixed >> 31) % most
    }

    fn one_in(&mut self, most: u64) -> bool {
        self.below(most) == 0
    }

    fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len() as u64) as usize]
    }

    /// Any model: one whose text repeats itself, one that seldom does, with a past of any kind.
    fn script(&mut self) -> Script {
        let words = ["ab ab ab cd ", "one two three one two four ", "x", "ééé ü ab ", "abcabcabdabcabc"];
        let scripted = Script::saying(self.of(&words));
        let window = self.of(&[None, Some(1), Some(2), Some(40)]);
        let random = (!self.one_in(3)).then(|| self.below(1000));
        Script {
            random: if window == Some(40) { None } else { random },
            echo: self.one_in(4),
            endless: !self.one_in(3),
            recurrent: self.one_in(3),
            window,
            drafts: true,
            rewinds: !self.one_in(5),
            slices: 1 + self.below(2) as u32,
            max_tokens: self.of(&[3, 8, 20, 512]),
            max_batch: self.of(&[1, 2, 8]),
            context_length: self.of(&[50, 300, 1400]),
            ..scripted
        }
    }

    fn sampling(&mut self) -> SamplerOptions {
        let few = (0..260).filter(|token| ![97, 98, 99, 32].contains(token));
        SamplerOptions {
            temperature: self.of(&[0.0, 0.0, 0.3, 1.0]),
            top_k: self.of(&[0, 2]),
            repeat_penalty: self.of(&[0.0, 0.0, 1.3]),
            frequency_penalty: self.of(&[0.0, 0.0, 0.2]),
            penalty_last_n: self.of(&[0, 4, -1]),
            seed: self.below(1 << 40),
            // So that a text of random tokens repeats itself by chance.
            logit_bias: if self.one_in(2) { few.map(|token| (token, -100.0)).collect() } else { Vec::new() },
            logprobs: self.one_in(3),
            ..SamplerOptions::default()
        }
    }

    fn request(&mut self) -> Request {
        let prompts = ["ab ab ab", "one two three one two", "Hi", "abcabcabcabcabcabcabcabc", "x"];
        let stops: &[&[&str]] = &[&[], &[], &["cd a"], &["four", "zz"], &["b ab ab ab ab"]];
        Request {
            input: Input::Text(self.of(&prompts).repeat(1 + self.below(4) as usize)),
            max_tokens: self.of(&[0, 1, 2, 17, 60]),
            sampling: self.sampling(),
            stop: self.of(stops).iter().map(|stop| (*stop).to_owned()).collect(),
            priority: self.below(2) as i32,
            buffer_events: self.of(&[0, 1, 1, 4]),
            echo_special: self.one_in(4),
            ignore_eos: self.one_in(4),
            ..Request::default()
        }
    }
}

/// What two sessions are told in some turns, side by side, and what was drafted.
fn turns(
    script: &Script,
    requests: &[[(Request, Option<usize>); 2]],
    drafts: bool,
) -> (Vec<String>, u64, u64) {
    let mut hand = Hand::new(script, FREE);
    if !drafts {
        hand.engine.no_drafts(1);
    }
    let mut sessions = [hand.session(1), hand.session(2)];
    let (mut told, mut drafted, mut accepted) = (Vec::new(), 0, 0);
    for (turn, number) in requests.iter().zip(1..) {
        if script.random.is_none() {
            // Where such a model is in its reply is not a matter of its tokens alone: each turn begins anew.
            sessions = [hand.session(2 * number + 1), hand.session(2 * number + 2)];
        }
        let asked = sessions.iter().zip(turn);
        let streams =
            asked.map(|(session, (request, cancel))| (hand.ask(*session, request.clone()), *cancel));
        let streams = streams.collect();
        for answer in hand.read(streams) {
            told.push(seen(&answer));
            drafted += answer.end.stats.draft_tokens;
            accepted += answer.end.stats.draft_accepted;
        }
    }
    (told, drafted, accepted)
}

#[test]
fn s53_every_event_is_the_same_with_and_without_drafts() {
    let _watchdog = watchdog();
    let (mut drafted, mut accepted) = (0, 0);
    for seed in 0..150 {
        let mut random = Random(seed);
        let script = random.script();
        let requests: Vec<[_; 2]> = (0..3)
            .map(|_| {
                [(); 2].map(|()| {
                    let request = random.request();
                    // Where one event may be unread, a reader's cancel comes at the same token.
                    let cancel =
                        (request.buffer_events == 1 && random.one_in(2)).then(|| random.below(20) as usize);
                    // Some end by themselves only where the context is full.
                    let most = if request.max_tokens == 0 && script.context_length > 300 {
                        90
                    } else {
                        request.max_tokens
                    };
                    (Request { max_tokens: most, ..request }, cancel)
                })
            })
            .collect();
        let (with, more, right) = turns(&script, &requests, true);
        let (without, none, _) = turns(&script, &requests, false);
        assert_eq!(with, without, "seed {seed}: {script:?} {requests:?}");
        assert_eq!(none, 0);
        (drafted, accepted) = (drafted + more, accepted + right);
    }
    assert!(accepted > 1_000 && drafted > accepted + 1_000, "{accepted} of {drafted} were right");
}

/// The tokens that a chain walks over.
const CHAIN: [u32; 3] = [97, 98, 99];

/// How probable each token is behind each other one at temperature 1, out of the decoder's own logits.
fn chain(script: &Script) -> [[f64; 3]; 3] {
    let (mut runner, _) = for_engine(model(script).0);
    CHAIN.map(|from| {
        let sequence = runner.open(8).expect("a sequence");
        let chunk = Chunk { sequence, tokens: &[from], logits: 1 };
        runner.begin(&[chunk]).expect("a pass");
        let until = std::time::Instant::now();
        while runner.run_slice(Pace { until }).expect("a slice") == Step::More {}
        let weights = CHAIN.map(|to| f64::from(runner.logits(0, 0)[to as usize]).exp());
        runner.finish();
        weights.map(|weight| weight / weights.iter().sum::<f64>())
    })
}

#[test]
fn s53_samples_follow_the_models_own_distribution() {
    let _watchdog = watchdog();
    // The next token depends on the last alone.
    let script = Script {
        random: Some(5),
        window: Some(1),
        drafts: true,
        context_length: 1 << 16,
        ..Script::default()
    };
    let exact = chain(&script);
    let others = (0..260).filter(|token| !CHAIN.contains(token)).map(|token| (token, f32::NEG_INFINITY));
    let sampling = SamplerOptions {
        temperature: 1.0,
        seed: 3,
        logit_bias: others.collect(),
        ..SamplerOptions::default()
    };
    let request = Request { sampling, ..request(12_000) };
    let told = Hand::new(&script, FREE).answer(request);
    let stats = told.end.stats;
    assert!(stats.draft_accepted > 2_000 && stats.draft_tokens > 6_000, "{stats:?}");
    let place = |token: u32| CHAIN.iter().position(|one| *one == token).expect("a token of the chain");
    let mut counts = [[0.0; 3]; 3];
    for pair in told.tokens.windows(2) {
        counts[place(pair[0])][place(pair[1])] += 1.0;
    }
    for (counts, exact) in counts.iter().zip(exact) {
        let total: f64 = counts.iter().sum();
        for (count, exact) in counts.iter().zip(exact) {
            // Four standard deviations of a binomial count.
            let most = 4.0 * (exact * (1.0 - exact) / total).sqrt();
            assert!((count / total - exact).abs() < most, "{} and {exact} of {total}", count / total);
        }
    }
}

#[test]
fn s53_the_option_reaches_the_engine() {
    both(|mode| {
        for drafts in [true, false] {
            let script = Script { delay_us: 300, ..repeating() };
            let runtime = wick::runtime::Runtime::new(options(mode)).expect("a runtime");
            let (fake, _) = model(&script);
            let source = ModelSource::Custom(Box::new(move |_| Ok(fake)));
            let options = ModelOptions { drafts, ..ModelOptions::from_source(source) };
            let (model, mut loading) = runtime.load(options, Reading::default()).expect("a load");
            read(&mut loading);
            let session = model.session(None).expect("a session");
            let mut stream = session.generate(request(400), Reading::default()).expect("a stream");
            let stats = read(&mut stream).end.stats;
            assert_eq!((stats.output_tokens, stats.draft_accepted > 0), (400, drafts), "{stats:?}");
            runtime.shutdown(None).expect("a shutdown");
        }
    });
}
