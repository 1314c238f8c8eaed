//! The fake decoder: computes nothing, and says the next token of its script with certainty.

use super::gate::Gate;
use super::place::{Place, mix};
use super::script::Script;
use super::storage::{Row, Rows};
use super::vocab::FakeVocab;
use crate::error::{Error, ErrorKind, Result};
use crate::kv::{CacheSpec, Group, Keeps, NO_BLOCK, Past, Storage};
use crate::model::{Decoder, Pace, Pooling, Span, Spec, Step, VectorSpec};
use crate::text::Vocab;
use smallvec::SmallVec;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The logit of the token that comes next; the others have 0.
const CERTAIN: f32 = 50.0;

/// Tokens of a block.
const BLOCK: usize = 32;

/// Bytes of a token's past in a group, and of a state.
const BYTES: u64 = 4;

/// Decodes a [`Script`].
pub struct FakeDecoder {
    spec: Spec,
    cache: CacheSpec,
    script: Script,
    reply: Vec<u32>,
    gate: Gate,
    rows: Rows,
    pass: Option<Pass>,
    /// Parts of the last pass, kept for their memory.
    spare: Vec<Part>,
}

struct Pass {
    parts: Vec<Part>,
    /// Elements of a row: logits, or a vector.
    width: usize,
    slices_left: u32,
    slice: Duration,
    /// The current slice's end.
    slice_until: Option<Instant>,
    /// Parts whose token was let through by the gate.
    let_through: usize,
}

/// What a span came to.
#[derive(Default)]
struct Part {
    /// Behind each of the tokens whose logits are wanted.
    places: Vec<Place>,
    /// Theirs, one after the other.
    logits: Vec<f32>,
}

impl Part {
    fn clear(&mut self) {
        self.places.clear();
        self.logits.clear();
    }
}

impl FakeDecoder {
    pub(super) fn new(script: Script, vocab: Arc<FakeVocab>, gate: Gate) -> Self {
        let reply = script.reply.iter().map(|part| vocab.id(part)).collect();
        let spec = Spec {
            architecture: "fake".to_owned(),
            name: "fake".to_owned(),
            quantisation: "none".to_owned(),
            backend: "fake",
            vocab_size: vocab.len(),
            context_length: script.context_length,
            embedding_length: 1,
            parameters: 0,
            weight_bytes: 0,
            kv_bytes_per_token: BYTES,
            max_batch: script.max_batch,
            max_tokens: script.max_tokens,
            encodes: false,
        };
        let length = |group: &Group| if group.keeps == Keeps::State { 1 } else { BLOCK };
        let cache = cache_spec(&script);
        let rows = Rows::new(cache.groups.iter().map(length).collect());
        Self { spec, cache, script, reply, gate, rows, pass: None, spare: Vec::new() }
    }

    /// Where a past ends, out of all that is kept of it.
    fn end(&self, past: &Past<'_>) -> Place {
        let position = past.position();
        let mut end = Place::default();
        for (group, spec) in self.cache.groups.iter().enumerate().filter(|_| position > 0) {
            let state = past.state(group).and_then(|(from, _)| from);
            let place = match (spec.keeps, state) {
                (Keeps::State, Some(state)) => self.rows.row(group, state, 0).place,
                (Keeps::State, None) => panic!("no state at {position}"),
                _ => self.row(past, group, position - 1).place,
            };
            assert_eq!(place.length, position, "group {group} holds another past");
            if spec.keeps == Keeps::All && self.script.random.is_some() {
                // A wrong block anywhere is another history.
                let tokens = (0..position).map(|at| self.row(past, group, at).token);
                assert_eq!(tokens.fold(0, |hash, token| mix(hash ^ u64::from(token))), place.history);
            }
            end = place;
        }
        end
    }

    /// The row of `group` for the token at `position`.
    fn row(&self, past: &Past<'_>, group: usize, position: usize) -> Row {
        let id = past.blocks(group)[position / BLOCK];
        assert_ne!(id, NO_BLOCK, "no block for {position} in group {group}");
        self.rows.row(group, id, position % BLOCK)
    }

    /// A hash of all that the token at `position` sees, which is behind it at `place`.
    fn seen(&self, place: &Place, past: &Past<'_>, position: usize) -> u64 {
        let mut hash = 0;
        for (group, spec) in self.cache.groups.iter().enumerate() {
            hash = match spec.keeps {
                Keeps::All | Keeps::State => mix(hash ^ place.history),
                Keeps::Window(window) => ((position + 1).saturating_sub(window)..=position)
                    .fold(hash, |hash, at| mix(hash ^ u64::from(self.row(past, group, at).token))),
            };
        }
        hash
    }

