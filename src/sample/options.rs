//! How tokens are chosen, checked once; knows no logits.

use crate::error::{Error, ErrorKind, Result};

/// How tokens are chosen. The default is greedy, without penalties.
///
/// Applied in this order: logit_bias, penalties, DRY, the grammar's mask, top_n_sigma, top_k, typical_p,
/// top_p, min_p, XTC, temperature (with dynatemp). With mirostat_tau above 0 top_n_sigma to XTC are left out,
/// and mirostat comes after the temperature. Greedily XTC, mirostat and dynatemp do nothing. docs/sampling.md
/// has the formulas and their sources.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SamplerOptions {
    /// 0: greedy. Above: logits are divided by it before the draw.
    pub temperature: f32,
    /// Keep the k likeliest tokens; 0: off.
    pub top_k: i32,
    /// Keep the likeliest tokens whose probabilities add up to this (Holtzman et al., 2020); 0 or 1: off.
    pub top_p: f32,
    /// Keep tokens at least this fraction as likely as the likeliest (Nguyen et al., 2024); 0: off.
    pub min_p: f32,
    /// Keep the tokens closest to the expected information that add up to this (Meister et al., 2022); 0 or
    /// 1: off.
    pub typical_p: f32,
    /// Tokens seen: positive logits are divided by it, others multiplied (Keskar et al., 2019, CTRL); 0 or 1:
    /// off.
    pub repeat_penalty: f32,
    /// Tokens seen: subtracted from the logit once (OpenAI's presence_penalty); 0: off.
    pub presence_penalty: f32,
    /// Tokens seen: subtracted from the logit once per occurrence (OpenAI's frequency_penalty); 0: off.
    pub frequency_penalty: f32,
    /// How many of the last tokens count as seen; 0: 64; −1: all.
    pub penalty_last_n: i32,
    /// DRY: how strongly a repetition is penalized: this times dry_base to the power of how many tokens it is
    /// longer than dry_allowed_length; 0: off. Newline, `:`, `"` and `*` end a repetition.
    pub dry_multiplier: f32,
    /// DRY: 0: 1.75.
    pub dry_base: f32,
    /// DRY: the shortest repetition that is penalized, in tokens; 0: 2.
    pub dry_allowed_length: i32,
    /// DRY: how many of the last tokens are looked at; 0 or −1: all.
    pub dry_last_n: i32,
    /// XTC: how often, of the tokens that are likely, only the least likely stays; 0: off.
    pub xtc_probability: f32,
    /// XTC: from which probability on a token counts as likely; 0: 0.1.
    pub xtc_threshold: f32,
    /// Keep the tokens whose logit is at most this many standard deviations below the highest (Tang et al.,
    /// 2024); 0: off.
    pub top_n_sigma: f32,
    /// Mirostat 2 (Basu et al., 2021): the surprise of a token that is aimed at, in bits; 0: off.
    pub mirostat_tau: f32,
    /// Mirostat 2: how fast it follows; 0: 0.1.
    pub mirostat_eta: f32,
    /// The temperature is by so much higher where the distribution is flat, and lower where it is not; 0:
    /// off.
    pub dynatemp_range: f32,
    /// The flatness (0 to 1) to this power; 0: 1.
    pub dynatemp_exponent: f32,
    /// Begins the random numbers. 0 is a seed like any other here: whoever wants a random one draws it.
    pub seed: u64,
    /// Added to the logits of single tokens; −∞ forbids one.
    pub logit_bias: Vec<(u32, f32)>,
    /// Whether [`Sampled::logprob`](super::Sampled::logprob) is computed. Each text of a stream then has
    /// exactly one id.
    pub logprobs: bool,
    /// How many of the model's likeliest tokens [`Sampled::alternatives`](super::Sampled::alternatives)
    /// names, at most 20; above 0 the logprob is computed too.
    pub top_logprobs: u32,
}

/// The most that [`SamplerOptions::top_logprobs`] may be.
pub const MAX_TOP_LOGPROBS: u32 = 20;

