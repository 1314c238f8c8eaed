//! What has to hold with any model, checked with one that says what it is told, slowly or wrongly; knows no
//! files.

use super::check::{Check, expect};
use std::time::{Duration, Instant};
use wick::testing::{Gate, Script, loader};
use wick::{
    End, EndReason, Error, ErrorKind, EventKind, Input, Mode, Model, ModelOptions, ModelSource, QueueNext,
    Reading, Request, Result, Runtime, RuntimeOptions, Session, Stream,
};

const REPLY: &str = "Hello, world. 世界!";

pub fn checks() -> Vec<Check> {
    vec![
        Check::new("an answer streams and ends once", || answers(Mode::Threads)),
        Check::new("an answer streams without any thread", || answers(Mode::HostStep)),
        Check::new("a cancelled stream ends as cancelled", cancelled),
        Check::new("a deadline ends a stream in time", deadline),
        Check::new("a failing model ends its stream with the error", fails),
        Check::new("a panicking model ends its stream, and the runtime goes on", panics),
        Check::new("a failed load ends its own stream and those that waited", failed_load),
        Check::new("a reader that goes away leaves the others alone", leaves),
        Check::new("streams of one queue end once each", queue),
        Check::new("a shutdown ends what is running, and joins its threads", shutdown),
    ]
}

/// A runtime with the model of `script`, and a session of it.
fn session(script: Script, mode: Mode) -> Result<(Runtime, Model, Session, Gate)> {
    let runtime = Runtime::new(RuntimeOptions { mode, threads: 1, ..RuntimeOptions::default() })?;
    let (load, gate) = loader(script);
    let (model, loading) =
        runtime.load(ModelOptions::from_source(ModelSource::Custom(load)), Reading::default())?;
    model.keep_load(loading);
    let session = model.session(None)?;
    Ok((runtime, model, session, gate))
}

fn ask(session: &Session) -> Result<Stream> {
    session.generate(request(), Reading::default())
}

fn request() -> Request {
    Request { input: Input::Text("Hi".to_owned()), ..Request::default() }
}

/// All text of a stream and its end, which has to be there once, and last.
fn read(stream: &mut Stream) -> Result<(String, End)> {
    let (mut text, mut end) = (String::new(), None);
    while let Some(event) = stream.next_blocking() {
        expect(end.is_none(), || format!("an event after END: {event:?}"))?;
        match event.kind {
            EventKind::Text(part) => text += &part.text,
            EventKind::End(last) => end = Some(last),
            _ => {}
        }
    }
    let end = end.ok_or_else(|| Error::new(ErrorKind::Internal, "no END"))?;
    Ok((text, end))
}

fn ends_as(stream: &mut Stream, reason: EndReason) -> Result<End> {
    let (_, end) = read(stream)?;
    expect(end.reason == reason, || format!("END says {:?}, not {reason:?}", end.reason))?;
    Ok(end)
}

fn answers(mode: Mode) -> Result<()> {
    let (runtime, _model, session, _) = session(Script::saying(REPLY), mode)?;
    let (text, end) = read(&mut ask(&session)?)?;
    expect(text == REPLY, || format!("the text is {text:?}, not {REPLY:?}"))?;
    expect(end.reason == EndReason::Stop, || format!("END says {:?}, not Stop", end.reason))?;
    runtime.shutdown(None)
}

/// A model that never stops by itself, and whose tokens take their time.
fn endless() -> Script {
    Script { endless: true, delay_us: 500, ..Script::saying(REPLY) }
}

fn cancelled() -> Result<()> {
    let (runtime, _model, session, _) = session(endless(), Mode::Threads)?;
    let mut stream = ask(&session)?;
    stream.next_blocking();
    stream.cancel();
    ends_as(&mut stream, EndReason::Cancelled)?;
    runtime.shutdown(None)
}

