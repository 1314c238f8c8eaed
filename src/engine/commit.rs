//! What becomes of a generation's part of a pass that is computed: row by row it is its sequence's, and gives
//! a token. Knows no plan.

use super::generation::{Generation, State};
use super::models::Models;
use super::queue::Queue;
use super::session::Sessions;
use super::span::Span;
use crate::stream::{End, EndReason};
use std::time::Instant;

/// A span of a pass, with what is drafted behind its tokens.
pub(super) struct Computed<'a> {
    pub(super) model: u64,
    /// The pass' number.
    pub(super) pass: u64,
    /// Which chunk of the pass it is.
    pub(super) index: usize,
    pub(super) span: &'a Span,
    pub(super) draft: &'a [u32],
}

/// What a row came to, where the span is not over with it.
pub(super) enum Taken {
    /// The draft behind it is right: the next row is a token's too.
    Right,
    /// The generation ends. On the heap, so that a token that ends nothing does not carry its figures along.
    End(Box<End>),
}

impl Computed<'_> {
    /// Takes over the span's tokens and the first `right` ones of its draft, which are right, and samples
    /// what follows them, `now`.
    ///
    /// Each token is drawn as it would be without a draft: from the model's own logits behind the tokens
    /// before it, by the same sampler in the same state. A draft only says whether the logits behind that
    /// token are there already. So text and distribution are what they are without it.
    pub(super) fn take_row(
        &self,
        right: usize,
        now: Instant,
        queue: &mut Queue,
        models: &mut Models,
        sessions: &mut Sessions,
    ) -> Option<Taken> {
        let span = self.span;
        let ready = models.ready_mut(self.model)?;
        let session = sessions.get_mut(&span.session)?;
        let generation = queue.get_mut(span.generation)?;
        if right > 0 && !may_go_on(generation, now) {
            return None;
        }
        let State::Running(run) = &mut generation.state else { return None };
        (run.last_pass, session.last_pass) = (self.pass, self.pass);
        ready.commit(self.index, span.tokens + right);
        if !span.last {
            if !span.answers {
                let (done, total) = ((span.from + span.tokens) as u64, session.tokens.len() as u64);
                generation.producer.progress(done, total);
            }
            return None;
        }
        if generation.request.prefill_only {
            run.count_prefill(&generation.producer, now);
            return Some(Taken::End(Box::new(End::new(EndReason::Ready))));
        }
        let first = span.outputs().saturating_sub(1 + self.draft.len());
        let (logits, vocab) = ready.logits(self.index, first + right);
        let last = session.tokens.last().copied();
        let sampled = match run.draw(logits, vocab, last, generation.producer.wants_answer()) {
            Ok(sampled) => sampled,
            Err(error) => return Some(Taken::End(Box::new(End::failed(error)))),
        };
        let is_right = self.draft.get(right) == Some(&sampled.token);
        if !self.draft.is_empty() {
            let drafted = if right == 0 { self.draft.len() as u64 } else { 0 };
            generation.producer.update(|stats| {
                stats.draft_tokens += drafted;
                stats.draft_accepted += u64::from(is_right);
            });
        }
        match run.accept(sampled, now, vocab, session, &generation.request, &generation.producer) {
            Some(end) => Some(Taken::End(end)),
            None => is_right.then_some(Taken::Right),
        }
    }
}

/// Whether the generation may give one token more than the pass was planned for.
fn may_go_on(generation: &Generation, now: Instant) -> bool {
    let request = &generation.request;
    !generation.producer.is_cancelled()
        && generation.producer.has_credit(request.buffer_events)
        && request.deadline.is_none_or(|deadline| now < deadline)
}
