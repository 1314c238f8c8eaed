//! What a model is, as data: its architecture's row, its numbers, every tensor by its role. Knows files and
//! what is in them; computes nothing, and no backend.

mod adapter;
mod config;
mod encoder;
mod family;
mod feed;
mod feed_roles;
mod keys;
mod kinds;
mod layer;
mod recurrent;
mod recurrent_roles;
mod roles;
mod rope;
mod tensors;

pub(crate) use adapter::AdapterReader;
pub(crate) use config::Config;
pub(crate) use encoder::Encoder;
pub(crate) use feed::{Experts, Feed, WeightedBy};
pub(crate) use feed_roles::{ExpertWeights, Gated, Ungated};
pub(crate) use layer::{Attention, Layer, LayerEnd, Mixer, Temperature};
pub(crate) use recurrent::{DeltaNet, Mamba2};
pub(crate) use recurrent_roles::{DeltaNetWeights, Mamba2Weights, ShortConvWeights};
pub(crate) use roles::{AttentionWeights, LayerNorm, LayerWeights};
pub(crate) use roles::{LayerInput, MixerWeights, ModelWeights};
pub(crate) use rope::RopeKeys;
pub(crate) use tensors::Matrix;
