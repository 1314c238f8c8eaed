//! Penalties on tokens that were seen lately; knows nothing of how a token is chosen.

use std::collections::VecDeque;

use super::options::SamplerOptions;
use crate::error::Result;

/// Marks a token whose penalty has been applied in the current pass.
const APPLIED: u32 = 1 << 31;

/// The window of tokens seen, and how often each of them is in it.
#[derive(Debug, Clone)]
pub(super) struct Penalties {
    repeat: f32,
    presence: f32,
    frequency: f32,
    /// Oldest first.
    window: VecDeque<u32>,
    /// How many tokens the window holds at most.
    limit: usize,
    /// Occurrences in the window. `(vocab_len)`
    counts: Vec<u32>,
}

impl Penalties {
    /// `None` if nothing is penalized.
    ///
    /// # Errors
    /// `OutOfMemory`.
    pub(super) fn new(options: &SamplerOptions, vocab_len: usize) -> Result<Option<Self>> {
        if !options.penalizes() {
            return Ok(None);
        }
        let limit = match options.penalty_last_n {
            0 => 64,
            all if all < 0 => usize::MAX,
            last => last as usize,
        };
        let (mut window, mut counts) = (VecDeque::new(), Vec::new());
        window.try_reserve(limit.min(4096))?;
        counts.try_reserve_exact(vocab_len)?;
        counts.resize(vocab_len, 0);
        Ok(Some(Self {
            repeat: if options.repeat_penalty == 0.0 { 1.0 } else { options.repeat_penalty },
            presence: options.presence_penalty,
            frequency: options.frequency_penalty,
            window,
            limit,
            counts,
        }))
    }

    /// `token` is the newest one; those beyond the vocabulary are ignored.
    pub(super) fn accept(&mut self, token: u32) {
        let Some(count) = self.counts.get_mut(token as usize) else { return };
        *count += 1;
        if self.window.len() == self.limit
            && let Some(oldest) = self.window.pop_front()
        {
            self.counts[oldest as usize] -= 1;
        }
        self.window.push_back(token);
    }

    /// Changes the logits of the tokens in the window. `logits`: `(vocab_len)`
    pub(super) fn apply(&mut self, logits: &mut [f32]) {
        for &token in &self.window {
            let count = self.counts[token as usize];
            if count & APPLIED != 0 {
                continue;
            }
            self.counts[token as usize] |= APPLIED;
            let logit = &mut logits[token as usize];
            *logit = if *logit > 0.0 { *logit / self.repeat } else { *logit * self.repeat };
            *logit -= self.presence + self.frequency * count as f32;
        }
        for &token in &self.window {
            self.counts[token as usize] &= !APPLIED;
        }
    }
}
