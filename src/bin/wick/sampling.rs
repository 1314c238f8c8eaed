//! How `wick run` chooses tokens: what the arguments say, else what the model's file recommends, else common
//! defaults.

use super::header::header;
use clap::Args;
use std::path::Path;
use wick::{Recommended, Result, SamplerOptions};

/// Where neither the arguments nor the file say anything: what most programs draw with.
const TEMPERATURE: f32 = 0.8;
const MIN_P: f32 = 0.05;

/// Each `None` where it is not given.
#[derive(Args)]
pub struct Sampling {
    /// Above 0 tokens are drawn, and the higher, the more unlikely ones; 0: the likeliest each time. Else as
    /// the model's file says, or 0.8
    #[arg(long, visible_alias = "temp", value_name = "T", value_parser = not_negative, allow_negative_numbers = true)]
    temperature: Option<f32>,
    /// Draw from the likeliest tokens whose probabilities add up to this; 0 or 1: off. Else as the file says,
    /// or off
    #[arg(long, value_name = "P", value_parser = fraction, allow_negative_numbers = true)]
    top_p: Option<f32>,
    /// Draw from the K likeliest tokens; 0: off. Else as the file says, or off
    #[arg(long, value_name = "K", value_parser = clap::value_parser!(i32).range(0..), allow_negative_numbers = true)]
    top_k: Option<i32>,
    /// Draw from tokens at least this fraction as likely as the likeliest; 0: off. Else as the file says, or
    /// 0.05 if it names no other limit
    #[arg(long, value_name = "P", value_parser = fraction, allow_negative_numbers = true)]
    min_p: Option<f32>,
    /// Tokens of the last 64 become so much less likely; 0 or 1: off. Else as the file says, or off
    #[arg(long, value_name = "R", value_parser = not_negative, allow_negative_numbers = true)]
    repeat_penalty: Option<f32>,
    /// Begins the random numbers; 0: a random seed
    #[arg(short, long, default_value_t = 0, value_name = "N", allow_negative_numbers = true)]
    seed: u64,
}

impl Sampling {
    /// The options for the model in the file at `path`.
    ///
    /// # Errors
    /// The header's; `InvalidArgument` for a recommendation out of range.
    pub fn options(&self, path: &Path) -> Result<SamplerOptions> {
        self.with(&Recommended::from_gguf(header(path)?.metadata())?)
    }

    fn with(&self, file: &Recommended) -> Result<SamplerOptions> {
        let is_limited = file.top_k.is_some() || file.top_p.is_some() || file.min_p.is_some();
        let min_p = if is_limited { 0.0 } else { MIN_P };
        let options = SamplerOptions {
            temperature: self.temperature.or(file.temperature).unwrap_or(TEMPERATURE),
            top_p: self.top_p.or(file.top_p).unwrap_or(0.0),
            top_k: self.top_k.or(file.top_k).unwrap_or(0),
            min_p: self.min_p.or(file.min_p).unwrap_or(min_p),
            repeat_penalty: self.repeat_penalty.or(file.repeat_penalty).unwrap_or(0.0),
            penalty_last_n: file.penalty_last_n.unwrap_or(0),
            seed: self.seed,
            ..SamplerOptions::default()
        };
        options.validate().map_err(|error| error.within("general.sampling"))?;
        Ok(options)
    }
}

/// Whether a seed has any influence.
pub fn draws(options: &SamplerOptions) -> bool {
    options.temperature > 0.0 && options.top_k != 1
}

fn fraction(text: &str) -> std::result::Result<f32, String> {
    number(text, |value| (0.0..=1.0).contains(&value), "0 (off) to 1")
}

fn not_negative(text: &str) -> std::result::Result<f32, String> {
    number(text, |value| value.is_finite() && value >= 0.0, "a number, 0 or more")
}

fn number(text: &str, is_in: impl Fn(f32) -> bool, range: &str) -> std::result::Result<f32, String> {
    text.parse().ok().filter(|value| is_in(*value)).ok_or_else(|| format!("it has to be {range}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told() -> Sampling {
        Sampling { temperature: None, top_p: None, top_k: None, min_p: None, repeat_penalty: None, seed: 0 }
    }

    #[test]
    fn arguments_come_before_the_file_and_the_file_before_the_defaults() {
        let plain = told().with(&Recommended::default()).expect("valid");
        assert_eq!((plain.temperature, plain.min_p, plain.top_k, plain.top_p), (0.8, 0.05, 0, 0.0));
        let file = Recommended { temperature: Some(0.6), top_k: Some(20), ..Recommended::default() };
        let by_file = told().with(&file).expect("valid");
        assert_eq!((by_file.temperature, by_file.top_k, by_file.min_p), (0.6, 20, 0.0));
        let by_both =
            Sampling { temperature: Some(0.0), min_p: Some(0.1), ..told() }.with(&file).expect("valid");
        assert_eq!((by_both.temperature, by_both.top_k, by_both.min_p), (0.0, 20, 0.1));
        assert!(draws(&by_file) && !draws(&by_both));
    }

    #[test]
    fn a_file_that_recommends_nonsense_is_refused() {
        let file = Recommended { top_p: Some(7.0), ..Recommended::default() };
        let error = told().with(&file).expect_err("7 is no probability");
        assert!(error.message().starts_with("general.sampling: top_p is 7"), "{error}");
        assert!(Sampling { top_p: Some(0.9), ..told() }.with(&file).is_ok());
    }
}
