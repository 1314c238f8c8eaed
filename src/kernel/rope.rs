//! Rotary position embeddings: frequencies with every usual scaling, and tables of angles; knows no layer.

use super::math::{exp64, ln64, sin_cos64};
use crate::error::{Error, ErrorKind, Result};
use std::f64::consts::PI;

/// Which elements of a head turn together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RopeStyle {
    /// Neighbours, 2i and 2i + 1 (llama, as GGUF permutes it).
    Interleaved,
    /// Halves, i and i + dims / 2 (GPT-NeoX, Qwen, Gemma, Phi).
    Halves,
}

/// How positions beyond the trained context are handled.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum RopeScaling {
    /// Not at all.
    None,
    /// Positions are divided by the factor.
    Linear(f64),
    /// YaRN (Peng et al., 2023), as ggml's `rope_yarn`.
    Yarn {
        /// Context length over the original one.
        factor: f64,
        /// The original context length.
        original_context: usize,
        /// How much of the extrapolated frequencies is mixed in; usually 1.
        extrapolation: f64,
        /// Multiplies the magnitude; usually 1.
        attention: f64,
        /// Usually 32.
        beta_fast: f64,
        /// Usually 1.
        beta_slow: f64,
    },
    /// Llama 3.1's smoothed bands.
    Llama3 {
        /// By how much low frequencies are divided; usually 8 or 32.
        factor: f64,
        /// Usually 1.
        low: f64,
        /// Usually 4.
        high: f64,
        /// The original context length.
        original_context: usize,
    },
}

/// What defines a rope.
#[derive(Debug, Clone, Copy)]
pub struct RopeConfig<'a> {
    /// Elements of a head that turn: even, from the first on.
    pub dims: usize,
    /// The base of the frequencies: over 1; models have 10,000 and more.
    pub base: f64,
    /// Which elements turn together.
    pub style: RopeStyle,
    /// Beyond the trained context.
    pub scaling: RopeScaling,
    /// Multiplies cos and sin, whatever the scaling: 1 unless a file says otherwise.
    pub magnitude: f64,
    /// Each frequency is divided by its factor (longrope, or Llama 3 in GGUF): `(dims / 2)`.
    pub factors: Option<&'a [f32]>,
}

/// Frequencies, ready to give angles.
#[derive(Debug, Clone)]
pub struct Rope {
    /// Radians per position: `(dims / 2)`.
    frequencies: Vec<f64>,
    /// Multiplies cos and sin.
    magnitude: f64,
    /// Which elements turn together.
    style: RopeStyle,
}

/// cos and sin for the tokens of a pass: `(tokens, dims / 2)` each.
#[derive(Debug, Clone, Default)]
pub struct RopeTable {
    pub(crate) cos: Vec<f32>,
    pub(crate) sin: Vec<f32>,
    pub(crate) pairs: usize,
    pub(crate) halves: bool,
}

impl RopeTable {
    /// Tokens whose angles it has.
    pub fn tokens(&self) -> usize {
        self.cos.len() / self.pairs.max(1)
    }

    /// Gives token `to` the angles of token `from`, where both are there.
    pub fn move_token(&mut self, from: usize, to: usize) {
        let pairs = self.pairs;
        if from != to && from.max(to) < self.tokens() {
            for angles in [&mut self.cos, &mut self.sin] {
                angles.copy_within(from * pairs..(from + 1) * pairs, to * pairs);
            }
        }
    }

    /// Leaves the first `tokens` tokens.
    pub fn truncate(&mut self, tokens: usize) {
        self.cos.truncate(tokens * self.pairs);
        self.sin.truncate(tokens * self.pairs);
    }
}