    /// The token that comes next at `place` of a sequence; `tokens` are the last ones of it, from `first` on.
    fn expected(&self, place: &Place, past: &Past<'_>, tokens: &[u32]) -> u32 {
        let first = past.position();
        let at = |index: usize| {
            if !self.script.echo {
                return self.reply.get(index).copied();
            }
            let position = Some(place.prompt.0 + index).filter(|at| *at < place.prompt.1)?;
            match position.checked_sub(first) {
                Some(new) => tokens.get(new).copied(),
                None => Some(self.rows.row(0, past.blocks(0)[position / BLOCK], position % BLOCK).token),
            }
        };
        let length = if self.script.echo { place.prompt.1 - place.prompt.0 } else { self.reply.len() };
        let index = place.index as usize;
        match at(index) {
            Some(token) => token,
            None if self.script.endless && length > 0 => at(index % length).unwrap_or(self.script.end_id),
            None if self.script.ends || length == 0 => self.script.end_id,
            None => at(length - 1).unwrap_or(self.script.end_id),
        }
    }

    /// Elements of a vector; a score is one.
    fn width(&self) -> usize {
        if self.script.ranks { 1 } else { self.script.vector_length }
    }

    /// A vector that depends on all tokens of a text and on nothing else.
    fn write_vector(&self, place: &Place, vector: &mut Vec<f32>) {
        let value = |at: u64| (mix(place.history ^ at) >> 40) as f32 / (1 << 23) as f32 - 1.0;
        match self.script.nan_at {
            Some(0) => vector.resize(self.width(), f32::NAN),
            _ => vector.extend((0..self.width() as u64).map(value)),
        }
    }

    fn write_logits(&self, place: &Place, seen: u64, logits: &mut Vec<f32>) {
        let size = self.spec.vocab_size;
        let start = logits.len();
        if self.script.nan_at == Some(place.index) {
            return logits.resize(start + size, f32::NAN);
        }
        if let Some(seed) = self.script.random {
            let history = mix(seen ^ seed);
            let random = |id| (mix(history ^ id) >> 40) as f32 / (1 << 22) as f32;
            return logits.extend((0..size as u64).map(random));
        }
        logits.resize(start + size, 0.0);
        if let Some(logit) = place.expected.and_then(|token| logits.get_mut(start + token as usize)) {
            *logit = CERTAIN;
        }
    }

    /// Keeps a span's tokens, which follow `place`, and says what follows them.
    fn take(&mut self, span: &Span<'_>, mut place: Place, part: &mut Part, vectors: bool) {
        let (past, count) = (&span.past, span.tokens.len());
        // What the reply expects is a reply only where a reply may be: one token, or a draft.
        let goes_on = count == 1 || span.logits == count;
        for (index, token) in span.tokens.iter().enumerate() {
            place = place.after(*token, goes_on);
            let wanted = index >= count - span.logits;
            if wanted {
                place.expected = Some(self.expected(&place, past, span.tokens));
            }
            let position = past.position() + index;
            for group in 0..self.cache.groups.len() {
                let row = Row { token: *token, place };
                match (self.cache.groups[group].keeps, past.state(group)) {
                    (Keeps::State, Some((_, next))) => *self.rows.row_mut(group, next, 0) = row,
                    (Keeps::State, None) => panic!("no state to write"),
                    _ => {
                        let id = past.blocks(group)[position / BLOCK];
                        *self.rows.row_mut(group, id, position % BLOCK) = row;
                    }
                }
            }
            if wanted {
                let seen = if self.script.random.is_some() { self.seen(&place, past, position) } else { 0 };
                part.places.push(place);
                if vectors {
                    self.write_vector(&place, &mut part.logits);
                    continue;
                }
                self.write_logits(&place, seen, &mut part.logits);
            }
        }
    }

