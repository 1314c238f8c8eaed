//! Cosines and sines of the rotary embedding for the positions of one pass; knows no layer.
//!
//! Computed per pass and not kept: a table over the whole context would be sized by a number in the file.

use super::architecture::RopeStyle;
use candle_core::{Device, Result, Tensor};

/// Angles for consecutive positions; (positions, head_dim / 2) each.
pub(super) struct Rotation {
    cos: Tensor,
    sin: Tensor,
    style: RopeStyle,
}

/// What the angles depend on besides the position. Source: RoFormer (Su et al., 2021), equation 15.
pub(super) struct Frequencies<'a> {
    pub(super) style: RopeStyle,
    pub(super) head_dim: usize,
    pub(super) base: f64,
    /// Positions are divided by this.
    pub(super) scaling_factor: f64,
    /// Each frequency is divided by its own, (head_dim / 2): Llama 3.1's scaling.
    pub(super) factors: Option<&'a [f32]>,
}

impl Rotation {
    /// For `count` positions from `start` on.
    pub(super) fn new(
        frequencies: &Frequencies,
        start: usize,
        count: usize,
        device: &Device,
    ) -> Result<Self> {
        let half = frequencies.head_dim / 2;
        let rates: Vec<f64> = (0..half)
            .map(|i| {
                let factor = frequencies.factors.and_then(|factors| factors.get(i)).copied().unwrap_or(1.0);
                let exponent = -((2 * i) as f64) / frequencies.head_dim as f64;
                frequencies.base.powf(exponent) / f64::from(factor) / frequencies.scaling_factor
            })
            .collect();
        let angles =
            (start..start + count).flat_map(|position| rates.iter().map(move |rate| position as f64 * rate));
        let (sin, cos): (Vec<f32>, Vec<f32>) = angles
            .map(|angle| {
                let (sin, cos) = angle.sin_cos();
                (sin as f32, cos as f32)
            })
            .unzip();
        Ok(Self {
            cos: Tensor::from_vec(cos, (count, half), device)?,
            sin: Tensor::from_vec(sin, (count, half), device)?,
            style: frequencies.style,
        })
    }

    /// Turns `x`, (heads, positions, head_dim); the result is contiguous.
    pub(super) fn apply(&self, x: &Tensor) -> Result<Tensor> {
        let x = x.contiguous()?.unsqueeze(0)?;
        let turned = match self.style {
            RopeStyle::Interleaved => candle_nn::rotary_emb::rope_i(&x, &self.cos, &self.sin)?,
            RopeStyle::Halves => candle_nn::rotary_emb::rope(&x, &self.cos, &self.sin)?,
        };
        turned.squeeze(0)
    }
}
