//! The tensors of mixers that keep a state, by role. Knows where weights lie; computes nothing.

use super::recurrent::{DeltaNet, Mamba2, ShortConv};
use super::tensors::{Finder, Matrix, Vector};
use crate::error::Result;

/// out(c ⊙ conv(b ⊙ u)).
pub(crate) struct ShortConvWeights {
    pub(crate) numbers: ShortConv,
    /// b, c and u: (3 · width, width).
    pub(crate) input: Matrix,
    /// (taps, width), the oldest tap first.
    pub(crate) kernel: Vector,
    /// (width, width).
    pub(crate) output: Matrix,
}

/// out(norm(delta rule of conv(input)) ⊙ silu(gate)).
pub(crate) struct DeltaNetWeights {
    pub(crate) numbers: DeltaNet,
    /// Queries, keys and values: (channels, width).
    pub(crate) input: Matrix,
    /// (values, width).
    pub(crate) gate: Matrix,
    /// What decays hang on: (value heads, width), with a bias.
    pub(crate) alpha: Matrix,
    pub(crate) alpha_bias: Vector,
    /// The strength of writes before its sigmoid: (value heads, width).
    pub(crate) beta: Matrix,
    /// ln of a decay by which softplus(alpha) is multiplied, at most 0: (value heads).
    pub(crate) rates: Vector,
    /// (taps, channels), the oldest tap first.
    pub(crate) kernel: Vector,
    /// Of each head's result: (dim).
    pub(crate) norm: Vector,
    /// (width, values).
    pub(crate) output: Matrix,
}

/// out(norm(scan of conv(input) ⊙ silu(gate))).
pub(crate) struct Mamba2Weights {
    pub(crate) numbers: Mamba2,
    /// (inner, width).
    pub(crate) gate: Matrix,
    /// Inputs, B and C: (channels, width).
    pub(crate) input: Matrix,
    /// Steps before their softplus: (heads, width), with a bias.
    pub(crate) steps: Matrix,
    pub(crate) step_bias: Vector,
    /// ln of a decay, by which steps are multiplied, below 0: (heads).
    pub(crate) rates: Vector,
    /// (heads).
    pub(crate) skips: Vector,
    /// (taps, channels), the oldest tap first.
    pub(crate) kernel: Vector,
    /// Of the convolution: (channels).
    pub(crate) bias: Option<Vector>,
    /// Of each group's results: (inner).
    pub(crate) norm: Vector,
    /// (width, inner).
    pub(crate) output: Matrix,
}

pub(super) fn find_short_conv(
    finder: &Finder<'_>,
    numbers: ShortConv,
    name: &dyn Fn(&str) -> String,
) -> Result<ShortConvWeights> {
    let ShortConv { width, taps } = numbers;
    Ok(ShortConvWeights {
        numbers,
        input: finder.matrix(&name("shortconv.in_proj.weight"), 3 * width, width)?,
        kernel: find_kernel(finder, &name("shortconv.conv.weight"), width, taps)?,
        output: finder.matrix(&name("shortconv.out_proj.weight"), width, width)?,
    })
}

pub(super) fn find_delta_net(
    finder: &Finder<'_>,
    width: usize,
    numbers: DeltaNet,
    name: &dyn Fn(&str) -> String,
) -> Result<DeltaNetWeights> {
    let (values, heads, channels) = (numbers.values(), numbers.value_heads, numbers.channels());
    Ok(DeltaNetWeights {
        numbers,
        input: finder.matrix(&name("attn_qkv.weight"), channels, width)?,
        gate: finder.matrix(&name("attn_gate.weight"), values, width)?,
        alpha: finder.matrix(&name("ssm_alpha.weight"), heads, width)?,
        alpha_bias: finder.vector(&name("ssm_dt.bias"), heads)?,
        beta: finder.matrix(&name("ssm_beta.weight"), heads, width)?,
        rates: finder.vector(&name("ssm_a"), heads)?,
        kernel: find_kernel(finder, &name("ssm_conv1d.weight"), channels, numbers.taps)?,
        norm: finder.vector(&name("ssm_norm.weight"), numbers.dim)?,
        output: finder.matrix(&name("ssm_out.weight"), width, values)?,
    })
}

pub(super) fn find_mamba2(
    finder: &Finder<'_>,
    width: usize,
    numbers: Mamba2,
    name: &dyn Fn(&str) -> String,
) -> Result<Mamba2Weights> {
    let Mamba2 { heads, inner, groups, taps, .. } = numbers;
    let channels = numbers.channels();
    let all = finder.matrix(&name("ssm_in.weight"), inner + channels + heads, width)?;
    Ok(Mamba2Weights {
        numbers,
        gate: all.part(0, inner),
        input: all.part(inner, channels),
        steps: all.part(inner + channels, heads),
        step_bias: finder.vector(&name("ssm_dt.bias"), heads)?,
        rates: finder.grid(&name("ssm_a"), heads, 1)?,
        skips: finder.grid(&name("ssm_d"), heads, 1)?,
        kernel: find_kernel(finder, &name("ssm_conv1d.weight"), channels, taps)?,
        bias: finder.optional(&name("ssm_conv1d.bias"), channels)?,
        norm: finder.grid(&name("ssm_norm.weight"), groups, inner / groups)?,
        output: finder.matrix(&name("ssm_out.weight"), width, inner)?,
    })
}

/// The taps of a convolution, (taps, width); the file has those of a channel behind each other.
fn find_kernel(finder: &Finder<'_>, name: &str, width: usize, taps: usize) -> Result<Vector> {
    let file = finder.grid(name, width, taps)?;
    Ok((0..file.len()).map(|index| file[index % width * taps + index / width]).collect())
}
