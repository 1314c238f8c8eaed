//! A runtime whose engine has a thread of the schedule: whoever asks something of a session runs beside it.

use super::{explore_each, number, thread};
use crate::support::stream::{assert_lawful, texts};
use shuttle::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use wick::runtime::{
    End, Event, EventKind, Input, Mode, Model, ModelOptions, ModelSource, Next, Request, Runtime,
    RuntimeOptions, SavePlace, Session, Stepped, Stream, WriteAt,
};
pub use wick::runtime::{EndReason, Reading, SessionState};
use wick::testing::{Script, model};
use wick::{ReadAt, Source};

/// A runtime with a model that says what depends on all tokens.
pub struct House {
    runtime: Runtime,
    model: Model,
    /// What runs on the engine's thread, if there is one, is to end.
    over: Arc<AtomicBool>,
}

/// Runs `work` beside an engine; in the end nothing is held, and nothing lives.
pub fn beside_an_engine(work: fn(&House)) {
    // A pass has two slices: what is asked may come between them.
    let script = Script { random: Some(7), slices: 2, ..Script::default() };
    let (fake, _gate) = model(&script);
    let options = RuntimeOptions { mode: Mode::HostStep, ..RuntimeOptions::default() };
    let runtime = Runtime::new(options).expect("a runtime");
    let source = ModelSource::Custom(Box::new(move |_| Ok(fake)));
    let (model, loading) =
        runtime.load(ModelOptions::from_source(source), Reading::default()).expect("a load");
    let house = House { runtime, model, over: Arc::default() };
    house.idle();
    drop(loading);
    let engine = {
        let (runtime, over) = (house.runtime.clone(), house.over.clone());
        thread::spawn(move || {
            while !over.load(Ordering::SeqCst) {
                if !matches!(runtime.step(Duration::ZERO), Ok(Stepped::More)) {
                    thread::yield_now();
                }
            }
        })
    };
    work(&house);
    house.over.store(true, Ordering::SeqCst);
    engine.join().expect("no panic");
    house.idle();
    house.runtime.trim();
    house.idle();
    let info = house.runtime.info();
    assert_eq!((info.live, info.kv_and_scratch_bytes), (0, 0), "{info:?}");
    house.runtime.shutdown(None).expect("the shutdown is over");
}

impl House {
    pub fn session(&self) -> Session {
        self.model.session(None).expect("a session")
    }

    /// The session holds `text` now, and has said nothing.
    pub fn hold(&self, session: &Session, text: &str) {
        let request = Request { prefill_only: true, ..raw(text, 0) };
        let told = read(&mut session.generate(request, Reading::default()).expect("a stream"));
        assert_eq!(told.end.reason, EndReason::Ready);
    }

    /// Waits until the engine has done all that was asked before.
    pub fn rest(&self) {
        let session = self.session();
        self.hold(&session, "x");
    }

    /// Does all that is to be done, while no other thread does.
    fn idle(&self) {
        while matches!(self.runtime.step(Duration::ZERO), Ok(Stepped::More)) {}
    }

    /// The session of a save.
    pub fn restored(&self, storage: &Storage) -> Session {
        let (session, mut stream) =
            self.model.restore(storage.source(), Reading::default()).expect("a restore begins");
        assert_eq!(read(&mut stream).end.reason, EndReason::Ready);
        session
    }
}

/// `max_tokens` more tokens behind `text`.
pub fn raw(text: &str, max_tokens: u32) -> Request {
    let input = Input::Text(text.to_owned());
    Request { input, max_tokens, ignore_eos: true, ..Request::default() }
}

/// The ids of ASCII.
pub fn bytes(text: &str) -> Vec<u32> {
    text.bytes().map(u32::from).collect()
}

/// What a stream told.
pub struct Told {
    pub tokens: Vec<u32>,
    pub end: End,
}

/// Reads a stream to its end without the engine's work, and checks that it is lawful.
pub fn read(stream: &mut Stream) -> Told {
    let mut events: Vec<Event> = Vec::new();
    loop {
        match stream.try_next() {
            Next::Event(event) => events.push(event),
            Next::Empty => thread::yield_now(),
            Next::Ended => break,
            other => panic!("{other:?} behind {:?}", texts(&events)),
        }
    }
    let end = assert_lawful(&events).clone();
    let tokens = events.iter().flat_map(|event| match &event.kind {
        EventKind::Text(text) => text.tokens.to_vec(),
        _ => Vec::new(),
    });
    Told { tokens: tokens.collect(), end }
}

/// A host's storage.
#[derive(Clone, Default)]
pub struct Storage(Arc<Mutex<Vec<u8>>>);

impl Storage {
    pub fn place(&self) -> SavePlace {
        SavePlace::Storage(Box::new(self.clone()))
    }

    fn source(&self) -> Source {
        Source::Reader(Box::new(self.clone()))
    }
}

impl WriteAt for Storage {
    fn write_at(&mut self, offset: u64, src: &[u8]) -> wick::Result<()> {
        let mut bytes = self.0.lock().expect("not poisoned");
        assert_eq!(offset, bytes.len() as u64, "ascending and without gaps");
        bytes.extend_from_slice(src);
        Ok(())
    }
}

impl ReadAt for Storage {
    fn size(&self) -> u64 {
        self.0.lock().expect("not poisoned").len() as u64
    }

    fn read_at(&mut self, offset: u64, dst: &mut [u8]) -> wick::Result<()> {
        let at = offset as usize;
        dst.copy_from_slice(&self.0.lock().expect("not poisoned")[at..at + dst.len()]);
        Ok(())
    }
}

/// Explores a scenario beside an engine: a schedule takes milliseconds, so that all kinds share the number.
pub fn explore_beside(name: &str, scenario: fn()) {
    let schedules = number("WICK_SCHEDULES").unwrap_or(10_000) as usize;
    explore_each(name, scenario, schedules.div_ceil(3));
}

/// One test for each scenario beside an engine.
macro_rules! engine_scenarios {
    ($($(#[$doc:meta])* fn $name:ident($house:ident) $body:block)*) => {
        $(#[test] $(#[$doc])* fn $name() {
            explore_beside(stringify!($name), || beside_an_engine(|$house| $body));
        })*
    };
}
pub(crate) use engine_scenarios;
