//! Shared by the scenario tests: a runtime with a fake model, a model that can be rigged, and the law that
//! every stream obeys.
#![allow(dead_code, unused_imports, clippy::disallowed_methods)]

mod rig;
pub mod saves;
mod talk;
mod threads;

use super::stream::{assert_lawful, texts};
pub use super::stream::{patience, soon, watchdog};
pub use rig::{Point, Rig, around, for_engine, once, pulled, rigged};
pub use talk::{alone, apart, ask, for_ascii, kinds, said, user};
pub use threads::{assert_no_threads, named, threads};

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use wick::error::{Error, ErrorKind};
use wick::runtime::{
    Delivery, End, EndReason, Event, EventKind, Input, Loaded, Loader, Mode, Model, ModelOptions,
    ModelSource, Next, Queue, Reading, Request, Runtime, RuntimeOptions, Session, Stream,
};
use wick::testing::{Gate, Script, loader, model};

/// Runs `test` in both modes under a watchdog.
pub fn both(test: impl Fn(Mode)) {
    let _watchdog = watchdog();
    test(Mode::Threads);
    test(Mode::HostStep);
}

/// A runtime with one model.
pub struct House {
    pub runtime: Runtime,
    pub model: Model,
    pub gate: Gate,
}

pub fn options(mode: Mode) -> RuntimeOptions {
    RuntimeOptions { mode, threads: 1, ..RuntimeOptions::default() }
}

/// A runtime with a fake model that is loaded.
pub fn house(mode: Mode, script: Script) -> House {
    house_with(options(mode), script)
}

pub fn house_with(options: RuntimeOptions, script: Script) -> House {
    let (fake, gate) = model(&script);
    house_of(options, gate, Box::new(move |_| Ok(fake)))
}

/// An answer that does not end by itself while a test runs, however late the test's own thread is.
pub fn endless() -> Script {
    Script { endless: true, delay_us: 100, context_length: 1 << 24, ..Script::saying("word") }
}

/// A runtime with what `load` makes, loaded.
pub fn house_of(options: RuntimeOptions, gate: Gate, load: Loader) -> House {
    let runtime = Runtime::new(options).expect("a runtime");
    let (model, mut loading) = begin_load(&runtime, load);
    assert_eq!(read(&mut loading).end.reason, EndReason::Ready);
    House { runtime, model, gate }
}

/// What loads the model of `script` once the flag is set; until then it looks whether it is still wanted, and
/// goes on for ever.
pub fn held(script: Script) -> (Loader, Arc<AtomicBool>) {
    let (load, go) = (loader(script).0, Arc::<AtomicBool>::default());
    let may = go.clone();
    let load = move |progress: &mut dyn FnMut(u64, u64) -> wick::error::Result<()>| {
        while !may.load(Ordering::SeqCst) {
            progress(0, 1)?;
            std::thread::sleep(Duration::from_micros(100));
        }
        load(progress)
    };
    (Box::new(load), go)
}

/// Starts a load.
pub fn begin_load(runtime: &Runtime, load: Loader) -> (Model, Stream) {
    let options = ModelOptions::from_source(ModelSource::Custom(load));
    runtime.load(options, Reading::default()).expect("a load begins")
}

impl House {
    pub fn session(&self) -> Session {
        self.model.session(None).expect("a session")
    }

    /// A generation on a session of its own, which lives as long as what is returned.
    pub fn ask(&self, prompt: &str) -> (Session, Stream) {
        let session = self.session();
        let stream = session.generate(asking(prompt), Reading::default()).expect("a stream");
        (session, stream)
    }

    /// The whole answer to `prompt` on a new session.
    pub fn answer(&self, prompt: &str) -> Told {
        let (_session, mut stream) = self.ask(prompt);
        read(&mut stream)
    }

    /// Shuts down; nothing may be left.
    pub fn close(self) {
        self.runtime.shutdown(None).expect("the shutdown is over");
        assert!(self.runtime.info().threads.is_empty(), "{:?}", self.runtime.info());
        assert_eq!(self.runtime.info().live, 0);
    }
}

