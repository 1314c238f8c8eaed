//! One generation's sampler: from the logits of one position to the next token; knows no text.

use super::candidates::All;
use super::draw::{self, Mirostat};
use super::dry::Dry;
use super::options::SamplerOptions;
use super::penalties::Penalties;
use super::rng::Rng;
use super::truncate::Left;
use crate::error::{Error, ErrorKind, Result};
use crate::kernel::{Kernels, ln64};

/// A chosen token.
#[derive(Debug, Clone, PartialEq)]
pub struct Sampled {
    /// Its id.
    pub token: u32,
    /// ln of its probability by the model itself: the softmax of the logits as the model gave them, at
    /// temperature 1 and before bias, penalties, mask and truncation, so that it does not depend on how
    /// tokens are chosen. NaN if not asked for.
    pub logprob: f32,
    /// The model's likeliest tokens, by the same probabilities, likeliest first, of equal ones the lowest id
    /// first; the chosen one is among them where it is one of these. Empty if not asked for.
    pub alternatives: Vec<Alternative>,
}

/// A token that could have been chosen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Alternative {
    /// Its id.
    pub token: u32,
    /// As [`Sampled::logprob`].
    pub logprob: f32,
}

impl Sampled {
    /// A token of which nobody asked how likely it was.
    pub fn plain(token: u32) -> Self {
        Self { token, logprob: f32::NAN, alternatives: Vec::new() }
    }
}

/// Chooses the tokens of one generation. Same options, same logits, same tokens: on every machine.
///
/// Nothing is allocated per token once the first one is drawn, but for alternatives (with `penalty_last_n`
/// −1, and with DRY over the whole context, the window grows with the text).
#[derive(Debug, Clone)]
pub struct Sampler {
    options: SamplerOptions,
    vocab_len: usize,
    kernels: &'static Kernels,
    penalties: Option<Penalties>,
    dry: Option<Dry>,
    mirostat: Option<Mirostat>,
    rng: Rng,
    left: Left,
    /// The model's own logits, where they are wanted and are changed.
    raw: Vec<f32>,
}

impl Sampler {
    /// A sampler over a vocabulary of `vocab_len` tokens; `options` are [valid](SamplerOptions::validate),
    /// which is for whoever takes them from a host to see to.
    ///
    /// # Errors
    /// `InvalidArgument` if a bias is for a token beyond the vocabulary; `OutOfMemory`.
    pub fn new(options: SamplerOptions, vocab_len: usize) -> Result<Self> {
        Self::with_kernels(options, vocab_len, Kernels::best())
    }