impl SamplerOptions {
    /// Checks every field that needs no model.
    ///
    /// # Errors
    /// `InvalidArgument`, naming the field and the value.
    pub fn validate(&self) -> Result<()> {
        let not_negative = [
            ("temperature", self.temperature),
            ("repeat_penalty", self.repeat_penalty),
            ("dry_multiplier", self.dry_multiplier),
            ("top_n_sigma", self.top_n_sigma),
            ("mirostat_tau", self.mirostat_tau),
            ("mirostat_eta", self.mirostat_eta),
            ("dynatemp_range", self.dynatemp_range),
            ("dynatemp_exponent", self.dynatemp_exponent),
        ];
        for (name, value) in not_negative {
            check(name, value, value.is_finite() && value >= 0.0, "finite and 0 or more")?;
        }
        let base = self.dry_base;
        check(
            "dry_base",
            base,
            base.is_finite() && (base == 0.0 || base >= 1.0),
            "0 (1.75), or finite and 1 or more",
        )?;
        let fractions = [
            ("top_p", self.top_p, "0 (off) to 1"),
            ("min_p", self.min_p, "0 (off) to 1"),
            ("typical_p", self.typical_p, "0 (off) to 1"),
            ("xtc_probability", self.xtc_probability, "0 (off) to 1"),
            ("xtc_threshold", self.xtc_threshold, "0 (0.1) to 1"),
        ];
        for (name, value, range) in fractions {
            check(name, value, (0.0..=1.0).contains(&value), range)?;
        }
        let finite =
            [("presence_penalty", self.presence_penalty), ("frequency_penalty", self.frequency_penalty)];
        for (name, value) in finite {
            check(name, value, value.is_finite(), "finite")?;
        }
        let integers = [
            ("top_k", self.top_k, 0, "0 (off) or more"),
            ("penalty_last_n", self.penalty_last_n, -1, "-1 (all), 0 (64) or more"),
            ("dry_allowed_length", self.dry_allowed_length, 0, "0 (2) or more"),
            ("dry_last_n", self.dry_last_n, -1, "-1 or 0 (all), or more"),
        ];
        for (name, value, least, range) in integers {
            check(name, value, value >= least, range)?;
        }
        let most = MAX_TOP_LOGPROBS;
        check("top_logprobs", self.top_logprobs, self.top_logprobs <= most, &format!("0 to {most}"))?;
        for (token, bias) in &self.logit_bias {
            let valid = !bias.is_nan() && *bias < f32::INFINITY;
            check(format_args!("logit_bias of token {token}"), bias, valid, "finite or -inf")?;
        }
        Ok(())
    }

    /// Whether logprobs are computed.
    pub fn gives_logprobs(&self) -> bool {
        self.logprobs || self.top_logprobs > 0
    }

    /// Whether any penalty changes a logit.
    pub(super) fn penalizes(&self) -> bool {
        (self.repeat_penalty != 0.0 && self.repeat_penalty != 1.0)
            || self.presence_penalty != 0.0
            || self.frequency_penalty != 0.0
    }
}

fn check(
    name: impl std::fmt::Display,
    value: impl std::fmt::Display,
    valid: bool,
    range: &str,
) -> Result<()> {
    if valid {
        return Ok(());
    }
    Err(Error::new(ErrorKind::InvalidArgument, format!("{name} is {value}; it has to be {range}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_value_is_refused_by_the_name_of_its_field() {
        let nan = f32::NAN;
        let bad = [
            ("temperature", SamplerOptions { temperature: nan, ..Default::default() }),
            ("temperature", SamplerOptions { temperature: -1.0, ..Default::default() }),
            ("top_p", SamplerOptions { top_p: 1.5, ..Default::default() }),
            ("min_p", SamplerOptions { min_p: nan, ..Default::default() }),
            ("typical_p", SamplerOptions { typical_p: -0.1, ..Default::default() }),
            ("repeat_penalty", SamplerOptions { repeat_penalty: f32::INFINITY, ..Default::default() }),
            ("presence_penalty", SamplerOptions { presence_penalty: nan, ..Default::default() }),
            (
                "frequency_penalty",
                SamplerOptions { frequency_penalty: f32::NEG_INFINITY, ..Default::default() },
            ),
            ("top_k", SamplerOptions { top_k: -1, ..Default::default() }),
            ("penalty_last_n", SamplerOptions { penalty_last_n: -2, ..Default::default() }),
            ("logit_bias of token 7", SamplerOptions { logit_bias: vec![(7, nan)], ..Default::default() }),
            ("dry_multiplier", SamplerOptions { dry_multiplier: -0.1, ..Default::default() }),
            ("dry_base", SamplerOptions { dry_base: 0.5, ..Default::default() }),
            ("dry_base", SamplerOptions { dry_base: nan, ..Default::default() }),
            ("dry_allowed_length", SamplerOptions { dry_allowed_length: -1, ..Default::default() }),
            ("dry_last_n", SamplerOptions { dry_last_n: -2, ..Default::default() }),
            ("xtc_probability", SamplerOptions { xtc_probability: 1.1, ..Default::default() }),
            ("xtc_threshold", SamplerOptions { xtc_threshold: -0.1, ..Default::default() }),
            ("top_n_sigma", SamplerOptions { top_n_sigma: f32::INFINITY, ..Default::default() }),
            ("mirostat_tau", SamplerOptions { mirostat_tau: -5.0, ..Default::default() }),
            ("mirostat_eta", SamplerOptions { mirostat_eta: nan, ..Default::default() }),
            ("dynatemp_range", SamplerOptions { dynatemp_range: -1.0, ..Default::default() }),
            ("dynatemp_exponent", SamplerOptions { dynatemp_exponent: nan, ..Default::default() }),
            ("top_logprobs", SamplerOptions { top_logprobs: 21, ..Default::default() }),
        ];
        for (field, options) in bad {
            let error = options.validate().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidArgument);
            assert!(error.message().starts_with(field), "{error}");
        }
        SamplerOptions { logit_bias: vec![(7, f32::NEG_INFINITY)], ..Default::default() }.validate().unwrap();
    }
}