/// A request for an answer to `prompt`.
pub fn asking(prompt: &str) -> Request {
    Request { input: Input::Text(prompt.to_owned()), ..Request::default() }
}

/// What a stream told, checked against the law.
#[derive(Debug, Clone)]
pub struct Told {
    pub events: Vec<Event>,
    pub text: String,
    pub tokens: Vec<u32>,
    pub notes: Vec<String>,
    pub end: End,
}

impl Told {
    /// Of a lawful stream; what its end counts is true.
    pub fn from(events: Vec<Event>) -> Self {
        Self::behind(events, 0)
    }

    /// As [`Told::from`], of an answer whose first `prefix` ids are the host's.
    pub fn behind(events: Vec<Event>, prefix: usize) -> Self {
        let end = assert_lawful(&events).clone();
        let (mut tokens, mut notes) = (Vec::new(), Vec::new());
        for event in &events {
            match &event.kind {
                EventKind::Text(part) => tokens.extend_from_slice(&part.tokens),
                EventKind::Note(note) => notes.push(note.clone()),
                _ => {}
            }
        }
        assert_eq!(end.stats.output_tokens as usize + prefix, tokens.len(), "{events:?}");
        Self { text: texts(&events), events, tokens, notes, end }
    }

    pub fn started(&self) -> bool {
        matches!(self.events[0].kind, EventKind::Started)
    }

    /// The text and why it ended.
    pub fn said(&self) -> (&str, EndReason) {
        (&self.text, self.end.reason)
    }

    pub fn error(&self) -> &Error {
        self.end.error.as_ref().unwrap_or_else(|| panic!("not an error: {:?}", self.end))
    }
}

/// Reads a stream to its end, and once more: then it has ended for ever.
pub fn read(stream: &mut Stream) -> Told {
    read_behind(stream, 0)
}

/// As [`read`], of an answer whose first `prefix` ids are the host's.
pub fn read_behind(stream: &mut Stream, prefix: usize) -> Told {
    let mut events = Vec::new();
    while let Some(event) = stream.next_blocking() {
        events.push(event);
    }
    for _ in 0..2 {
        assert_eq!(stream.wait_next(None), Next::Ended);
    }
    Told::behind(events, prefix)
}

/// Reads until `count` tokens have come; what came.
pub fn read_tokens(stream: &mut Stream, count: usize) -> Vec<Event> {
    let (mut events, mut tokens) = (Vec::new(), 0);
    while tokens < count {
        let event = stream.next_blocking().expect("an event");
        match &event.kind {
            EventKind::Text(text) => tokens += text.tokens.len(),
            EventKind::End(end) => panic!("ended after {tokens} tokens: {end:?}"),
            _ => {}
        }
        events.push(event);
    }
    events
}

/// Reads on after `before`, to the end.
pub fn read_on(before: Vec<Event>, stream: &mut Stream) -> Told {
    read_on_behind(before, stream, 0)
}

/// As [`read_on`], of an answer whose first `prefix` ids are the host's.
pub fn read_on_behind(mut before: Vec<Event>, stream: &mut Stream, prefix: usize) -> Told {
    while let Some(event) = stream.next_blocking() {
        before.push(event);
    }
    Told::behind(before, prefix)
}

/// Waits, doing the runtime's work in HOST_STEP, until `done`; at most until the watchdog's patience is half
/// over.
pub fn until(runtime: &Runtime, what: &str, done: impl Fn() -> bool) {
    let limit = soon();
    while !done() {
        assert!(Some(Instant::now()) < limit, "not in time: {what}");
        if runtime.step(Duration::from_micros(100)).is_err() {
            std::thread::sleep(Duration::from_micros(100));
        }
    }
}

/// Lets the runtime do all it can, or a while.
pub fn run_a_while(runtime: &Runtime) {
    for _ in 0..20 {
        if runtime.step(Duration::from_millis(1)).is_err() {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}
