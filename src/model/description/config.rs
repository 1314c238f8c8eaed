//! The numbers of one model: read from the file, checked against each other and against ceilings, so that
//! nothing after it has to. Knows keys; not tensors.

use super::encoder::{Encoder, pooling_of_decoder};
use super::family::Family;
use super::keys::{Keys, MAX_CONTEXT, MAX_WIDTH, invalid, unsupported};
use super::kinds::{EmbeddingScale, Multipliers, Norms};
use super::layer::{Layer, LayerEnd, Layers};
use super::rope::RopeKeys;
use crate::error::Result;
use crate::gguf::{Metadata, Strs};
use crate::model::{Pooling, VectorSpec};
use smallvec::SmallVec;

const MAX_LAYERS: usize = 1024;
const MAX_LOOPS: usize = 64;
/// The embeddings that tokens have for each layer.
pub(super) const INPUT_EMBEDDING: &str = "per_layer_token_embd.weight";

const MAX_VOCAB: usize = 1 << 22;

/// Tokens that an encoder takes at most: one pass works on all of them.
const MAX_ENCODED: usize = 8192;

/// Positions that rope's tables are exact for.
const MAX_POSITION: usize = 1_000_000;

/// What the forward pass needs to know, beside the weights.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    pub(crate) family: &'static Family,
    /// Tokens that the model was made for.
    pub(crate) context_length: usize,
    /// Width of the residual stream.
    pub(crate) width: usize,
    /// In the order in which they are computed.
    pub(crate) layers: Vec<Layer>,
    /// How many of them the file has: behind these they begin anew.
    pub(crate) stored: usize,
    /// Layers of the file behind those that are for drafting: nothing computes with their tensors, which are
    /// checked all the same.
    pub(crate) drafting: Vec<Layer>,
    /// What turns queries and keys: of layers without a window, and, where it differs, of those with one.
    pub(crate) ropes: SmallVec<[RopeKeys; 2]>,
    /// Added to the mean square in every norm.
    pub(crate) epsilon: f32,
    /// Embeddings are multiplied by it.
    pub(crate) embedding_scale: f32,
    /// What each half of a layer adds to the residual stream is multiplied by it.
    pub(crate) residual_scale: f32,
    /// Logits are multiplied by it.
    pub(crate) logit_scale: f32,
    /// Added to the weights of norms: 1 where the file has what they differ from 1 by, as Gemma's training
    /// does.
    pub(crate) norm_offset: f32,
    /// Logits l become cap · tanh(l / cap).
    pub(crate) logit_cap: Option<f32>,
    /// In place of logits, one vector of a text.
    pub(crate) encoder: Option<Encoder>,
    /// What a vector of a text is made of; `None`: the file's `pooling_type` gives none.
    pooling: Option<Pooling>,
}

impl Config {
    /// Reads and checks a file's hyper-parameters.
    ///
    /// # Errors
    /// `Unsupported`, by name, for an architecture or a variant that the decoder lacks; `ModelInvalid` for a
    /// number out of range.
    pub(crate) fn read(metadata: &Metadata) -> Result<Self> {
        let name: &str = metadata.require("general.architecture")?;
        let family = Family::named(name).ok_or_else(|| {
            let known: Vec<_> = super::family::FAMILIES.iter().map(|family| family.name).collect();
            let shown: String = name.chars().take(64).collect();
            unsupported(format!(
                "architecture {shown:?} is unknown; the nearest that is known is {}, of {}",
                Family::nearest(&shown),
                known.join(", ")
            ))
        })?;
        let keys = Keys::new(metadata, name);
        let width = keys.require("embedding_length", 1..=MAX_WIDTH)?;
        let layers = keys.require("block_count", 1..=MAX_LAYERS)?;
        let context_length = keys.require("context_length", 1..=MAX_CONTEXT)?;
        let epsilon_key = match family.norms {
            Norms::Behind => "attention.layer_norm_epsilon",
            _ => "attention.layer_norm_rms_epsilon",
        };
        let epsilon = keys.number(epsilon_key, f32::MIN_POSITIVE)?;
        let epsilon =
            epsilon.ok_or_else(|| invalid(format!("metadata key \"{name}.{epsilon_key}\" is missing")))?;
        if epsilon >= 1.0 {
            return Err(invalid(format!("{epsilon_key} is {epsilon}; less than 1 is possible")));
        }
        let scales = Scales::read(&keys, family, width, layers)?;
        let drafting = match family.drafts {
            true => keys.count("nextn_predict_layers", 0..=layers - 1)?.unwrap_or(0),
            false => 0,
        };
        let Layers { layers, drafting, ropes } =
            Layers::read(&keys, family, width, (layers, drafting), context_length)?;
        let stored = layers.len();
        let layers = if family.loops { looped(&keys, &layers)? } else { layers };
        let may_rank = family.norms == Norms::Behind;
        let encoder = family.encodes.then(|| Encoder::read(&keys, width, may_rank)).transpose()?;
        let pooling = match &encoder {
            Some(encoder) => Some(encoder.pooling),
            None => pooling_of_decoder(&keys)?,
        };
        Ok(Self {
            family,
            context_length,
            width,
            layers,
            stored,
            drafting,
            ropes,
            epsilon,
            embedding_scale: scales.embedding,
            residual_scale: scales.residual,
            logit_scale: scales.logit,
            norm_offset: keys.number("norm_offset", 0.0)?.unwrap_or(0.0),
            encoder,
            pooling,
            logit_cap: keys.number_unless_zero("final_logit_softcapping")?,
        })
    }

