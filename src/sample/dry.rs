//! DRY ("don't repeat yourself", by p-e-w, in text-generation-webui's pull request 5677): what would go on
//! with a repetition becomes the less likely, the longer it is. Knows nothing of how a token is chosen.

use super::draw::or;
use super::options::SamplerOptions;
use crate::error::Result;

/// Marks a token in the context that no repetition goes over.
const BREAKS: u32 = 1 << 31;

/// What no repetition goes over, wherever it is in a token's text.
const BREAKERS: &[u8] = b"\n:\"*";

/// The most that is subtracted: what only such tokens are left of can still be drawn.
const MOST: f64 = 1e30;

/// The context, and what a repetition costs.
#[derive(Debug, Clone)]
pub(super) struct Dry {
    multiplier: f64,
    base: f64,
    /// The shortest repetition that is penalized, in tokens.
    allowed: usize,
    /// How many of the last tokens are looked at.
    limit: usize,
    /// Oldest first; at least the last `limit`.
    context: Vec<u32>,
    /// By how far back a place lies: how many tokens up to it are those at the end. `(context)`
    lengths: Vec<u32>,
    /// Tokens that would go on with a repetition of so many.
    found: Vec<(u32, u32)>,
}

impl Dry {
    /// `None` if it is off.
    ///
    /// # Errors
    /// `OutOfMemory`.
    pub(super) fn new(options: &SamplerOptions) -> Result<Option<Self>> {
        if options.dry_multiplier == 0.0 {
            return Ok(None);
        }
        let limit = match options.dry_last_n {
            whole if whole <= 0 => usize::MAX,
            last => last as usize,
        };
        let mut dry = Self {
            multiplier: options.dry_multiplier.into(),
            base: or(options.dry_base, 1.75).into(),
            allowed: if options.dry_allowed_length == 0 { 2 } else { options.dry_allowed_length as usize },
            limit,
            context: Vec::new(),
            lengths: Vec::new(),
            found: Vec::new(),
        };
        let few = limit.min(2048);
        dry.context.try_reserve(2 * few)?;
        dry.lengths.try_reserve(few)?;
        dry.found.try_reserve(few)?;
        Ok(Some(dry))
    }

    /// `token`, whose text is `bytes`, is the newest one.
    pub(super) fn accept(&mut self, token: u32, bytes: &[u8]) {
        if self.context.len() / 2 >= self.limit {
            self.context.drain(..self.context.len() - (self.limit - 1));
        }
        let breaks = bytes.iter().any(|byte| BREAKERS.contains(byte));
        self.context.push(token | if breaks { BREAKS } else { 0 });
    }

    /// Lowers the logits of the tokens that would go on with a repetition. `logits`: `(vocab_len)`
    ///
    /// # Errors
    /// `OutOfMemory`.
    pub(super) fn apply(&mut self, logits: &mut [f32]) -> Result<()> {
        self.find()?;
        self.found.sort_unstable();
        for (index, &(token, length)) in self.found.iter().enumerate() {
            // The longest of a token is its last.
            if self.found.get(index + 1).is_some_and(|next| next.0 == token) {
                continue;
            }
            if let Some(logit) = logits.get_mut(token as usize) {
                let penalty = self.multiplier * power(self.base, length as usize - self.allowed);
                *logit -= penalty.min(MOST) as f32;
            }
        }
        Ok(())
    }

    /// Finds all tokens that stand behind what the context ends with, and how long that is: the Z algorithm
    /// over the context from its end, so that the time is in proportion to its length, whatever repeats.
    fn find(&mut self) -> Result<()> {
        self.found.clear();
        let context = &self.context[self.context.len().saturating_sub(self.limit)..];
        let count = context.len();
        let back = |distance: usize| context[count - 1 - distance];
        // No repetition is longer: there a breaker stands, or the context begins.
        let longest = context.iter().rev().take_while(|token| **token & BREAKS == 0).count();
        if longest < self.allowed {
            return Ok(());
        }
        self.lengths.clear();
        self.lengths.try_reserve(count)?;
        self.lengths.push(longest as u32);
        // The match that reaches furthest: from where to where.
        let (mut start, mut end) = (0, 0);
        for at in 1..count {
            let mut length = if at < end { (self.lengths[at - start] as usize).min(end - at) } else { 0 };
            while length < longest && at + length < count && back(length) == back(at + length) {
                length += 1;
            }
            self.lengths.push(length as u32);
            if at + length > end {
                (start, end) = (at, at + length);
            }
            let next = back(at - 1);
            if length >= self.allowed && next & BREAKS == 0 {
                match self.found.last_mut() {
                    Some(last) if last.0 == next => last.1 = last.1.max(length as u32),
                    _ => {
                        self.found.try_reserve(1)?;
                        self.found.push((next, length as u32));
                    }
                }
            }
        }
        Ok(())
    }
}

/// `base` to the power of `exponent`, by squares: the same bits everywhere.
fn power(base: f64, mut exponent: usize) -> f64 {
    let (mut result, mut square) = (1.0, base);
    while exponent > 0 {
        if exponent & 1 == 1 {
            result *= square;
        }
        square *= square;
        exponent >>= 1;
    }
    result
}
