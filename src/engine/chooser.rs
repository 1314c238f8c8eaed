//! How a generation's next token is chosen: drawn, and under a grammar of those only that it allows. Knows no
//! sequence.

use crate::error::Result;
use crate::sample::{Sampled, Sampler};
use crate::text::grammar::Bound;

/// A sampler, and the grammar that binds it, if there is one.
pub(super) struct Chooser {
    sampler: Sampler,
    bound: Option<Box<Bound>>,
}

impl Chooser {
    pub(super) fn new(sampler: Sampler, bound: Option<Box<Bound>>) -> Self {
        Self { sampler, bound }
    }

    /// Chooses a token from `logits` `(vocab_size)`, which are changed on the way.
    ///
    /// # Errors
    /// Those of the sampler; `Grammar` if the grammar does not go on.
    pub(super) fn choose(&mut self, logits: &mut [f32]) -> Result<Sampled> {
        match &mut self.bound {
            Some(bound) if bound.has_begun() => self.sampler.sample_allowed(logits, bound.mask()?),
            _ => self.sampler.sample(logits),
        }
    }

    /// As [`choose`](Self::choose), where a thought may come before what the grammar binds: the token that
    /// is drawn from all of them, if it `thinks`; else the grammar binds from here on, behind the token
    /// `last`, and what has `begun` is its own too. Without `begun` what has come is the beginning of a
    /// thought's marker, and no other token may follow.
    ///
    /// # Errors
    /// As [`choose_but`](Self::choose_but).
    pub(super) fn choose_or_begin(
        &mut self,
        logits: &mut [f32],
        begun: Option<&str>,
        last: Option<u32>,
        thinks: impl Fn(u32) -> bool,
    ) -> Result<Sampled> {
        let Some(begun) = begun else { return self.choose_free(logits, |token| !thinks(token)) };
        let mut copy = Vec::new();
        copy.try_reserve_exact(logits.len())?;
        copy.extend_from_slice(logits);
        let sampled = self.sampler.sample(&mut copy)?;
        if thinks(sampled.token) {
            return Ok(sampled);
        }
        self.begin(begun, last)?;
        self.choose(logits)
    }

    /// From here on the grammar binds, behind `prefix`, which is its own too, and the token `last`.
    ///
    /// # Errors
    /// `Grammar`: it does not allow the prefix, or what is complete is not what the schema says.
    pub(super) fn begin(&mut self, prefix: &str, last: Option<u32>) -> Result<()> {
        let Some(bound) = &mut self.bound else { return Ok(()) };
        bound.begin(prefix, last).map_err(|why| why.within("the answer's beginning"))?;
        if bound.is_finished() { bound.check_finished() } else { Ok(()) }
    }

    /// Whether a grammar binds what comes now.
    pub(super) fn is_bound(&self) -> bool {
        self.bound.as_ref().is_some_and(|bound| bound.has_begun())
    }

    /// As [`choose`](Self::choose), of the tokens that are not `forbidden`, which is asked for those alone
    /// that would be chosen. Where a grammar binds it nothing else is forbidden.
    ///
    /// # Errors
    /// As [`choose`](Self::choose); `Numeric` if none is left; `OutOfMemory`.
    pub(super) fn choose_but(
        &mut self,
        logits: &mut [f32],
        forbidden: impl Fn(u32) -> bool,
    ) -> Result<Sampled> {
        if self.bound.is_some() {
            return self.choose(logits);
        }
        self.choose_free(logits, forbidden)
    }

    /// As [`choose_but`](Self::choose_but), without a grammar.
    fn choose_free(&mut self, logits: &mut [f32], forbidden: impl Fn(u32) -> bool) -> Result<Sampled> {
        let (mut allowed, mut copy) = (Vec::new(), Vec::new());
        allowed.try_reserve_exact(logits.len().div_ceil(32))?;
        allowed.resize(logits.len().div_ceil(32), u32::MAX);
        copy.try_reserve_exact(logits.len())?;
        loop {
            copy.clear();
            copy.extend_from_slice(logits);
            let sampled = self.sampler.sample_allowed(&mut copy, &allowed)?;
            if !forbidden(sampled.token) {
                return Ok(sampled);
            }
            allowed[sampled.token as usize / 32] &= !(1 << (sampled.token % 32));
        }
    }

    /// The token that comes whatever the logits are.
    ///
    /// # Errors
    /// As [`Sampler::take`].
    pub(super) fn take(&mut self, logits: &mut [f32], token: u32) -> Result<Sampled> {
        self.sampler.take(logits, token)
    }

    /// `token`, of this `text`, was chosen, and is part of the answer; whether the grammar, if there is one,
    /// is complete with it.
    ///
    /// # Errors
    /// `Grammar`: it cannot go on, or what is complete is not what the schema says.
    pub(super) fn accept<'a>(&mut self, token: u32, text: impl FnOnce() -> &'a [u8]) -> Result<bool> {
        self.sampler.accept(token, text);
        let Some(bound) = &mut self.bound else { return Ok(false) };
        bound.accept(token)?;
        if bound.is_finished() {
            bound.check_finished()?;
        }
        Ok(bound.is_finished())
    }

    /// The answer is complete, by an end-of-generation token.
    ///
    /// # Errors
    /// `Grammar`: it is not what the schema says.
    pub(super) fn check_finished(&self) -> Result<()> {
        self.bound.as_ref().map_or(Ok(()), |bound| bound.check_finished())
    }

    /// A call was made, as its event has it.
    ///
    /// # Errors
    /// `Grammar`: it had to come, and is not what its tool's schema says.
    pub(super) fn check_call(&mut self, call: &str) -> Result<()> {
        self.bound.as_mut().map_or(Ok(()), |bound| bound.check_call(call))
    }

    /// The grammar is complete.
    ///
    /// # Errors
    /// `Grammar`: a call had to come, and none was read.
    pub(super) fn check_called(&self) -> Result<()> {
        self.bound.as_ref().map_or(Ok(()), |bound| bound.check_called())
    }

    /// Whether the grammar is complete before the first token.
    pub(super) fn is_finished(&self) -> bool {
        self.bound.as_ref().is_some_and(|bound| bound.is_finished())
    }

    /// Tokens that come next whatever the logits are.
    pub(super) fn forced(&mut self) -> &[u32] {
        let Some(bound) = self.bound.as_mut().filter(|bound| bound.has_begun()) else { return &[] };
        // What cannot go on says so when it is its turn.
        if bound.mask().is_err() {
            return &[];
        }
        bound.forced()
    }
}
