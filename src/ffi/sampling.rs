//! How tokens are chosen, as C says it; knows no sampler.

use super::border::str::refuse;
use crate::error::Result;
use crate::sample::SamplerOptions;

/// How tokens are chosen. All zero: greedily. Applied in this order: logit_bias, penalties, DRY, grammar,
/// top_n_sigma, top_k, typical_p, top_p, min_p, XTC, temperature (with dynatemp). mirostat_tau above 0:
/// top_n_sigma to XTC are left out, mirostat comes after temperature. A value out of its range, NaN or
/// infinite is WICK_E_INVALID_ARGUMENT. This struct lies inside another: it has no struct_size.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct wick_sampling {
    /// 0 or more. 0: greedy. Above: logits are divided by it before the draw.
    pub temperature: f32,
    /// 0 to 1. Keeps the likeliest tokens whose probabilities add up to this; 0 or 1: off.
    pub top_p: f32,
    /// 0 to 1. Keeps tokens at least this fraction as likely as the likeliest; 0: off.
    pub min_p: f32,
    /// 0 to 1. Keeps the tokens closest to the expected information that add up to this (Meister et al.,
    /// 2022); 0 or 1: off.
    pub typical_p: f32,
    /// 0 or more. Keeps the k likeliest tokens; 0: off.
    pub top_k: i32,
    /// 0 or more. Tokens seen: positive logits are divided by it, others multiplied; 0 or 1: off.
    pub repeat_penalty: f32,
    /// Tokens seen: subtracted from the logit once; 0: off.
    pub presence_penalty: f32,
    /// Tokens seen: subtracted from the logit once per occurrence; 0: off.
    pub frequency_penalty: f32,
    /// -1 or more. How many of the last tokens count as seen; 0: 64; -1: all.
    pub penalty_last_n: i32,
    /// Begins the random numbers; 0: random, and reported in wick_stats.
    pub seed: u64,
    /// DRY, 0 or more: a token that would go on with a repetition loses this times dry_base to the power of
    /// how many tokens the repetition is longer than dry_allowed_length; 0: off. Newline, ':', '"' and '*'
    /// end a repetition.
    pub dry_multiplier: f32,
    /// DRY: 1 or more; 0: 1.75.
    pub dry_base: f32,
    /// DRY, 0 or more: the shortest repetition that is penalized, in tokens; 0: 2.
    pub dry_allowed_length: i32,
    /// DRY, -1 or more: how many of the last tokens are looked at; 0 or -1: the whole context.
    pub dry_last_n: i32,
    /// XTC, 0 to 1: how often, of the tokens that are likely, only the least likely stays; 0: off.
    pub xtc_probability: f32,
    /// XTC, 0 to 1: from which probability on a token counts as likely; 0: 0.1.
    pub xtc_threshold: f32,
    /// 0 or more. Keeps the tokens whose logit is at most this many standard deviations below the highest; 0:
    /// off.
    pub top_n_sigma: f32,
    /// Mirostat 2, 0 or more: the surprise of a token that is aimed at, in bits; 0: off.
    pub mirostat_tau: f32,
    /// Mirostat 2, 0 or more: how fast it follows; 0: 0.1.
    pub mirostat_eta: f32,
    /// Dynamic temperature, 0 or more: the temperature is between this much lower and this much higher, by
    /// how flat the distribution is; 0: off.
    pub dynatemp_range: f32,
    /// Dynamic temperature, 0 or more: the flatness (0 to 1) to this power; 0: 1.
    pub dynatemp_exponent: f32,
    /// 0.
    pub reserved: u32,
}

impl wick_sampling {
    /// The options with these biases; the session that gets them checks their ranges.
    ///
    /// # Errors
    /// `Unsupported` for `reserved`.
    pub(super) fn read(
        &self,
        logit_bias: Vec<(u32, f32)>,
        logprobs: bool,
        top_logprobs: u32,
    ) -> Result<SamplerOptions> {
        refuse(self.reserved != 0, "sampling.reserved")?;
        Ok(SamplerOptions {
            temperature: self.temperature,
            top_k: self.top_k,
            top_p: self.top_p,
            min_p: self.min_p,
            typical_p: self.typical_p,
            repeat_penalty: self.repeat_penalty,
            presence_penalty: self.presence_penalty,
            frequency_penalty: self.frequency_penalty,
            penalty_last_n: self.penalty_last_n,
            dry_multiplier: self.dry_multiplier,
            dry_base: self.dry_base,
            dry_allowed_length: self.dry_allowed_length,
            dry_last_n: self.dry_last_n,
            xtc_probability: self.xtc_probability,
            xtc_threshold: self.xtc_threshold,
            top_n_sigma: self.top_n_sigma,
            mirostat_tau: self.mirostat_tau,
            mirostat_eta: self.mirostat_eta,
            dynatemp_range: self.dynatemp_range,
            dynatemp_exponent: self.dynatemp_exponent,
            seed: self.seed,
            logit_bias,
            logprobs,
            top_logprobs,
        })
    }
}
