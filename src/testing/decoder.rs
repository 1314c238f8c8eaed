//! The fake decoder: computes nothing, and says the next token of its script with certainty.

use super::gate::Gate;
use super::script::Script;
use super::vocab::FakeVocab;
use crate::error::{Error, ErrorKind, Result};
use crate::ids::IdMap;
use crate::model::{Chunk, Decoder, Pace, Sequence, Spec, Step};
use crate::text::Vocab;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The logit of the token that comes next; the others have 0.
const CERTAIN: f32 = 50.0;

/// Decodes a [`Script`].
pub struct FakeDecoder {
    spec: Spec,
    script: Script,
    reply: Vec<u32>,
    gate: Gate,
    sequences: IdMap<Sequence, State>,
    opened: u32,
    pass: Option<Pass>,
    /// Rows of the last pass, kept for their memory.
    spare: Vec<Row>,
}

/// What a sequence holds, and where in its reply it is.
#[derive(Debug, Default)]
struct State {
    tokens: Vec<u32>,
    /// The prompt since the last reply.
    prompt: Vec<u32>,
    place: Place,
    closed: bool,
}

/// Where in its reply a sequence is.
#[derive(Debug, Clone, Copy, Default)]
struct Place {
    /// The reply's tokens so far, and the one that is expected next.
    index: u64,
    expected: Option<u32>,
    /// The tokens that led here are a prompt's; the first of them after a reply begin a new one.
    prompts: bool,
    begins: bool,
    /// A hash of all tokens.
    history: u64,
}

struct Pass {
    rows: Vec<Row>,
    slices_left: u32,
    slice: Duration,
    /// The current slice's end.
    slice_until: Option<Instant>,
    /// Rows whose token was let through by the gate.
    let_through: usize,
}

#[derive(Default)]
struct Row {
    sequence: Sequence,
    tokens: Vec<u32>,
    next: Place,
    wants_logits: bool,
    logits: Vec<f32>,
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
            kv_bytes_per_token: 4,
            max_batch: script.max_batch,
            max_tokens: script.max_tokens,
        };
        Self {
            spec,
            script,
            reply,
            gate,
            sequences: IdMap::default(),
            opened: 0,
            pass: None,
            spare: Vec::new(),
        }
    }

    /// Where the sequence is after `tokens`.
    fn advance(&self, state: &State, tokens: &[u32], last: bool) -> Place {
        let old = state.place;
        let goes_on = old.expected.is_some() && tokens == old.expected.as_slice();
        let begins = !goes_on && old.expected.is_some();
        let index = if goes_on { old.index + 1 } else { 0 };
        let before = if begins { &[] } else { state.prompt.as_slice() };
        let expected = last.then(|| self.token(index as usize, before, if goes_on { &[] } else { tokens }));
        let history = tokens.iter().fold(old.history, |hash, token| mix(hash ^ u64::from(*token)));
        Place { index, expected, prompts: !goes_on, begins, history }
    }

    /// The token at `index` of the reply to the prompt `before` and `tokens`.
    fn token(&self, index: usize, before: &[u32], tokens: &[u32]) -> u32 {
        let (first, second): (&[u32], &[u32]) =
            if self.script.echo { (before, tokens) } else { (&self.reply, &[]) };
        let length = first.len() + second.len();
        let at = |index: usize| match first.get(index) {
            Some(token) => Some(*token),
            None => second.get(index - first.len()).copied(),
        };
        match at(index) {
            Some(token) => token,
            None if self.script.endless && length > 0 => at(index % length).unwrap_or(self.script.end_id),
            None if self.script.ends || length == 0 => self.script.end_id,
            None => at(length - 1).unwrap_or(self.script.end_id),
        }
    }

    fn write_logits(&self, place: &Place, logits: &mut Vec<f32>) {
        let size = self.spec.vocab_size;
        logits.clear();
        if self.script.nan_at == Some(place.index) {
            return logits.resize(size, f32::NAN);
        }
        if let Some(seed) = self.script.random {
            let history = mix(place.history ^ seed);
            let random = |id| (mix(history ^ id) >> 40) as f32 / (1 << 22) as f32;
            return logits.extend((0..size as u64).map(random));
        }
        logits.resize(size, 0.0);
        if let Some(logit) = place.expected.and_then(|token| logits.get_mut(token as usize)) {
            *logit = CERTAIN;
        }
    }
}

