//! How tokens are chosen, checked once; knows no logits.

use crate::error::{Error, ErrorKind, Result};

/// How tokens are chosen. The default is greedy, without penalties.
///
/// Applied in this order: logit_bias, penalties, the grammar's mask, top_k, typical_p, top_p, min_p,
/// temperature.
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
    /// Begins the random numbers. 0 is a seed like any other here: whoever wants a random one draws it.
    pub seed: u64,
    /// Added to the logits of single tokens; −∞ forbids one.
    pub logit_bias: Vec<(u32, f32)>,
    /// Whether [`Sampled::logprob`](super::Sampled::logprob) is computed. Each text of a stream then has
    /// exactly one id.
    pub logprobs: bool,
}

impl SamplerOptions {
    /// Checks every field that needs no model.
    ///
    /// # Errors
    /// `InvalidArgument`, naming the field and the value.
    pub fn validate(&self) -> Result<()> {
        let not_negative = [("temperature", self.temperature), ("repeat_penalty", self.repeat_penalty)];
        for (name, value) in not_negative {
            check(name, value, value.is_finite() && value >= 0.0, "finite and 0 or more")?;
        }
        for (name, value) in [("top_p", self.top_p), ("min_p", self.min_p), ("typical_p", self.typical_p)] {
            check(name, value, (0.0..=1.0).contains(&value), "0 (off) to 1")?;
        }
        let finite =
            [("presence_penalty", self.presence_penalty), ("frequency_penalty", self.frequency_penalty)];
        for (name, value) in finite {
            check(name, value, value.is_finite(), "finite")?;
        }
        check("top_k", self.top_k, self.top_k >= 0, "0 (off) or more")?;
        check("penalty_last_n", self.penalty_last_n, self.penalty_last_n >= -1, "-1 (all), 0 (64) or more")?;
        for (token, bias) in &self.logit_bias {
            let valid = !bias.is_nan() && *bias < f32::INFINITY;
            check(format_args!("logit_bias of token {token}"), bias, valid, "finite or -inf")?;
        }
        Ok(())
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
        ];
        for (field, options) in bad {
            let error = options.validate().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidArgument);
            assert!(error.message().starts_with(field), "{error}");
        }
        SamplerOptions { logit_bias: vec![(7, f32::NEG_INFINITY)], ..Default::default() }.validate().unwrap();
    }
}
