//! What a model is, as data: its architecture's row, its numbers, every tensor by its role. Knows files and
//! what is in them; computes nothing, and no backend.

mod config;
mod family;
mod keys;
mod layer;
mod recurrent;
mod recurrent_roles;
mod roles;
mod rope;
mod tensors;

pub(crate) use config::Config;
pub(crate) use family::Family;
pub(crate) use layer::{Attention, Experts, Feed, Layer, LayerEnd, Mixer, Temperature};
pub(crate) use recurrent::DeltaNet;
pub(crate) use recurrent_roles::{DeltaNetWeights, ShortConvWeights};
pub(crate) use roles::{AttentionWeights, ExpertWeights, FeedWeights, Gated, LayerWeights};
pub(crate) use roles::{LayerInput, MixerWeights, ModelWeights};
pub(crate) use rope::RopeKeys;
pub(crate) use tensors::Matrix;
