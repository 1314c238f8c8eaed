//! One request for vectors of texts on its way to its end: which texts are begun, and which vectors wait to
//! be told. Knows no pass.

use super::facts::{EngineFacts, Place};
use crate::error::{Error, ErrorKind, Result};
use crate::model::Sequence;
use crate::stream::{End, EndReason, Producer, Vector};
use std::any::Any;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Weak};
use std::time::Instant;

/// Texts that vectors are wanted of.
#[derive(Debug, Clone, Default)]
pub struct EmbedRequest {
    /// Each gives one vector, in this order.
    pub texts: Vec<String>,
    /// What scores are wanted for in place of vectors: how well each text goes with it.
    pub query: Option<String>,
    /// Higher is computed first.
    pub priority: i32,
    /// When it ends at the latest.
    pub deadline: Option<Instant>,
    /// Unread events after which it pauses; 0: never.
    pub buffer_events: usize,
}

/// A request, its stream, and how far it is.
pub(super) struct Embedding {
    pub(super) model: u64,
    pub(super) request: EmbedRequest,
    pub(super) producer: Producer,
    pub(super) state: State,
    /// What it is to keep until its end, such as its model; its place comes back then.
    pub(super) kept: (Box<dyn Any + Send>, Place),
}

/// How far a request is.
pub(super) enum State {
    /// Its model is not loaded yet.
    Waiting,
    /// Its texts are being turned into tokens, as long as this is there.
    Preparing { since: Instant, _wanted: Arc<()> },
    /// It takes part in passes.
    Running(Run),
}

/// A request that takes part in passes.
pub(super) struct Run {
    /// Of each text; empty once its vector is there.
    tokens: Vec<Vec<u32>>,
    /// The first text that is not begun.
    next: usize,
    /// Texts of which a part is computed or under way, in their order.
    begun: VecDeque<Begun>,
    /// Vectors that were not told yet, by text.
    vectors: BTreeMap<usize, Vec<f32>>,
    told: usize,
    /// Tokens computed, and all.
    progress: (u64, u64),
    since: Instant,
}

/// A text that is begun.
pub(super) struct Begun {
    /// Which of the texts.
    pub(super) index: usize,
    pub(super) sequence: Sequence,
    /// Tokens of it that are computed.
    pub(super) held: usize,
    /// Of a mean, the part that they have given: (width), or nothing yet.
    pub(super) sum: Vec<f32>,
}

impl Embedding {
    /// It is begun: its texts are to become tokens, as long as what is returned points to something.
    pub(super) fn start(&mut self, now: Instant) -> Weak<()> {
        let waited = self.producer.age().as_nanos() as u64;
        self.producer.update(|stats| stats.queue_ns = waited);
        self.producer.started();
        let wanted = Arc::new(());
        let job = Arc::downgrade(&wanted);
        self.state = State::Preparing { since: now, _wanted: wanted };
        job
    }

    /// Its texts have become these tokens: it takes part in passes from now on.
    pub(super) fn run(&mut self, tokens: Vec<Vec<u32>>) {
        let State::Preparing { since, .. } = self.state else { return };
        let all = tokens.iter().map(|tokens| tokens.len() as u64).sum();
        self.producer.update(|stats| stats.prompt_tokens = u32::try_from(all).unwrap_or(u32::MAX));
        self.state = State::Running(Run {
            tokens,
            next: 0,
            begun: VecDeque::new(),
            vectors: BTreeMap::new(),
            told: 0,
            progress: (0, all),
            since,
        });
    }

    /// Tells its end; who cancels is told so, whatever came afterwards.
    pub(super) fn end(self, id: u64, end: End, facts: &EngineFacts) {
        let end = if self.producer.is_cancelled() { End::new(EndReason::Cancelled) } else { end };
        facts.say_embedded(id, self.model, &self.producer.stats(), &end);
        drop(self.kept);
        self.producer.end(end);
    }

    /// Whether its reader has left it credit; if not, it goes on when somebody reads.
    pub(super) fn has_credit(&self) -> bool {
        self.producer.has_credit(self.request.buffer_events)
    }

    /// Whether it can take part in a pass now.
    pub(super) fn can_go_on(&self) -> bool {
        match &self.state {
            State::Running(run) => {
                (run.next < run.tokens.len() || !run.begun.is_empty()) && self.has_credit()
            }
            State::Waiting | State::Preparing { .. } => false,
        }
    }

    /// Tells the vectors that are next in the order of the texts, as far as there is credit; the end, once
    /// all are told.
    pub(super) fn tell(&mut self) -> Option<End> {
        let State::Running(run) = &mut self.state else { return None };
        let count = run.tokens.len();
        while run.told < count && self.producer.has_credit(self.request.buffer_events) {
            let values = run.vectors.remove(&run.told)?;
            self.producer.vector(Vector { index: run.told, count, values });
            run.told += 1;
        }
        (run.told == count).then(|| End::new(EndReason::Ready))
    }
}

impl Run {
    /// The tokens of a text.
    pub(super) fn tokens(&self, text: usize) -> &[u32] {
        self.tokens.get(text).map_or(&[], Vec::as_slice)
    }

    /// The first text that is not begun; `None`: all are.
    pub(super) fn next(&self) -> Option<usize> {
        (self.next < self.tokens.len()).then_some(self.next)
    }

    /// That text is begun.
    pub(super) fn begin(&mut self, sequence: Sequence) {
        self.begun.push_back(Begun { index: self.next, sequence, held: 0, sum: Vec::new() });
        self.next += 1;
    }

    /// Texts that are begun.
    pub(super) fn begun(&self) -> impl Iterator<Item = &Begun> {
        self.begun.iter()
    }

    /// One of them.
    pub(super) fn begun_mut(&mut self, text: usize) -> Option<&mut Begun> {
        self.begun.iter_mut().find(|begun| begun.index == text)
    }

    /// So many tokens more are computed.
    pub(super) fn count(&mut self, tokens: usize, producer: &Producer) {
        self.progress.0 += tokens as u64;
        producer.progress(self.progress.0, self.progress.1);
        let took = self.since.elapsed().as_nanos() as u64;
        producer.update(|stats| stats.prefill_ns = took);
    }

    /// The text's vector is there; what is left of it is to be closed.
    pub(super) fn finish(&mut self, text: usize, vector: Vec<f32>) -> Option<Sequence> {
        if let Some(tokens) = self.tokens.get_mut(text) {
            *tokens = Vec::new();
        }
        self.vectors.insert(text, vector);
        let at = self.begun.iter().position(|begun| begun.index == text)?;
        self.begun.remove(at).map(|begun| begun.sequence)
    }
}

/// The vector at length 1, unless it is a score (`ranks`); of zeros alone it stays as it is.
///
/// # Errors
/// `Numeric` where a value is not finite.
pub(super) fn normalised(mut vector: Vec<f32>, text: usize, ranks: bool) -> Result<Vec<f32>> {
    let square: f64 = vector.iter().map(|value| f64::from(*value) * f64::from(*value)).sum();
    if !square.is_finite() {
        let why = format!("what the model makes of texts[{text}] has a value that is no finite number");
        return Err(Error::new(ErrorKind::Numeric, why));
    }
    if square > 0.0 && !ranks {
        let length = square.sqrt();
        vector.iter_mut().for_each(|value| *value = (f64::from(*value) / length) as f32);
    }
    Ok(vector)
}
