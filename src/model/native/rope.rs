//! What a file says about rotary position embedding: base, scaling and the rest, checked. Knows no position
//! and turns nothing.
//!
//! Source of the conventions: ggml's `ggml_rope_ext` and the converters that write the keys.

use super::keys::{Keys, invalid, unsupported};
use crate::error::Result;
use crate::kernel::{Rope, RopeConfig, RopeScaling, RopeStyle};

/// What turns queries and keys, the same in every head.
#[derive(Debug, Clone)]
pub(super) struct RopeKeys {
    style: RopeStyle,
    /// Elements of a head that are turned, its first; even.
    pub(super) dims: usize,
    base: f32,
    scaling: RopeScaling,
    /// Tokens of the training before it was stretched: where long factors begin to count.
    pub(super) original_context: usize,
}

impl RopeKeys {
    /// Reads `rope.*`.
    ///
    /// # Errors
    /// `ModelInvalid` for numbers out of range, `Unsupported` for an unknown scaling.
    pub(super) fn read(
        keys: &Keys<'_>,
        style: RopeStyle,
        head_dim: usize,
        context_length: usize,
    ) -> Result<Self> {
        let dims = keys.count("rope.dimension_count", 2..=head_dim)?.unwrap_or(head_dim);
        if !dims.is_multiple_of(2) {
            return Err(invalid(format!("rope.dimension_count is {dims}; even numbers are possible")));
        }
        let base = keys.number("rope.freq_base", 1.0)?.unwrap_or(10_000.0);
        let original_context =
            keys.count("rope.scaling.original_context_length", 1..=1 << 24)?.unwrap_or(context_length);
        let scaling = read_scaling(keys, original_context)?;
        Ok(Self { style, dims, base, scaling, original_context })
    }

    /// The same turn without any scaling.
    pub(super) fn unscaled(&self) -> Self {
        Self { scaling: RopeScaling::None, ..self.clone() }
    }

    /// The same turn from another base.
    pub(super) fn with_base(self, base: f32) -> Self {
        Self { base, ..self }
    }

    /// Ready to turn; `factors` (dims / 2) divide the angles, pair by pair, where a file has them.
    pub(super) fn build(&self, factors: Option<&[f32]>) -> Result<Rope> {
        let Self { style, dims, base, scaling, .. } = *self;
        Rope::new(&RopeConfig { dims, base: base.into(), style, scaling, factors })
            .map_err(|error| invalid(error.message().to_owned()))
    }
}

fn read_scaling(keys: &Keys<'_>, original_context: usize) -> Result<RopeScaling> {
    let factor = match keys.number_unless_zero("rope.scaling.factor")? {
        Some(factor) => factor,
        None => keys.number_unless_zero("rope.scale_linear")?.unwrap_or(1.0),
    };
    let factor = f64::from(factor);
    let attention = keys.number_unless_zero("rope.scaling.attn_factor")?.unwrap_or(1.0).into();
    match keys.text("rope.scaling.type")? {
        None | Some("linear") => Ok(RopeScaling::Linear(factor)),
        Some("none") => Ok(RopeScaling::None),
        Some("longrope") => Ok(RopeScaling::Magnitude(attention)),
        Some("yarn") => Ok(RopeScaling::Yarn {
            factor,
            original_context,
            extrapolation: 1.0,
            attention,
            beta_fast: 32.0,
            beta_slow: 1.0,
        }),
        Some(other) => {
            let shown: String = other.chars().take(64).collect();
            Err(unsupported(format!("rope.scaling.type {shown:?}; there are none, linear, yarn, longrope")))
        }
    }
}