    /// As [`new`](Self::new), on `kernels`: all give the same tokens.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn with_kernels(
        options: SamplerOptions,
        vocab_len: usize,
        kernels: &'static Kernels,
    ) -> Result<Self> {
        debug_assert!(options.validate().is_ok(), "{options:?}");
        if let Some((token, _)) = options.logit_bias.iter().find(|(token, _)| *token as usize >= vocab_len) {
            let message =
                format!("logit_bias names token {token}, but the vocabulary has {vocab_len} tokens");
            return Err(Error::new(ErrorKind::InvalidArgument, message));
        }
        Ok(Self {
            vocab_len,
            kernels,
            penalties: Penalties::new(&options, vocab_len)?,
            dry: Dry::new(&options)?,
            mirostat: Mirostat::new(&options),
            rng: Rng::new(options.seed),
            left: Left::default(),
            raw: Vec::new(),
            options,
        })
    }

    /// Chooses a token from `logits` `(vocab_len)`, which are changed on the way.
    ///
    /// # Errors
    /// `Numeric` if a logit is NaN or infinite (a model's never is; what is forbidden is so by bias or mask),
    /// or if no token is left; `InvalidArgument` if there are not `vocab_len` of them; `OutOfMemory`.
    pub fn sample(&mut self, logits: &mut [f32]) -> Result<Sampled> {
        self.choose(logits, None)
    }

    /// As [`sample`](Self::sample), of the tokens whose bit is set in `allowed`: token `t` is bit `t % 32` of
    /// word `t / 32`; what lies beyond its end is forbidden.
    ///
    /// # Errors
    /// As [`sample`](Self::sample).
    pub fn sample_allowed(&mut self, logits: &mut [f32], allowed: &[u32]) -> Result<Sampled> {
        self.choose(logits, Some(allowed))
    }

    /// The token that comes whatever the logits `(vocab_len)` are, with its logprob if that is asked for.
    ///
    /// # Errors
    /// `Numeric` if a logit is NaN or infinite and logprobs are asked for; `InvalidArgument` for a token
    /// beyond the logits.
    pub fn take(&mut self, logits: &mut [f32], token: u32) -> Result<Sampled> {
        if token as usize >= logits.len() {
            let message = format!("token {token} of a vocabulary of {} tokens", logits.len());
            return Err(Error::new(ErrorKind::InvalidArgument, message));
        }
        if !self.options.gives_logprobs() {
            return Ok(Sampled::plain(token));
        }
        let (kernels, highest) = (self.kernels, finite_highest(self.kernels, logits)?);
        logprobs(&All { kernels, logits, highest }, token, self.options.top_logprobs, &mut self.left)
    }

    /// `token` was generated, or read as part of the prompt: it counts for the penalties and for DRY, which
    /// asks for the token's `text`.
    pub fn accept<'a>(&mut self, token: u32, text: impl FnOnce() -> &'a [u8]) {
        if let Some(penalties) = &mut self.penalties {
            penalties.accept(token);
        }
        if let Some(dry) = &mut self.dry {
            dry.accept(token, text());
        }
    }

    fn choose(&mut self, logits: &mut [f32], allowed: Option<&[u32]>) -> Result<Sampled> {
        if logits.len() != self.vocab_len {
            let message = format!("{} logits for a vocabulary of {} tokens", logits.len(), self.vocab_len);
            return Err(Error::new(ErrorKind::InvalidArgument, message));
        }
        let kernels = self.kernels;
        let raw_highest = finite_highest(kernels, logits)?;
        let changes = !self.options.logit_bias.is_empty()
            || self.penalties.is_some()
            || self.dry.is_some()
            || allowed.is_some();
        let keeps_raw = self.options.gives_logprobs() && (changes || self.options.xtc_probability > 0.0);
        if keeps_raw {
            self.raw.clear();
            self.raw.try_reserve_exact(logits.len())?;
            self.raw.extend_from_slice(logits);
        }
        let highest = if changes { self.change(logits, allowed)? } else { raw_highest };
        if highest == f32::NEG_INFINITY {
            return Err(Error::new(ErrorKind::Numeric, "all logits are -inf: no token can be chosen"));
        }
        let mut all = All { kernels, logits, highest };
        let token = if self.options.temperature > 0.0 {
            draw::draw(&self.options, &mut all, &mut self.left, self.mirostat.as_mut(), &mut self.rng)?
        } else {
            all.likeliest()
        };
        if !self.options.gives_logprobs() {
            return Ok(Sampled::plain(token));
        }
        let logits = if keeps_raw { &mut self.raw[..] } else { logits };
        logprobs(
            &All { kernels, logits, highest: raw_highest },
            token,
            self.options.top_logprobs,
            &mut self.left,
        )
    }

    /// Applies what is in front of all truncations: the highest logit then.
    ///
    /// # Errors
    /// `Numeric` where that is infinite; `OutOfMemory`.
    fn change(&mut self, logits: &mut [f32], allowed: Option<&[u32]>) -> Result<f32> {
        for &(token, bias) in &self.options.logit_bias {
            logits[token as usize] += bias;
        }
        if let Some(penalties) = &mut self.penalties {
            penalties.apply(logits);
        }
        if let Some(dry) = &mut self.dry {
            dry.apply(logits)?;
        }
        if let Some(allowed) = allowed {
            mask(logits, allowed);
        }
        let highest = self.kernels.highest(logits);
        if highest == f32::INFINITY {
            return Err(Error::new(
                ErrorKind::Numeric,
                "a logit became infinite; lower the logit_bias or the penalties",
            ));
        }
        Ok(highest)
    }
}

/// The highest of a model's logits; −∞ if there is none.
///
/// # Errors
/// `Numeric` where one is not finite.
fn finite_highest(kernels: &Kernels, logits: &[f32]) -> Result<f32> {
    let highest = kernels.finite_highest(logits);
    if !highest.is_nan() {
        return Ok(highest);
    }
    let token = logits.iter().position(|logit| !logit.is_finite()).unwrap_or_default();
    let message = format!(
        "the logit of token {token} is {}; the model's weights or its input are broken",
        logits[token]
    );
    Err(Error::new(ErrorKind::Numeric, message))
}

