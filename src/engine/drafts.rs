//! Drafts: tokens that a sequence is taken to go on with, so that one pass computes them together with the
//! one before; what comes of them is the sampler's to say. Knows where they come from and what they are
//! worth.

use super::gain::{Bill, Chances};
use super::generation::{Generation, State};
use super::lookup::{Found, Lookup};
use super::models::Models;
use super::pool::Pool;
use super::queue::Queue;
use super::session::{Session, Sessions};
use super::span::Span;
use crate::ids::IdMap;
use smallvec::SmallVec;

/// Rows of one sequence in a pass at most, where it drafts.
const MOST_ROWS: usize = 16;

/// Passes without any draft after one whose drafts found no memory, or that failed.
const REST: u32 = 256;

/// The drafts of the next pass, and what each generation drafts from.
#[derive(Default)]
pub(super) struct Drafts {
    /// By generation.
    drafters: IdMap<u64, Drafter>,
    /// What is fed of the spans with a draft: their tokens, then the draft.
    fed: Vec<u32>,
    /// Passes to go without a draft.
    rest: u32,
}

/// Where drafts come from. What predicts tokens in another way (heads for more than one token, a smaller
/// model) is one more of these: it gives tokens, and has its own chances.
#[derive(Debug, Clone, Copy)]
enum Source {
    /// The session's own tokens.
    Own,
    /// What sessions of the model have said.
    Pool,
}

/// What one generation drafts from, and how it fares.
struct Drafter {
    own: Lookup,
    /// By source.
    chances: [Chances; 2],
    given: Option<Given>,
}

/// What a source gave for the tokens that follow.
struct Given {
    source: Source,
    /// How many tokens the session had.
    at: usize,
    /// Where the first was found, and how many tokens agreed in front of it.
    place: usize,
    length: usize,
    /// The first, and those that were drafted behind it.
    tokens: SmallVec<[u32; MOST_ROWS]>,
}

impl Drafts {
    /// Adds drafts to the spans of the next pass, where they pay. Where a prompt takes part nothing is
    /// drafted: its rows fill the pass.
    pub(super) fn add(
        &mut self,
        model: u64,
        spans: &mut [Span],
        queue: &mut Queue,
        models: &mut Models,
        sessions: &Sessions,
    ) {
        self.fed.clear();
        let Some((most, costs)) = models.for_drafts(model) else { return };
        self.rest = self.rest.saturating_sub(1);
        let again = spans.iter().map(|span| span.tokens.saturating_sub(1)).sum();
        let bill = Bill::new(costs, spans.len(), again);
        let Some(mut bill) = bill.filter(|_| self.rest == 0 && spans.iter().all(Span::decodes)) else {
            return;
        };
        let mut left = most.saturating_sub(spans.len() + again);
        for span in spans.iter_mut().filter(|span| span.answers && span.logits) {
            let Some(session) = sessions.get(&span.session) else { continue };
            let Some(most) = room(span, session, queue, models) else { continue };
            let most = most.min(left);
            let forced = forced(span, queue);
            let draft = if forced.is_empty() {
                let drafter = self.drafters.entry(span.generation).or_insert_with(|| Drafter::new(session));
                let pool = models.ready_mut(model).map(|ready| &mut ready.pool);
                drafter.draft(&session.tokens, pool, most, &mut bill)
            } else {
                // A grammar leaves no choice: such a draft is right.
                &forced[..bill.take_certain(most.min(forced.len()))]
            };
            if draft.is_empty() || self.fed.try_reserve(MOST_ROWS).is_err() {
                continue;
            }
            (span.fed, span.drafts) = (self.fed.len(), draft.len());
            left -= draft.len();
            self.fed.extend_from_slice(session.tokens.get(span.from..).unwrap_or_default());
            self.fed.extend_from_slice(draft);
        }
    }

    /// The tokens of the span, its draft behind them; `session`: all of its session's.
    pub(super) fn fed<'a>(&'a self, span: &Span, session: &'a [u32]) -> Option<&'a [u32]> {
        match span.drafts {
            0 => session.get(span.from..span.from + span.tokens),
            _ => self.fed.get(span.fed..span.fed + span.rows()),
        }
    }

    /// The span's draft.
    pub(super) fn of(&self, span: &Span) -> &[u32] {
        let first = span.fed + span.tokens;
        self.fed.get(first..first + span.drafts).unwrap_or_default()
    }