/// SplitMix64's finaliser (Steele, Lea, Flood 2014).
fn mix(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

impl Decoder for FakeDecoder {
    fn spec(&self) -> &Spec {
        &self.spec
    }

    fn open(&mut self, _context: usize) -> Result<Sequence> {
        self.opened += 1;
        let sequence = Sequence(self.opened);
        self.sequences.insert(sequence, State::default());
        Ok(sequence)
    }

    fn close(&mut self, sequence: Sequence) {
        let in_pass =
            self.pass.as_ref().is_some_and(|pass| pass.rows.iter().any(|row| row.sequence == sequence));
        match self.sequences.get_mut(&sequence) {
            Some(state) if in_pass => state.closed = true,
            _ => drop(self.sequences.remove(&sequence)),
        }
    }

    fn length(&self, sequence: Sequence) -> usize {
        self.sequences.get(&sequence).map_or(0, |state| state.tokens.len())
    }

    fn truncate(&mut self, sequence: Sequence, length: usize) -> usize {
        let keep = if self.script.rewinds { length } else { 0 };
        let Some(state) = self.sequences.get_mut(&sequence) else { return 0 };
        state.tokens.truncate(keep);
        state.prompt.clear();
        let history = state.tokens.iter().fold(0, |hash, token| mix(hash ^ u64::from(*token)));
        state.place = Place { history, ..Place::default() };
        state.tokens.len()
    }

    fn chunk_limit(&self, _sequence: Sequence, wanted: usize) -> usize {
        wanted.min(self.spec.max_tokens)
    }

    fn begin(&mut self, chunks: &[Chunk<'_>]) -> Result<()> {
        let mut rows = std::mem::take(&mut self.spare);
        rows.truncate(chunks.len());
        let mut prefilled = 0;
        for (index, chunk) in chunks.iter().enumerate() {
            let Some(state) = self.sequences.get(&chunk.sequence) else {
                return Err(Error::new(ErrorKind::Internal, "a chunk of a closed sequence"));
            };
            if state.place.expected.is_none() || chunk.tokens.len() > 1 {
                prefilled += chunk.tokens.len() as u64;
            }
            let next = self.advance(state, chunk.tokens, chunk.logits);
            if index == rows.len() {
                rows.push(Row::default());
            }
            let row = &mut rows[index];
            (row.sequence, row.next, row.wants_logits) = (chunk.sequence, next, chunk.logits);
            row.tokens.clear();
            row.tokens.extend_from_slice(chunk.tokens);
            if chunk.logits {
                self.write_logits(&next, &mut row.logits);
            }
        }
        self.gate.count(0, prefilled, 0);
        let time = Duration::from_micros(self.script.delay_us + self.script.prefill_delay_us * prefilled);
        let slices_left = self.script.slices;
        self.pass =
            Some(Pass { rows, slices_left, slice: time / slices_left, slice_until: None, let_through: 0 });
        Ok(())
    }

    fn run_slice(&mut self, pace: Pace) -> Result<Step> {
        let Some(pass) = &mut self.pass else { return Ok(Step::Done) };
        let wanted = pass.rows.iter().filter(|row| row.wants_logits).count();
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
            let mut rows = pass.rows.iter().filter(|row| row.wants_logits);
            at.is_some_and(|at| rows.any(|row| row.next.index == at))
        };
        assert!(!ours(self.script.panic_at), "the script says that this pass panics");
        if ours(self.script.fail_at) {
            return Err(Error::new(ErrorKind::Io, "the script says that this pass fails"));
        }
        self.gate.count(wanted as u64, 0, 0);
        Ok(Step::Done)
    }

    fn logits(&mut self, index: usize) -> &mut [f32] {
        let row = self.pass.as_mut().and_then(|pass| pass.rows.get_mut(index));
        row.filter(|row| row.wants_logits).map(|row| &mut *row.logits).unwrap_or_default()
    }

    fn commit(&mut self, index: usize) {
        let Some(row) = self.pass.as_mut().and_then(|pass| pass.rows.get_mut(index)) else { return };
        if let Some(state) = self.sequences.get_mut(&row.sequence) {
            state.tokens.extend_from_slice(&row.tokens);
            if row.next.begins {
                state.prompt.clear();
            }
            if row.next.prompts {
                state.prompt.extend_from_slice(&row.tokens);
            }
            state.place = row.next;
        }
    }

    fn finish(&mut self) {
        if let Some(pass) = self.pass.take() {
            self.spare = pass.rows;
        }
        self.sequences.retain(|_, state| !state.closed);
    }

    fn memory(&self) -> u64 {
        self.sequences.values().map(|state| 4 * state.tokens.len() as u64).sum()
    }
}
