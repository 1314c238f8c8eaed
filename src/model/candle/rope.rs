//! Cosines and sines of the rotary embedding for the positions of one pass; knows no layer.
//!
//! Computed per pass and not kept: a table over the whole context would be sized by a number in the file.

use super::computing;
use crate::error::Result;
use crate::kernel::{Rope, RopeTable};
use candle_core::{Device, Tensor};

/// Angles for consecutive positions, (positions, dims / 2) each, of the first `dims` elements of a head.
pub(super) struct Rotation {
    cos: Tensor,
    sin: Tensor,
    dims: usize,
    halves: bool,
}

impl Rotation {
    /// For `count` positions from `start` on.
    ///
    /// # Errors
    /// `OutOfMemory`.
    pub(super) fn new(rope: &Rope, start: usize, count: usize, device: &Device) -> Result<Self> {
        let mut table = RopeTable::default();
        rope.fill(start..start + count, &mut table)?;
        let RopeTable { cos, sin, pairs, halves } = table;
        let tensor = |angles| Tensor::from_vec(angles, (count, pairs), device).map_err(computing);
        Ok(Self { cos: tensor(cos)?, sin: tensor(sin)?, dims: 2 * pairs, halves })
    }

    /// Turns `x`, (heads, positions, head_dim); the result is contiguous.
    pub(super) fn apply(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        let head_dim = x.dim(2)?;
        if self.dims == head_dim {
            return self.turn(x);
        }
        let rest = x.narrow(2, self.dims, head_dim - self.dims)?;
        Tensor::cat(&[&self.turn(&x.narrow(2, 0, self.dims)?)?, &rest], 2)
    }

    fn turn(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        let x = x.contiguous()?.unsqueeze(0)?;
        let turned = match self.halves {
            false => candle_nn::rotary_emb::rope_i(&x, &self.cos, &self.sin)?,
            true => candle_nn::rotary_emb::rope(&x, &self.cos, &self.sin)?,
        };
        turned.squeeze(0)
    }
}