fn deadline() -> Result<()> {
    // A gate that nobody opens: only the deadline can end this.
    let (runtime, _model, session, _gate) = session(Script { gated: true, ..endless() }, Mode::Threads)?;
    let deadline = Instant::now().checked_add(Duration::from_millis(50));
    let mut stream = session.generate(Request { deadline, ..request() }, Reading::default())?;
    ends_as(&mut stream, EndReason::Deadline)?;
    runtime.shutdown(None)
}

fn fails() -> Result<()> {
    let (runtime, _model, session, _) =
        session(Script { fail_at: Some(1), ..Script::saying(REPLY) }, Mode::Threads)?;
    let end = ends_as(&mut ask(&session)?, EndReason::Error)?;
    expect(end.error.is_some(), || "END (ERROR) without an error".to_owned())?;
    runtime.shutdown(None)
}

fn panics() -> Result<()> {
    let (runtime, _model, session, _) =
        session(Script { panic_at: Some(1), ..Script::saying(REPLY) }, Mode::Threads)?;
    // The panic is meant: not a word of it.
    let previous = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let end = ask(&session).and_then(|mut stream| ends_as(&mut stream, EndReason::Error));
    std::panic::set_hook(previous);
    end?;
    let (load, _) = loader(Script::saying(REPLY));
    let options = ModelOptions::from_source(ModelSource::Custom(load));
    let (model, _loading) = runtime.load(options, Reading::default())?;
    let next = model.session(None)?;
    ends_as(&mut ask(&next)?, EndReason::Stop)?;
    runtime.shutdown(None)
}

fn failed_load() -> Result<()> {
    let script = Script {
        load_error: Some("as the script says".to_owned()),
        load_delay_us: 20_000,
        ..Script::saying(REPLY)
    };
    let runtime = Runtime::new(RuntimeOptions { threads: 1, ..RuntimeOptions::default() })?;
    let (load, _) = loader(script);
    let options = ModelOptions::from_source(ModelSource::Custom(load));
    let (model, mut loading) = runtime.load(options, Reading::default())?;
    let session = model.session(None)?;
    let mut waiting = ask(&session)?;
    ends_as(&mut loading, EndReason::Error)?;
    ends_as(&mut waiting, EndReason::Error)?;
    runtime.shutdown(None)
}

fn leaves() -> Result<()> {
    let (runtime, model, gone, _) = session(endless(), Mode::Threads)?;
    let mut left = ask(&gone)?;
    left.next_blocking();
    drop(left);
    let stays = model.session(None)?;
    let mut stream = stays.generate(Request { max_tokens: 3, ..request() }, Reading::default())?;
    ends_as(&mut stream, EndReason::Length)?;
    runtime.shutdown(None)
}

fn queue() -> Result<()> {
    let (runtime, model, _session, _) = session(Script::saying(REPLY), Mode::Threads)?;
    let queue = runtime.queue()?;
    let mut running = Vec::new();
    for _ in 0..8 {
        let session = model.session(None)?;
        let reading = Reading { queue: Some(queue.clone()), ..Reading::default() };
        running.push((session.generate(request(), reading)?, session));
    }
    let mut ended = Vec::new();
    while ended.len() < running.len() {
        match queue.wait_next(None) {
            QueueNext::Event(key, event) => {
                expect(!ended.contains(&key), || "an event after END".to_owned())?;
                if let EventKind::End(end) = event.kind {
                    expect(end.reason == EndReason::Stop, || format!("END says {:?}", end.reason))?;
                    ended.push(key);
                }
            }
            QueueNext::Empty => {}
            QueueNext::Ended | QueueNext::Closed => {
                return Err(Error::new(ErrorKind::Internal, "the queue ended before its streams"));
            }
        }
    }
    runtime.shutdown(None)
}

fn shutdown() -> Result<()> {
    let (runtime, _model, session, _) = session(endless(), Mode::Threads)?;
    let mut stream = ask(&session)?;
    stream.next_blocking();
    runtime.shutdown(None)?;
    ends_as(&mut stream, EndReason::Shutdown)?;
    let threads = runtime.info().threads.len();
    expect(threads == 0, || format!("{threads} threads run after the shutdown"))
}
