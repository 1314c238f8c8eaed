//! Keys, values and states on their way into saves and out of them, piece by piece between two slices. Knows
//! no session and no file.

use super::adapters::SessionAdapter;
use super::models::{Models, Ready};
use crate::error::{Error, ErrorKind, Result};
use crate::ids::IdMap;
use crate::kv::{Export, Import};
use crate::model::Sequence;
use crate::store;
use std::time::{Duration, Instant};

/// Bytes that are handed out at once, about.
const AT_ONCE: usize = 256 << 10;

/// How long that takes at most, but for a piece.
const BRIEF: Duration = Duration::from_micros(100);

/// Pasts under way, by the number of their save or restore.
#[derive(Default)]
pub(super) struct Pasts {
    leaving: IdMap<u64, Leaving>,
    coming: IdMap<u64, Coming>,
}

struct Leaving {
    model: u64,
    export: Export,
}

struct Coming {
    model: u64,
    import: Import,
    /// What it is the past of.
    tokens: Vec<u32>,
    /// The beginning of the next piece.
    rest: Vec<u8>,
}

/// A past that is to come into a model.
#[derive(Debug)]
pub struct Arrival {
    /// What it is.
    pub past: store::Past,
    /// What it is the past of.
    pub tokens: Vec<u32>,
    /// Tokens that its sequence may have.
    pub context: usize,
    /// What it was computed with.
    pub adapter: Option<SessionAdapter>,
    /// It is to be shared: [`ErrorKind::Unsupported`] where it cannot be.
    pub shared: bool,
}

/// What becomes of a past that is to come into a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arriving {
    /// The model has no use for it: other layers, blocks or numbers.
    Foreign,
    /// All of it is there.
    Known,
    /// Its bytes are wanted.
    Wanted,
}

/// Takes what was asked for, between two slices; dropped: nothing will come.
pub type Answer<T> = Box<dyn FnOnce(Result<T>) + Send>;

/// What is to be done with a past that leaves or comes.
pub enum PastOrder {
    /// Its next bytes; none: that was all.
    Read(Answer<Vec<u8>>),
    /// It begins to come into this model, which is loaded. Prefixes that nobody uses give way to it.
    Begin {
        /// The model.
        model: u64,
        /// What comes.
        arrival: Box<Arrival>,
        /// What becomes of it.
        answer: Answer<Arriving>,
    },
    /// Its next bytes. After an error it is to be ended.
    Write(Vec<u8>, Answer<()>),
    /// It has come whole, and is a prefix from now on.
    Keep(Answer<()>),
    /// Nobody wants it any more.
    End,
}

impl Pasts {
    pub(super) fn obey(&mut self, id: u64, order: PastOrder, models: &mut Models) {
        match order {
            PastOrder::Read(answer) => answer(self.read(id, models)),
            PastOrder::Begin { model, arrival, answer } => answer(self.arrive(id, model, *arrival, models)),
            PastOrder::Write(bytes, answer) => answer(self.write(id, &bytes, models)),
            PastOrder::Keep(answer) => answer(self.keep(id, models)),
            PastOrder::End => self.end(id, models),
        }
    }

    /// Begins to hand out what `model` keeps of `tokens`, of which the first `length` are the sequence's;
    /// `None`: nothing, or nothing that can be copied.
    ///
    /// # Errors
    /// `OutOfMemory`.
    pub(super) fn leave(
        &mut self,
        id: u64,
        model: u64,
        (sequence, length): (Sequence, usize),
        tokens: &[u32],
        models: &mut Models,
    ) -> Result<Option<store::Past>> {
        let ready = models.ready_mut(model).ok_or_else(gone)?;
        let begun = ready.ask(|runner| {
            let layout = match runner.layout() {
                Err(error) if error.kind() == ErrorKind::Unsupported => return Ok(None),
                layout => layout?,
            };
            let pieces = runner.pieces();
            let Some(export) = runner.export(sequence, length, tokens)? else { return Ok(None) };
            let spec = runner.cache().spec();
            let groups = spec.groups.iter().zip(pieces);
            let groups =
                groups.map(|(group, pieces)| store::PastGroup { keeps: group.keeps, bytes: pieces.all() });
            let (groups, image) = (groups.collect(), export.image().clone());
            let past = store::Past { layout, block: spec.block, groups, image };
            Ok(Some((past, export)))
        });
        Ok(begun?.map(|(past, export)| {
            self.leaving.insert(id, Leaving { model, export });
            past
        }))
    }

