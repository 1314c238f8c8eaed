//! What the engine holds; knows not what it does with it.

use super::costs::Costs;
use super::facts::EngineFacts;
use super::generation::Generation;
use super::plan::Candidate;
use super::rows::{Pass, Row};
use super::session::Session;
use super::settling::Settling;
use super::text_job::TextJob;
use crate::error::{Error, ErrorKind, Result};
use crate::ids::IdMap;
use crate::model::Decoder;
use crate::text::Vocab;
use std::cmp::Reverse;
use std::collections::{BTreeSet, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How much the engine may do at a time.
#[derive(Debug, Clone, Copy)]
pub struct EngineLimits {
    /// Generations that are computed together.
    pub max_sequences: usize,
    /// How long a slice of a pass takes about.
    pub slice: Duration,
    /// Bytes of text that become tokens within a step; longer text is handed out ([`Engine::take_job`]), as
    /// are messages: the template that renders them is the model file's, and may take its time.
    pub inline_bytes: usize,
    /// The thread is not the host's: decoders settle while nothing else is to do, too, and also where a piece
    /// takes long.
    pub own_thread: bool,
    /// What rows cost; `None`: what is measured.
    pub costs: Option<Costs>,
}

pub(super) enum ModelState {
    Loading,
    Ready { decoder: Box<dyn Decoder>, vocab: Arc<dyn Vocab> },
    Failed(Error),
}

pub(super) struct Model {
    pub(super) state: ModelState,
    /// Its decoder has nothing left to settle.
    pub(super) settled: bool,
    pub(super) costs: Costs,
    /// A pass of it was computed: its weights are in memory, if there is room for them.
    pub(super) warm: bool,
}

/// Sequences, scheduling and batching over the models of one runtime.
///
/// A synchronous state machine: whoever drives it calls [`Engine::step`] until it is idle, and again when
/// something was handed in.
pub struct Engine {
    pub(super) limits: EngineLimits,
    pub(super) models: IdMap<u64, Model>,
    pub(super) sessions: IdMap<u64, Session>,
    pub(super) generations: IdMap<u64, Generation>,
    /// Who waits, in the order of service.
    pub(super) line: BTreeSet<(Reverse<i32>, u64)>,
    /// Who has begun.
    pub(super) running: Vec<u64>,
    /// How many of them waited for a reader when the last pass was planned.
    pub(super) unread: usize,
    pub(super) pass: Option<Pass>,
    /// A trim is to be finished behind the pass.
    pub(super) trims: bool,
    /// Empty, kept for their memory.
    pub(super) candidates: Vec<Candidate>,
    pub(super) spare_rows: Vec<Row>,
    pub(super) jobs: VecDeque<TextJob>,
    pub(super) facts: Arc<EngineFacts>,
    pub(super) settling: Settling,
    /// Something changed that may let a waiting generation start.
    pub(super) stirred: bool,
    /// Somebody cancelled, closed or made room.
    pub(super) attention: bool,
    pub(super) next_deadline: Option<Instant>,
    pub(super) paused: bool,
    pub(super) arrivals: u64,
}

impl Engine {
    /// An engine without models.
    pub fn new(limits: EngineLimits, facts: Arc<EngineFacts>) -> Self {
        Self {
            limits,
            models: IdMap::default(),
            sessions: IdMap::default(),
            generations: IdMap::default(),
            line: BTreeSet::new(),
            running: Vec::new(),
            unread: 0,
            pass: None,
            trims: false,
            candidates: Vec::new(),
            spare_rows: Vec::new(),
            jobs: VecDeque::new(),
            facts,
            settling: Settling::default(),
            stirred: false,
            attention: false,
            next_deadline: None,
            paused: false,
            arrivals: 0,
        }
    }
}

/// Runs `work` so that a panic is an error of this work only.
pub(super) fn guarded<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| {
        Err(Error::new(
            ErrorKind::Internal,
            "a panic while the model computed; the runtime goes on, this is over",
        ))
    })
}

/// Runs `work`, after which things go on even if it panics.
pub(super) fn quietly(work: impl FnOnce()) {
    let _ = catch_unwind(AssertUnwindSafe(work));
}