impl Rope {
    /// The frequencies of `config`. `InvalidArgument` for odd dimensions, a bad base or factor, or the wrong
    /// number of factors.
    pub fn new(config: &RopeConfig<'_>) -> Result<Self> {
        let pairs = config.dims / 2;
        let invalid = |message: String| Err(Error::new(ErrorKind::InvalidArgument, message));
        if config.dims == 0 || !config.dims.is_multiple_of(2) || config.dims > 1 << 16 {
            return invalid(format!("rope of {} dimensions; they must be even and not 0", config.dims));
        }
        if !(config.base > 1.0 && config.base < 1e18) {
            return invalid(format!("rope base {} is not over 1", config.base));
        }
        let good = |factor: f32| factor.is_finite() && factor > 0.0;
        if config.factors.is_some_and(|factors| factors.len() != pairs || !factors.iter().all(|&f| good(f))) {
            return invalid(format!("rope factors must be {pairs} positive numbers"));
        }
        let log_base = ln64(config.base);
        let mut frequencies = Vec::new();
        frequencies.try_reserve_exact(pairs)?;
        for i in 0..pairs {
            let plain = exp64(-log_base * (2 * i) as f64 / config.dims as f64);
            frequencies.push(plain / config.factors.map_or(1.0, |factors| factors[i] as f64));
        }
        let of_scaling = scale(&mut frequencies, config, log_base);
        let magnitude = config.magnitude * of_scaling;
        if !magnitude.is_finite() || frequencies.iter().any(|f| !f.is_finite()) {
            let RopeConfig { scaling, magnitude, .. } = config;
            return invalid(format!(
                "rope scaling {scaling:?} with a magnitude of {magnitude} gives no finite angles"
            ));
        }
        Ok(Self { frequencies, magnitude, style: config.style })
    }

    /// Fills `table` for tokens at `positions`, in their order. Allocates only when there are more tokens
    /// than ever before.
    pub fn fill(&self, positions: impl Iterator<Item = usize>, table: &mut RopeTable) -> Result<()> {
        table.cos.clear();
        table.sin.clear();
        self.extend(positions, table)
    }

    /// As [`Rope::fill`], behind the tokens that `table` has of this rope already.
    pub fn extend(&self, positions: impl Iterator<Item = usize>, table: &mut RopeTable) -> Result<()> {
        (table.pairs, table.halves) = (self.frequencies.len(), self.style == RopeStyle::Halves);
        for position in positions {
            table.cos.try_reserve(self.frequencies.len())?;
            table.sin.try_reserve(self.frequencies.len())?;
            for frequency in &self.frequencies {
                let (sin, cos) = sin_cos64(position as f64 * frequency);
                table.cos.push((cos * self.magnitude) as f32);
                table.sin.push((sin * self.magnitude) as f32);
            }
        }
        Ok(())
    }
}

/// Scales the frequencies, and says what else multiplies cos and sin. One loop for each scaling: a choice
/// within the loop lets the compiler read a scaling's numbers before it is known which one is there, and
/// memory checkers report that.
fn scale(frequencies: &mut [f64], config: &RopeConfig<'_>, log_base: f64) -> f64 {
    match config.scaling {
        RopeScaling::None => 1.0,
        RopeScaling::Linear(factor) => {
            frequencies.iter_mut().for_each(|frequency| *frequency /= factor);
            1.0
        }
        RopeScaling::Yarn { factor, original_context, extrapolation, attention, beta_fast, beta_slow } => {
            // The dimension that turns `rotations` times within the original context.
            let dimension = |rotations: f64| {
                let turns = original_context as f64 / (rotations * 2.0 * PI);
                config.dims as f64 * ln64(turns.max(1e-300)) / (2.0 * log_base)
            };
            let low = dimension(beta_fast).floor().max(0.0);
            let high = dimension(beta_slow).ceil().min(config.dims as f64 - 1.0);
            for (i, frequency) in frequencies.iter_mut().enumerate() {
                let ramp = 1.0 - ((i as f64 - low) / (high - low).max(0.001)).clamp(0.0, 1.0);
                let mix = ramp * extrapolation;
                *frequency = *frequency / factor * (1.0 - mix) + *frequency * mix;
            }
            attention * tempering(factor, extrapolation)
        }
        RopeScaling::Llama3 { factor, low, high, original_context } => {
            for frequency in frequencies {
                let turns = original_context as f64 * *frequency / (2.0 * PI);
                let smooth = ((turns - low) / (high - low)).clamp(0.0, 1.0);
                *frequency = *frequency / factor * (1.0 - smooth) + *frequency * smooth;
            }
            1.0
        }
    }
}

/// How much longer YaRN makes queries and keys. Apart for the same reason as the loops of [`scale`].
#[inline(never)]
fn tempering(factor: f64, extrapolation: f64) -> f64 {
    if extrapolation == 0.0 { 1.0 } else { 1.0 + 0.1 * ln64(factor.max(1e-9)) }
}