    fn start(&mut self, spans: &[Span<'_>], vectors: bool) -> Result<()> {
        let mut parts = std::mem::take(&mut self.spare);
        // Never shorter: what parts work in is kept.
        parts.resize_with(parts.len().max(spans.len()), Part::default);
        parts.iter_mut().for_each(Part::clear);
        let mut prefilled = 0;
        for (span, part) in spans.iter().zip(&mut parts) {
            let count = span.tokens.len();
            let end = self.end(&span.past);
            if count > 1 && span.logits < count || end.expected.is_none() {
                prefilled += count as u64;
            }
            self.take(span, end, part, vectors);
        }
        self.gate.count(0, prefilled, 0);
        let time = Duration::from_micros(self.script.delay_us + self.script.prefill_delay_us * prefilled);
        let slices_left = self.script.slices;
        let width = if vectors { self.width() } else { self.spec.vocab_size };
        self.pass = Some(Pass {
            parts,
            width,
            slices_left,
            slice: time / slices_left,
            slice_until: None,
            let_through: 0,
        });
        Ok(())
    }
}

/// What the model of a script keeps of its past.
fn cache_spec(script: &Script) -> CacheSpec {
    let mut groups = SmallVec::new();
    let keys = |keeps| Group { keeps, bytes: BYTES * BLOCK as u64 };
    if script.echo || (script.window.is_none() && !script.recurrent) {
        groups.push(keys(Keeps::All));
    }
    groups.extend(script.window.map(|window| keys(Keeps::Window(window.max(1)))));
    if script.recurrent {
        groups.push(Group { keeps: Keeps::State, bytes: BYTES });
    }
    // What a reply is at depends on who asked, not on tokens alone.
    let shares = script.rewinds && script.random.is_some();
    CacheSpec { block: BLOCK, groups, shares, rewinds: script.rewinds }
}

impl Decoder for FakeDecoder {
    fn spec(&self) -> &Spec {
        &self.spec
    }

    fn cache_spec(&self) -> CacheSpec {
        self.cache.clone()
    }

    fn storage(&mut self) -> &mut dyn Storage {
        &mut self.rows
    }

    fn chunk_limit(&self, _held: usize, wanted: usize) -> usize {
        wanted.min(self.spec.max_tokens)
    }

    fn verifies(&self) -> bool {
        self.script.drafts
    }

    fn vectors(&self) -> Result<VectorSpec> {
        Ok(VectorSpec {
            width: self.width(),
            pooling: Pooling::Last,
            ranks: self.script.ranks,
            separators: 1,
        })
    }

    fn begin(&mut self, spans: &[Span<'_>]) -> Result<()> {
        self.start(spans, false)
    }

    fn begin_vectors(&mut self, spans: &[Span<'_>]) -> Result<()> {
        self.start(spans, true)
    }

    fn run_slice(&mut self, pace: Pace) -> Result<Step> {
        let Some(pass) = &mut self.pass else { return Ok(Step::Done) };
        let wanted = pass.parts.iter().filter(|part| !part.places.is_empty()).count();
        while self.script.gated && pass.let_through < wanted {
            if !self.gate.pass(pace.until) {
                return Ok(Step::More);
            }
            pass.let_through += 1;
        }
        if !pass.slice.is_zero() {
            let until = *pass.slice_until.get_or_insert_with(|| Instant::now() + pass.slice);
            let now = Instant::now();
            std::thread::sleep(until.min(pace.until).saturating_duration_since(now));
            if Instant::now() < until {
                return Ok(Step::More);
            }
        }
        pass.slice_until = None;
        pass.slices_left -= 1;
        self.gate.count(0, 0, 1);
        if pass.slices_left > 0 {
            return Ok(Step::More);
        }
        let ours = |at: Option<u64>| {
            let mut places = pass.parts.iter().flat_map(|part| &part.places);
            at.is_some_and(|at| places.any(|place| place.index == at))
        };
        assert!(!ours(self.script.panic_at), "the script says that this pass panics");
        if ours(self.script.fail_at) {
            return Err(Error::new(ErrorKind::Io, "the script says that this pass fails"));
        }
        self.gate.count(wanted as u64, 0, 0);
        Ok(Step::Done)
    }

    fn logits(&mut self, index: usize, row: usize) -> &mut [f32] {
        let Some(pass) = &mut self.pass else { return &mut [] };
        let size = pass.width;
        let part = pass.parts.get_mut(index);
        part.and_then(|part| part.logits.get_mut(row * size..(row + 1) * size)).unwrap_or_default()
    }

    fn finish(&mut self) {
        if let Some(pass) = self.pass.take() {
            self.spare = pass.parts;
        }
    }

    fn memory(&self) -> u64 {
        0
    }
}
