//! Mixers that keep one state for a sequence: their numbers, each with its range, and which layers have them.
//! Knows no tensor.

use super::family::Family;
use super::keys::{Keys, MAX_PERIOD, PerLayer, invalid};
use super::kinds::Recurrent;
use crate::error::Result;
use crate::gguf::Value;
use crate::kernel::{DeltaHead, ScanHead};

/// Ceilings far above any model that exists.
const MAX_TAPS: usize = 64;
const MAX_HEADS: usize = 1024;
const MAX_HEAD_DIM: usize = 512;
const MAX_INNER: usize = MAX_HEADS * MAX_HEAD_DIM;

/// The numbers of one layer's short convolution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ShortConv {
    /// Channels.
    pub(crate) width: usize,
    /// Tokens that it sees, its own included.
    pub(crate) taps: usize,
}

/// The numbers of one layer's gated delta net.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DeltaNet {
    /// Heads of queries and keys.
    pub(crate) key_heads: usize,
    /// Heads of values, each with a state; a multiple of `key_heads`.
    pub(crate) value_heads: usize,
    /// Width of a head.
    pub(crate) dim: usize,
    /// Tokens that its convolution sees, their own included.
    pub(crate) taps: usize,
}

/// The numbers of one layer's Mamba-2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mamba2 {
    pub(crate) heads: usize,
    /// Width of all heads' inputs; a multiple of `heads`.
    pub(crate) inner: usize,
    /// Width of B and of C.
    pub(crate) states: usize,
    /// How many B and C there are; `heads` is a multiple.
    pub(crate) groups: usize,
    /// Tokens that its convolution sees, their own included.
    pub(crate) taps: usize,
}

impl ShortConv {
    /// Of a model `width` wide.
    pub(super) fn read(keys: &Keys<'_>, width: usize) -> Result<Self> {
        Ok(Self { width, taps: keys.require("shortconv.l_cache", 2..=MAX_TAPS)? })
    }

    /// f32 elements of its state: its last inputs.
    pub(super) fn state_len(&self) -> usize {
        (self.taps - 1) * self.width
    }
}

impl DeltaNet {
    pub(super) fn read(keys: &Keys<'_>) -> Result<Self> {
        let net = Self {
            key_heads: keys.require("ssm.group_count", 1..=MAX_HEADS)?,
            value_heads: keys.require("ssm.time_step_rank", 1..=MAX_HEADS)?,
            dim: keys.require("ssm.state_size", 1..=MAX_HEAD_DIM)?,
            taps: keys.require("ssm.conv_kernel", 2..=MAX_TAPS)?,
        };
        let inner = keys.require("ssm.inner_size", 1..=MAX_INNER)?;
        let Self { key_heads, value_heads, dim, .. } = net;
        if inner != value_heads * dim {
            return Err(invalid(format!(
                "ssm.inner_size is {inner}, not ssm.time_step_rank {value_heads} times ssm.state_size {dim}"
            )));
        }
        if !value_heads.is_multiple_of(key_heads) {
            return Err(invalid(format!(
                "ssm.time_step_rank {value_heads} is no multiple of ssm.group_count {key_heads}"
            )));
        }
        Ok(net)
    }

    /// Width of all values of a token.
    pub(crate) fn values(&self) -> usize {
        self.value_heads * self.dim
    }

    /// Width of what its convolution takes: queries, keys and values of a token.
    pub(crate) fn channels(&self) -> usize {
        2 * self.key_heads * self.dim + self.values()
    }

    /// f32 elements of the convolution's state: its last inputs.
    pub(crate) fn conv_state_len(&self) -> usize {
        (self.taps - 1) * self.channels()
    }

    /// f32 elements of its state: the convolution's, then a matrix for each head of values.
    pub(super) fn state_len(&self) -> usize {
        self.conv_state_len() + self.value_heads * DeltaHead::state_len(self.dim)
    }
}

impl Mamba2 {
    pub(super) fn read(keys: &Keys<'_>) -> Result<Self> {
        let net = Self {
            heads: keys.require("ssm.time_step_rank", 1..=MAX_HEADS)?,
            inner: keys.require("ssm.inner_size", 1..=MAX_INNER)?,
            states: keys.require("ssm.state_size", 1..=MAX_HEAD_DIM)?,
            groups: keys.require("ssm.group_count", 1..=MAX_HEADS)?,
            taps: keys.require("ssm.conv_kernel", 2..=MAX_TAPS)?,
        };
        let Self { heads, inner, groups, .. } = net;
        if !inner.is_multiple_of(heads) || !heads.is_multiple_of(groups) {
            return Err(invalid(format!(
                "ssm.inner_size {inner} is no multiple of ssm.time_step_rank {heads}, or that none of \
                 ssm.group_count {groups}"
            )));
        }
        if net.dim() > MAX_HEAD_DIM {
            return Err(invalid(format!(
                "ssm.inner_size {inner} makes heads {} wide; {MAX_HEAD_DIM} are possible",
                net.dim()
            )));
        }
        Ok(net)
    }

    /// Width of a head's input and result.
    pub(crate) fn dim(&self) -> usize {
        self.inner / self.heads
    }

    /// Width of what its convolution takes: inputs, B and C of a token.
    pub(crate) fn channels(&self) -> usize {
        self.inner + 2 * self.groups * self.states
    }

    /// f32 elements of the convolution's state: its last inputs.
    pub(crate) fn conv_state_len(&self) -> usize {
        (self.taps - 1) * self.channels()
    }

    /// f32 elements of its state: the convolution's, then a matrix for each head.
    pub(super) fn state_len(&self) -> usize {
        self.conv_state_len() + self.heads * ScanHead::state_len(self.dim(), self.states)
    }
}

/// Whether each of `layers` layers recurs, by what the file says; `kv_heads`: its heads of keys and values.
pub(super) fn recurrent(keys: &Keys<'_>, family: &Family, kv_heads: &[usize]) -> Result<Vec<bool>> {
    let layers = kv_heads.len();
    match family.recurrent {
        Recurrent::None => Ok(vec![false; layers]),
        Recurrent::ShortConv | Recurrent::Mamba2 => Ok(kv_heads.iter().map(|heads| *heads == 0).collect()),
        Recurrent::DeltaNet => {
            let flags = match keys.per_layer("attention.recurrent_layers", layers)? {
                PerLayer::Each(array) => array.iter().map(|flag| flag == Value::Bool(true)).collect(),
                PerLayer::None => {
                    let interval = keys.count("full_attention_interval", 1..=MAX_PERIOD)?.unwrap_or(4);
                    (0..layers).map(|layer| !(layer + 1).is_multiple_of(interval)).collect()
                }
                PerLayer::Every(_) => {
                    return Err(invalid(format!(
                        "{}.attention.recurrent_layers is no array: it says of each layer whether it recurs",
                        family.name
                    )));
                }
            };
            Ok(flags)
        }
    }
}