    /// The pass finds no memory with these drafts, or fails: they go, and none come for a while.
    pub(super) fn give_up(&mut self, spans: &mut [Span]) {
        spans.iter_mut().for_each(|span| span.drafts = 0);
        self.rest = REST;
    }

    /// The generation has ended; `tokens`: its session's. What it has said is there for others.
    pub(super) fn forget(&mut self, id: u64, generation: &Generation, tokens: &[u32], models: &mut Models) {
        if self.drafters.remove(&id).is_some()
            && let Some(ready) = models.ready_mut(generation.model)
        {
            let said = tokens.len().saturating_sub(generation.output_tokens() as usize);
            ready.pool.add(&tokens[said..]);
        }
    }
}

/// The tokens that the span's generation goes on with whatever the model says.
fn forced<'a>(span: &Span, queue: &'a mut Queue) -> &'a [u32] {
    match queue.get_mut(span.generation).map(|generation| &mut generation.state) {
        Some(State::Running(run)) => run.chooser.forced(),
        _ => &[],
    }
}

/// How many tokens may be drafted for the span; `None`: its generation does not draft.
fn room(span: &Span, session: &Session, queue: &Queue, models: &Models) -> Option<usize> {
    let generation = queue.get(span.generation)?;
    let request = &generation.request;
    if request.max_tokens_per_second != 0 {
        // Each token has its time, and nothing is computed before.
        return None;
    }
    // One more comes behind the last drafted one.
    let room = session.context?.saturating_sub(session.tokens.len() + 1);
    let wanted = match request.max_tokens {
        0 => usize::MAX,
        most => most.saturating_sub(generation.output_tokens() + 1) as usize,
    };
    // No place is passed over at which the model is to keep a state.
    let most = models.ready(generation.model)?.chunk_limit(span.sequence, MOST_ROWS.max(span.tokens));
    Some(room.min(wanted).min(most.saturating_sub(span.tokens)))
}

impl Drafter {
    fn new(session: &Session) -> Self {
        let own = Lookup::new(2 * session.tokens.len() + 1024);
        Self { own, chances: [Chances::default(); 2], given: None }
    }

    /// Up to `most` tokens that may follow `tokens`, the session's; none where that does not pay.
    fn draft(&mut self, tokens: &[u32], mut pool: Option<&mut Pool>, most: usize, bill: &mut Bill) -> &[u32] {
        let mut hints = [0; 2];
        if let Some(given) = self.given.take() {
            given.judge(tokens, &mut self.chances[given.source as usize]);
            hints[given.source as usize] = given.place + (tokens.len() - given.at);
        }
        self.own.extend(tokens);
        let own = self.own.find(tokens, tokens, hints[0]).map(|found| (Source::Own, found));
        let pooled = pool.as_deref_mut().and_then(|pool| pool.find(tokens, hints[1]));
        let found = pooled.map(|found| (Source::Pool, found)).into_iter().chain(own);
        let chance = |(source, found): &(Source, Found)| self.chances[*source as usize].of(found.length);
        // Of equal ones the session's own.
        let Some((source, found)) = found.max_by(|one, other| chance(one).total_cmp(&chance(other))) else {
            return &[];
        };
        // Behind the own text's end comes the draft itself: a text that repeats itself goes on.
        let (known, most) = match (source, pool) {
            (Source::Pool, Some(pool)) => {
                let known = pool.from(found.place);
                (known, most.min(known.len()))
            }
            _ => (&tokens[found.place..], most),
        };
        let count = bill.take(&self.chances[source as usize], found.length, most);
        let mut given = SmallVec::new();
        for index in 0..count.max(1) {
            let token = known.get(index).or_else(|| given.get(index - known.len()));
            given.extend(token.copied());
        }
        let Found { place, length } = found;
        let given = Given { source, at: tokens.len(), place, length, tokens: given };
        &self.given.insert(given).tokens[..count]
    }
}

impl Given {
    /// Compares what was given with what has followed.
    fn judge(&self, tokens: &[u32], chances: &mut Chances) {
        let followed = tokens.get(self.at..).unwrap_or_default();
        for (index, (given, token)) in self.tokens.iter().zip(followed).enumerate() {
            chances.observe(self.length + index, given == token);
            if given != token {
                break;
            }
        }
    }
}
