//! What has to hold with a real model: it loads, answers, answers the same again, and can be cancelled.

use super::check::{Check, expect};
use super::model::Computing;
use std::path::Path;
use wick::{End, EndReason, Error, ErrorKind, EventKind, Input, Reading, Request, Result, Runtime, Session};

const PROMPT: &str = "The harbour was quiet that morning, and";
const TOKENS: u32 = 24;

/// Each check loads the model at `path` anew.
pub fn checks(path: &Path, computing: &Computing) -> Vec<Check> {
    let check = |name, holds: fn(&Loaded) -> Result<()>| {
        let (path, computing) = (path.to_owned(), computing.clone());
        Check::new(name, move || {
            let loaded = Loaded::new(&path, &computing)?;
            holds(&loaded)?;
            loaded.runtime.shutdown(None)
        })
    };
    let (path, computing) = (path.to_owned(), computing.clone());
    vec![
        check("the model loads and answers", answers),
        check("it answers the same again", repeats),
        check("a cancelled answer ends as cancelled", cancelled),
        Check::new("the native decoder says the same on one thread and on all", move || {
            threads(&path, &computing)
        }),
    ]
}

struct Loaded {
    runtime: Runtime,
    session: Session,
}

impl Loaded {
    fn new(path: &Path, computing: &Computing) -> Result<Self> {
        let runtime = computing.runtime()?;
        let (model, mut loading) = runtime.load(computing.model(path), Reading::default())?;
        let (_, end) = loading.collect_text()?;
        expect(end.reason == EndReason::Ready, || format!("the load's END says {:?}", end.reason))?;
        let session = model.session(None)?;
        Ok(Self { runtime, session })
    }

    fn answer(&self, max_tokens: u32) -> Result<(String, End)> {
        self.session.clear()?;
        self.session.generate(request(max_tokens), Reading::default())?.collect_text()
    }
}

fn request(max_tokens: u32) -> Request {
    Request { input: Input::Text(PROMPT.to_owned()), max_tokens, ignore_eos: true, ..Request::default() }
}

fn answers(loaded: &Loaded) -> Result<()> {
    let (text, end) = loaded.answer(TOKENS)?;
    expect(!text.trim().is_empty(), || "the answer has no text".to_owned())?;
    expect(end.reason == EndReason::Length && end.stats.output_tokens == TOKENS, || {
        format!("{} tokens and END ({:?}), not {TOKENS} and Length", end.stats.output_tokens, end.reason)
    })
}

fn repeats(loaded: &Loaded) -> Result<()> {
    let (first, _) = loaded.answer(TOKENS)?;
    let (second, _) = loaded.answer(TOKENS)?;
    expect(first == second, || format!("first {first:?}, then {second:?}"))
}

fn cancelled(loaded: &Loaded) -> Result<()> {
    let mut stream = loaded.session.generate(request(0), Reading::default())?;
    while let Some(event) = stream.next_blocking() {
        match event.kind {
            EventKind::Text(_) => stream.cancel(),
            EventKind::End(end) => {
                return expect(end.reason == EndReason::Cancelled, || format!("END says {:?}", end.reason));
            }
            _ => {}
        }
    }
    Err(Error::new(ErrorKind::Internal, "no END"))
}

/// Only the native decoder promises it: with another backend there is nothing to see.
fn threads(path: &Path, computing: &Computing) -> Result<()> {
    if Loaded::new(path, computing)?.session.model().spec()?.backend != "native" {
        return Ok(());
    }
    let answer = |threads| {
        let loaded = Loaded::new(path, &Computing { threads, ..computing.clone() })?;
        let (text, _) = loaded.answer(TOKENS)?;
        loaded.runtime.shutdown(None)?;
        Ok::<_, Error>(text)
    };
    let (one, all) = (answer(1)?, answer(computing.threads)?);
    expect(one == all, || format!("one thread says {one:?}, all say {all:?}"))
}
