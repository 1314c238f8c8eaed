//! Shared by the scenario tests: a runtime with a fake model, a model that can be rigged, and the law that
//! every stream obeys.
#![allow(dead_code, unused_imports, clippy::disallowed_methods)]

mod rig;
mod threads;

pub use super::stream::{patience, soon, watchdog};
pub use rig::{Point, Rig, around, rigged};
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
        assert_eq!(self.runtime.info()["threads"], serde_json::json!([]));
        assert_eq!(self.runtime.info()["generations"]["live"], 0);
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
    /// Checks I = Started? (Progress|Text|Note|ToolCall)* End, seq without gaps, times that never go back,
    /// counts that are true.
    pub fn from(events: Vec<Event>) -> Self {
        let (mut text, mut tokens, mut notes) = (String::new(), Vec::new(), Vec::new());
        let mut time = Duration::ZERO;
        for (index, event) in events.iter().enumerate() {
            assert_eq!(event.seq, index as u64, "a gap: {events:?}");
            assert!(event.time >= time, "time goes back: {events:?}");
            time = event.time;
            let last = index + 1 == events.len();
            assert_eq!(last, matches!(event.kind, EventKind::End(_)), "one END, at the end: {events:?}");
            match &event.kind {
                EventKind::Started => assert_eq!(index, 0, "{events:?}"),
                EventKind::Text(part) => {
                    text.push_str(&part.text);
                    tokens.extend_from_slice(&part.tokens);
                }
                EventKind::Note(note) => notes.push(note.clone()),
                _ => {}
            }
        }
        let Some(EventKind::End(end)) = events.last().map(|event| event.kind.clone()) else {
            panic!("no END: {events:?}");
        };
        assert_eq!(end.stats.output_tokens as usize, tokens.len(), "{events:?}");
        assert_eq!(end.error.is_some(), end.reason == EndReason::Error, "{end:?}");
        assert_eq!(end.stop.is_some(), end.reason == EndReason::StopString, "{end:?}");
        Self { events, text, tokens, notes, end }
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
    let mut events = Vec::new();
    while let Some(event) = stream.next_blocking() {
        events.push(event);
    }
    for _ in 0..2 {
        assert_eq!(stream.wait_next(None), Next::Ended);
    }
    Told::from(events)
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
pub fn read_on(mut before: Vec<Event>, stream: &mut Stream) -> Told {
    while let Some(event) = stream.next_blocking() {
        before.push(event);
    }
    Told::from(before)
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
pub fn settle(runtime: &Runtime) {
    for _ in 0..20 {
        if runtime.step(Duration::from_millis(1)).is_err() {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}