    /// Tokens that a sequence may hold, where `wanted` are wanted: a cap.
    pub(crate) fn capped(&self, wanted: Option<usize>) -> usize {
        let most = if self.encoder.is_some() { MAX_ENCODED } else { MAX_POSITION };
        let made_for = self.context_length.min(most);
        wanted.unwrap_or(made_for).clamp(1, made_for)
    }

    /// What vectors of texts are.
    ///
    /// # Errors
    /// `Unsupported`: the file says something else.
    pub(crate) fn vectors(&self) -> Result<VectorSpec> {
        let Some(pooling) = self.pooling else {
            let name = self.family.name;
            return Err(unsupported(format!(
                "{name}.pooling_type gives no vector of a text; 0 and 3 (the last token's) and 1 (the mean) do"
            )));
        };
        let width = self.encoder.map_or(self.width, |encoder| encoder.vector(self.width));
        let ranks = self.encoder.is_some_and(|encoder| encoder.ranks);
        Ok(VectorSpec { width, pooling, ranks, separators: 1 })
    }

    /// Width of the embedding that a token has of its own for each layer; 0: none.
    pub(crate) fn input_width(&self) -> usize {
        match self.layers.first().map(|layer| layer.end) {
            Some(LayerEnd::Input(width)) => width,
            _ => 0,
        }
    }

    /// The tensor of which a token reads one row, where it is a large part of the file.
    pub(crate) fn read_by_row(&self) -> Option<&'static str> {
        (self.input_width() > 0).then_some(INPUT_EMBEDDING)
    }

    /// Whether the layers norm before their projections.
    pub(crate) fn norms_before(&self) -> bool {
        matches!(self.family.norms, Norms::Before | Norms::Around)
    }

    /// Whether they norm the residual stream behind each sum, and behind the embeddings.
    pub(crate) fn norms_behind(&self) -> bool {
        self.family.norms == Norms::Behind
    }

    /// Whether they norm what they add to the residual stream.
    pub(crate) fn norms_after(&self) -> bool {
        matches!(self.family.norms, Norms::Around | Norms::After)
    }
}

/// The layers as often as the file says.
fn looped(keys: &Keys<'_>, once: &[Layer]) -> Result<Vec<Layer>> {
    let most = MAX_LOOPS.min(MAX_LAYERS / once.len().max(1));
    let loops = keys.count("num_loops", 1..=most)?.unwrap_or(1);
    let mut layers = once.repeat(loops);
    if keys.flag("skip_loop_final_norm")? != Some(true) {
        let last = layers.chunks_exact_mut(once.len().max(1)).filter_map(<[Layer]>::last_mut);
        last.take(loops - 1).for_each(|layer| layer.end = LayerEnd::Normed);
    }
    Ok(layers)
}

/// What the embedding, what layers add, and the logits are multiplied by.
struct Scales {
    embedding: f32,
    residual: f32,
    logit: f32,
}

impl Scales {
    fn read(keys: &Keys<'_>, family: &Family, width: usize, layers: usize) -> Result<Self> {
        let embedding = match family.embedding {
            EmbeddingScale::One => 1.0,
            EmbeddingScale::RootOfWidth => (width as f32).sqrt(),
            EmbeddingScale::Given(default) => keys.number_unless_zero("embedding_scale")?.unwrap_or(default),
        };
        let (residual, logit) = match family.multipliers {
            Multipliers::None => return Ok(Self { embedding, residual: 1.0, logit: 1.0 }),
            Multipliers::Given => (1.0, 1.0),
            Multipliers::GivenOrMiniCpm => (1.4 / (layers as f32).sqrt(), 256.0 / width as f32),
        };
        let residual = keys.number_unless_zero("residual_scale")?.unwrap_or(residual);
        let logit = 1.0 / keys.number_unless_zero("logit_scale")?.unwrap_or(logit);
        Ok(Self { embedding, residual, logit })
    }
}

/// Checks that the vocabulary has as many tokens as the embedding has rows. What else the file says of the
/// vocabulary's size is the tokenizer's to judge.
///
/// # Errors
/// `ModelInvalid` where the numbers differ, or are beyond any model's.
pub(crate) fn check_vocabulary(metadata: &Metadata, rows: usize) -> Result<()> {
    if rows > MAX_VOCAB {
        return Err(invalid(format!("token_embd.weight has {rows} rows; {MAX_VOCAB} are possible")));
    }
    match metadata.find::<Strs<'_>>("tokenizer.ggml.tokens")?.filter(|tokens| tokens.len() != rows) {
        Some(tokens) => {
            Err(invalid(format!("the tokenizer has {} tokens, token_embd.weight {rows} rows", tokens.len())))
        }
        None => Ok(()),
    }
}
