//! How tokens are chosen, as C says it; knows no sampler.

use super::str::refuse;
use crate::error::Result;
use crate::sample::SamplerOptions;

/// How tokens are chosen. All zero: greedily. Applied in this order: logit_bias, penalties, grammar, top_k, typical_p, top_p, min_p,
/// temperature. A value out of its range, NaN or infinite is WICK_E_INVALID_ARGUMENT. This struct lies inside another: it has no struct_size, `reserved` is its room.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct wick_sampling {
    /// 0 or more. 0: greedy. Above: logits are divided by it before the draw.
    pub temperature: f32,
    /// 0 to 1. Keeps the likeliest tokens whose probabilities add up to this; 0 or 1: off.
    pub top_p: f32,
    /// 0 to 1. Keeps tokens at least this fraction as likely as the likeliest; 0: off.
    pub min_p: f32,
    /// 0: off. Anything else is WICK_E_UNSUPPORTED in this release.
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
    /// 0.
    pub reserved: [u32; 12],
}

impl wick_sampling {
    /// # Errors
    /// `InvalidArgument` for a value out of range; `Unsupported` for one that this release lacks.
    pub(super) fn read(&self) -> Result<SamplerOptions> {
        let options = SamplerOptions {
            temperature: self.temperature,
            top_k: self.top_k,
            top_p: self.top_p,
            min_p: self.min_p,
            typical_p: self.typical_p,
            repeat_penalty: self.repeat_penalty,
            presence_penalty: self.presence_penalty,
            frequency_penalty: self.frequency_penalty,
            penalty_last_n: self.penalty_last_n,
            seed: self.seed,
            ..SamplerOptions::default()
        };
        options.validate().map_err(|error| error.within("sampling"))?;
        refuse(self.typical_p != 0.0, "sampling.typical_p")?;
        refuse(self.reserved.iter().any(|word| *word != 0), "sampling.reserved")?;
        Ok(options)
    }
}