    /// The next bytes; none: that was all.
    ///
    /// # Errors
    /// `Internal`; `OutOfMemory`.
    fn read(&mut self, id: u64, models: &mut Models) -> Result<Vec<u8>> {
        let Leaving { model, export } = self.leaving.get_mut(&id).ok_or_else(gone)?;
        let ready = models.ready_mut(*model).ok_or_else(gone)?;
        let (mut bytes, until) = (Vec::new(), Instant::now() + BRIEF);
        ready.ask(|runner| {
            let largest = runner.pieces().iter().map(|pieces| pieces.bytes).max().unwrap_or(0);
            loop {
                bytes.try_reserve(largest)?;
                let more = runner.read(export, &mut bytes)?;
                if !more || bytes.len() >= AT_ONCE || Instant::now() >= until {
                    return Ok(());
                }
            }
        })?;
        Ok(bytes)
    }

    /// Begins to take a past in. Prefixes that nobody uses give way to it.
    ///
    /// # Errors
    /// `OutOfMemory`; `Unsupported`: it is to be shared, and nothing is.
    fn arrive(&mut self, id: u64, model: u64, arrival: Arrival, models: &mut Models) -> Result<Arriving> {
        let Arrival { past, tokens, context, adapter, shared } = arrival;
        let adapter = adapter.as_ref().map(SessionAdapter::adapted).transpose()?;
        let ready = models.ready_mut(model).ok_or_else(gone)?;
        let import = ready.ask(|runner| {
            if shared && !runner.shares() {
                let why = "the model's sessions share no keys and values (no_prefix_cache)";
                return Err(Error::new(ErrorKind::Unsupported, why));
            }
            let here = (runner.cache().spec().block, runner.layout().ok());
            let pieces = runner.pieces();
            let groups = &runner.cache().spec().groups;
            // An opaque state comes from nowhere.
            let same = runner.cache().spec().rewinds
                && groups.len() == past.groups.len()
                && groups.iter().zip(&pieces).zip(&past.groups).all(|((group, pieces), other)| {
                    group.keeps == other.keeps && pieces.all() == other.bytes
                });
            if !same || here != (past.block, Some(past.layout)) {
                return Ok(None);
            }
            runner.import(past.image, &tokens, context, adapter).map(Some)
        });
        let Some(import) = import? else { return Ok(Arriving::Foreign) };
        let arriving = if import.is_done() { Arriving::Known } else { Arriving::Wanted };
        self.coming.insert(id, Coming { model, import, tokens, rest: Vec::new() });
        Ok(arriving)
    }

    /// Takes its next bytes.
    ///
    /// # Errors
    /// `OutOfMemory`: it is to be ended.
    fn write(&mut self, id: u64, bytes: &[u8], models: &mut Models) -> Result<()> {
        let Coming { model, import, tokens, rest } = self.coming.get_mut(&id).ok_or_else(gone)?;
        let ready = models.ready_mut(*model).ok_or_else(gone)?;
        rest.try_reserve(bytes.len())?;
        rest.extend_from_slice(bytes);
        let mut done = 0;
        ready.ask(|runner| {
            while let Some(length) = runner.wants(import)
                && let Some(piece) = rest.get(done..done + length)
            {
                runner.write(import, tokens, piece)?;
                done += length;
            }
            Ok(())
        })?;
        rest.drain(..done);
        Ok(())
    }

    /// The sequence that has come in whole.
    ///
    /// # Errors
    /// `Internal`: not all of it has come; `OutOfMemory`. It is ended then.
    pub(super) fn finish(&mut self, id: u64, models: &mut Models) -> Result<Sequence> {
        let Coming { model, mut import, tokens, .. } = self.coming.remove(&id).ok_or_else(gone)?;
        let ready = models.ready_mut(model).ok_or_else(gone)?;
        let finished = match import.is_done() {
            true => ready.ask(|runner| runner.finish_import(&mut import, &tokens)),
            false => Err(Error::new(ErrorKind::Internal, "not all of the past has come")),
        };
        if finished.is_err() {
            end_import(ready, import);
        }
        finished
    }

    /// As [`Pasts::finish`], of a past that is only to be known.
    ///
    /// # Errors
    /// As [`Pasts::finish`].
    fn keep(&mut self, id: u64, models: &mut Models) -> Result<()> {
        let model = self.coming.get(&id).ok_or_else(gone)?.model;
        let sequence = self.finish(id, models)?;
        models.ready_mut(model).ok_or_else(gone)?.close(sequence);
        Ok(())
    }

    /// Forgets a past that is under way, if it is.
    fn end(&mut self, id: u64, models: &mut Models) {
        if let Some(Leaving { model, export }) = self.leaving.remove(&id)
            && let Some(ready) = models.ready_mut(model)
        {
            let _ = ready.ask(|runner| {
                runner.end_export(export);
                Ok(())
            });
        }
        if let Some(Coming { model, import, .. }) = self.coming.remove(&id)
            && let Some(ready) = models.ready_mut(model)
        {
            end_import(ready, import);
        }
    }
}

fn end_import(ready: &mut Ready, import: Import) {
    let _ = ready.ask(|runner| {
        runner.end_import(import);
        Ok(())
    });
}

fn gone() -> Error {
    Error::new(ErrorKind::Internal, "the past that was under way is gone")
}