/// Forbids what `allowed` does not name.
fn mask(logits: &mut [f32], allowed: &[u32]) {
    let words = allowed.iter().copied().chain(std::iter::repeat(0));
    for (logits, word) in logits.chunks_mut(32).zip(words) {
        match word {
            u32::MAX => {}
            0 => logits.fill(f32::NEG_INFINITY),
            _ => {
                for (bit, logit) in logits.iter_mut().enumerate() {
                    if word >> bit & 1 == 0 {
                        *logit = f32::NEG_INFINITY;
                    }
                }
            }
        }
    }
}

/// `token` with its logprob, and the `count` likeliest with theirs.
fn logprobs(raw: &All<'_>, token: u32, count: u32, left: &mut Left) -> Result<Sampled> {
    let mass = raw.moments(1.0, &mut left.blocks)?.mass;
    let total = f64::from(raw.highest) + ln64(mass);
    let logprob = |logit: f32| (f64::from(logit) - total).min(0.0) as f32;
    let mut sampled = Sampled { logprob: logprob(raw.logits[token as usize]), ..Sampled::plain(token) };
    if count > 0 {
        raw.top_k(count as usize, &mut left.list)?;
        sampled.alternatives.try_reserve_exact(left.list.len())?;
        let alternatives =
            left.list.iter().map(|one| Alternative { token: one.id, logprob: logprob(one.logit) });
        sampled.alternatives.extend(alternatives);
    }
    Ok(sampled)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sampler(options: SamplerOptions, vocab_len: usize) -> Sampler {
        Sampler::new(options, vocab_len).unwrap()
    }

    fn tokens(options: &SamplerOptions, logits: &[f32], count: usize) -> Vec<u32> {
        let mut sampler = sampler(options.clone(), logits.len());
        (0..count).map(|_| sampler.sample(&mut logits.to_vec()).unwrap().token).collect()
    }

    #[test]
    fn greedy_takes_the_lowest_id_of_equal_logits() {
        assert_eq!(tokens(&SamplerOptions::default(), &[1.0, 3.0, 2.0, 3.0], 2), [1, 1]);
    }

    #[test]
    fn f8_broken_logits_are_numeric_errors() {
        for broken in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            for temperature in [0.0, 1.0] {
                let options = SamplerOptions { temperature, ..Default::default() };
                let error = sampler(options, 2).sample(&mut [0.0, broken]).unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Numeric);
                assert!(error.message().contains("token 1"), "{error}");
            }
        }
        let error = sampler(SamplerOptions::default(), 2).sample_allowed(&mut [0.0; 2], &[0]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Numeric);
        assert!(error.message().contains("no token can be chosen"), "{error}");
    }

    #[test]
    fn a_count_of_logits_other_than_the_vocabulary_is_refused() {
        let error = sampler(SamplerOptions::default(), 3).sample(&mut [0.0; 2]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    }

    #[test]
    fn a_bias_beyond_the_vocabulary_is_refused_and_others_are_added() {
        let options =
            SamplerOptions { logit_bias: vec![(2, 5.0), (0, f32::NEG_INFINITY)], ..Default::default() };
        assert!(Sampler::new(options.clone(), 2).unwrap_err().message().contains("token 2"));
        assert_eq!(tokens(&options, &[9.0, 3.0, 0.0], 1), [2]);
    }

    #[test]
    fn penalties_follow_ctrl_and_openai() {
        let options = SamplerOptions {
            repeat_penalty: 2.0,
            presence_penalty: 0.5,
            frequency_penalty: 0.25,
            penalty_last_n: 3,
            ..Default::default()
        };
        let mut sampler = sampler(options, 4);
        for token in [3, 0, 1, 0, 77] {
            sampler.accept(token, || &[]);
        }
        let mut logits = [4.0, -1.0, 2.0, 1.0];
        sampler.sample(&mut logits).unwrap();
        // 3 has left the window, 0 is twice in it; a positive logit is divided, a negative one multiplied.
        assert_eq!(logits, [4.0 / 2.0 - 0.5 - 0.5, -2.0 - 0.5 - 0.25, 2.0, 1.0]);
    }

    #[test]
    fn a_mask_forbids_what_it_does_not_name() {
        let mut sampler = sampler(SamplerOptions { temperature: 1.0, ..Default::default() }, 40);
        let mut logits = [0.0; 40];
        logits[0] = 9.0;
        let sampled = sampler.sample_allowed(&mut logits, &[1 << 5]).unwrap();
        assert_eq!(sampled.token, 5);
    }

    #[test]
    fn logprobs_are_of_the_distribution_before_truncation() {
        let options = SamplerOptions { logprobs: true, top_k: 1, temperature: 1.0, ..Default::default() };
        let sampled = sampler(options, 3).sample(&mut [0.0, 1.0, 0.0]).unwrap();
        let expected = 1.0 - (2.0 + 1f64.exp()).ln();
        assert_eq!(sampled.token, 1);
        assert!((f64::from(sampled.logprob) - expected).abs() < 1e-6);
        assert!(sampler(SamplerOptions::default(), 1).sample(&mut [0.0]).unwrap().logprob.is_nan());
    }

    #[test]
    fn logprobs_are_the_models_own_whatever_changes_the_logits() {
        let logits = [0.5, 2.0, -1.0, 1.0];
        let total = logits.iter().map(|logit| f64::from(*logit).exp()).sum::<f64>().ln();
        let plain = SamplerOptions { logprobs: true, ..Default::default() };
        let changed = [
            plain.clone(),
            SamplerOptions { logit_bias: vec![(1, f32::NEG_INFINITY), (3, 9.0)], ..plain.clone() },
            SamplerOptions { repeat_penalty: 3.0, presence_penalty: 2.0, ..plain.clone() },
            SamplerOptions { temperature: 5.0, top_k: 2, min_p: 0.01, ..plain },
        ];
        for options in changed {
            let mut sampler = sampler(options, 4);
            sampler.accept(1, || &[]);
            for allowed in [!0u32, 0b1101] {
                let sampled = sampler.sample_allowed(&mut logits.clone(), &[allowed]).unwrap();
                let expected = f64::from(logits[sampled.token as usize]) - total;
                assert!((f64::from(sampled.logprob) - expected).abs() < 1e-6, "{sampled:?}");
            }
            let sampled = sampler.sample(&mut logits.clone()).unwrap();
            assert!(
                (f64::from(sampled.logprob) + total - f64::from(logits[sampled.token as usize])).abs() < 1e-6
            );
        }
    }

    #[test]
    fn draws_follow_the_softmax_at_the_temperature() {
        let logits = [0.0, 1.0, 2.0];
        let options = SamplerOptions { temperature: 2.0, seed: 11, ..Default::default() };
        let drawn = tokens(&options, &logits, 20_000);
        let total: f64 = logits.iter().map(|l| f64::from(l / 2.0).exp()).sum();
        for id in 0..3u32 {
            let share = drawn.iter().filter(|t| **t == id).count() as f64 / drawn.len() as f64;
            let expected = f64::from(logits[id as usize] / 2.0).exp() / total;
            assert!((share - expected).abs() < 0.015, "token {id}: {share} and {expected}");
        }
    }

    /// The draws of a seed are part of the promise: same model, same seed, same text, in every release.
    #[test]
    fn s30_the_same_seed_draws_the_same_tokens_for_ever() {
        let logits: Vec<f32> = (0..1000).map(|id| ((id * 7919 % 1000) as f32) / 100.0).collect();
        let options = SamplerOptions {
            temperature: 0.8,
            top_k: 40,
            top_p: 0.95,
            min_p: 0.05,
            seed: 42,
            ..Default::default()
        };
        let drawn = tokens(&options, &logits, 8);
        assert_eq!(drawn, tokens(&options, &logits, 8));
        assert_ne!(drawn, tokens(&SamplerOptions { seed: 43, ..options }, &logits, 8));
    }

    proptest! {
        #[test]
        fn every_combination_draws_an_allowed_token(
            logits in prop::collection::vec(-20f32..20.0, 1..300), allowed in prop::collection::vec(any::<u32>(), 10),
            temperature in prop_oneof![Just(0.0f32), Just(1e-38), 0.1f32..3.0],
            top_k in 0i32..50, top_p in 0f32..1.0, min_p in 0f32..1.0, typical_p in 0f32..1.0, seed in any::<u64>(),
        ) {
            let is_allowed = |token: usize| allowed[token / 32] >> (token % 32) & 1 == 1;
            prop_assume!((0..logits.len()).any(is_allowed));
            let options = SamplerOptions { temperature, top_k, top_p, min_p, typical_p, seed, logprobs: true, ..Default::default() };
            let sampled = sampler(options, logits.len()).sample_allowed(&mut logits.clone(), &allowed).unwrap();
            prop_assert!(is_allowed(sampled.token as usize));
            prop_assert!(sampled.logprob <= 1e-6);
        }
    }
}
