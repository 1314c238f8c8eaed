//! The numbers of one model: read from the file, checked against each other and against ceilings, so that
//! nothing after it has to. Knows keys; not tensors.

use super::family::{EmbeddingScale, Family, LocalRope, Norms, Routing, Windows};
use super::keys::{Keys, PerLayer, invalid, unsupported};
use super::rope::RopeKeys;
use crate::error::Result;
use crate::gguf::{Metadata, Strs, Value};
use crate::kernel::KvLayout;

/// Ceilings far above any model that exists, low enough that no product of two of them overflows.
const MAX_WIDTH: usize = 1 << 20;
const MAX_LAYERS: usize = 1024;
const MAX_HEADS: usize = 4096;
const MAX_HEAD_DIM: usize = KvLayout::MAX_DIM;
const MAX_CONTEXT: usize = 1 << 24;
const MAX_VOCAB: usize = 1 << 22;
const MAX_EXPERTS: usize = 1024;

/// What the forward pass needs to know, beside the weights.
#[derive(Debug, Clone)]
pub(super) struct Config {
    pub(super) family: &'static Family,
    /// Tokens that the model was made for.
    pub(super) context_length: usize,
    /// Width of the residual stream.
    pub(super) width: usize,
    pub(super) layers: usize,
    /// Inner width of the dense feed-forward; 0 where all layers are experts and the file gives none.
    pub(super) feed_forward: usize,
    pub(super) attention: Attention,
    pub(super) experts: Option<Experts>,
    /// Added to the mean square in every norm.
    pub(super) epsilon: f32,
    /// Embeddings are multiplied by it.
    pub(super) embedding_scale: f32,
    /// What each half of a layer adds to the residual stream is multiplied by it.
    pub(super) residual_scale: f32,
    /// Logits are multiplied by it.
    pub(super) logit_scale: f32,
    /// Logits l become cap · tanh(l / cap).
    pub(super) logit_cap: Option<f32>,
}

/// The numbers of attention, the same in all layers.
#[derive(Debug, Clone)]
pub(super) struct Attention {
    /// Query heads; a multiple of `kv_heads`.
    pub(super) heads: usize,
    pub(super) kv_heads: usize,
    /// Width of one head, of keys and values alike.
    pub(super) head_dim: usize,
    /// Scores are multiplied by it.
    pub(super) scale: f32,
    /// Scores s become cap · tanh(s / cap).
    pub(super) cap: Option<f32>,
    /// Tokens that a layer with a window looks back over, its own included.
    pub(super) window: Option<usize>,
    /// Which layers have the window, rope and which rope: (layer).
    pub(super) kinds: Vec<LayerKind>,
    /// Rope of layers without a window.
    pub(super) rope: RopeKeys,
    /// Rope of layers with one, where it differs.
    pub(super) local_rope: Option<RopeKeys>,
}

/// How one layer's attention differs from another's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LayerKind {
    pub(super) windowed: bool,
    pub(super) rope: bool,
}

/// The numbers of a feed-forward of experts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Experts {
    pub(super) count: usize,
    /// Experts that a token runs through.
    pub(super) used: usize,
    /// Inner width of one expert.
    pub(super) feed_forward: usize,
    /// Inner width of the expert that always runs; 0 for none.
    pub(super) shared_feed_forward: usize,
    pub(super) normalised: bool,
}

impl Attention {
    /// Width of all query heads together.
    pub(super) fn query_width(&self) -> usize {
        self.heads * self.head_dim
    }

    /// Width of all keys, or all values, of one token.
    pub(super) fn kv_width(&self) -> usize {
        self.kv_heads * self.head_dim
    }
}

impl Config {
    /// Reads and checks a file's hyper-parameters.
    ///
    /// # Errors
    /// `Unsupported`, by name, for an architecture or a variant that the decoder lacks; `ModelInvalid` for a
    /// number out of range.
    pub(super) fn read(metadata: &Metadata) -> Result<Self> {
        let name: &str = metadata.require("general.architecture")?;
        let family = Family::named(name).ok_or_else(|| {
            let known: Vec<_> = super::family::FAMILIES.iter().map(|family| family.name).collect();
            let shown: String = name.chars().take(64).collect();
            unsupported(format!(
                "architecture {shown:?} is unknown to the native decoder; it has {}",
                known.join(", ")
            ))
        })?;
        let keys = Keys::new(metadata, name);
        let width = keys.require("embedding_length", 1..=MAX_WIDTH)?;
        let layers = keys.require("block_count", 1..=MAX_LAYERS)?;
        let context_length = keys.require("context_length", 1..=MAX_CONTEXT)?;
        let experts = Experts::read(&keys, family)?;
        let feed_forward = match experts {
            None => keys
                .count_of_layers("feed_forward_length", 1..=MAX_WIDTH)?
                .ok_or_else(|| invalid(format!("metadata key \"{name}.feed_forward_length\" is missing")))?,
            Some(_) => keys.count_of_layers("feed_forward_length", 0..=MAX_WIDTH)?.unwrap_or(0),
        };
        let epsilon =
            keys.number("attention.layer_norm_rms_epsilon", f32::MIN_POSITIVE)?.ok_or_else(|| {
                invalid(format!("metadata key \"{name}.attention.layer_norm_rms_epsilon\" is missing"))
            })?;
        if epsilon >= 1.0 {
            return Err(invalid(format!(
                "attention.layer_norm_rms_epsilon is {epsilon}; less than 1 is possible"
            )));
        }
        let scales = Scales::read(&keys, family, width)?;
        let attention = Attention::read(&keys, family, width, layers, context_length)?;
        Ok(Self {
            family,
            context_length,
            width,
            layers,
            feed_forward,
            attention,
            experts,
            epsilon,
            embedding_scale: scales.embedding,
            residual_scale: scales.residual,
            logit_scale: scales.logit,
            logit_cap: keys.number_unless_zero("final_logit_softcapping")?,
        })
    }

    /// Whether the layers norm before their projections.
    pub(super) fn norms_before(&self) -> bool {
        self.family.norms != Norms::After
    }

    /// Whether they norm what they add to the residual stream.
    pub(super) fn norms_after(&self) -> bool {
        self.family.norms != Norms::Before
    }
}

/// What the embedding, what layers add, and the logits are multiplied by.
struct Scales {
    embedding: f32,
    residual: f32,
    logit: f32,
}

impl Scales {
    fn read(keys: &Keys<'_>, family: &Family, width: usize) -> Result<Self> {
        let embedding = match family.embedding {
            EmbeddingScale::One => 1.0,
            EmbeddingScale::RootOfWidth => (width as f32).sqrt(),
            EmbeddingScale::Given => keys.number_unless_zero("embedding_scale")?.unwrap_or(1.0),
        };
        let (mut residual, mut logit) = (1.0, 1.0);
        if family.multipliers {
            residual = keys.number_unless_zero("residual_scale")?.unwrap_or(1.0);
            logit = 1.0 / keys.number_unless_zero("logit_scale")?.unwrap_or(1.0);
        }
        Ok(Self { embedding, residual, logit })
    }
}

impl Experts {
    fn read(keys: &Keys<'_>, family: &Family) -> Result<Option<Self>> {
        let count = keys.count("expert_count", 0..=MAX_EXPERTS)?.unwrap_or(0);
        let routing = match (family.experts, count) {
            (Some(Routing { required: true, .. }), 0) => {
                return Err(invalid(format!("a {} model without experts (expert_count)", family.name)));
            }
            (_, 0) => return Ok(None),
            (Some(routing), _) => routing,
            (None, _) => {
                return Err(unsupported(format!("{} with {count} experts (expert_count)", family.name)));
            }
        };
        let used = keys.require("expert_used_count", 1..=count)?;
        let feed_forward = match keys.count("expert_feed_forward_length", 1..=MAX_WIDTH)? {
            Some(width) => width,
            None => keys.require("feed_forward_length", 1..=MAX_WIDTH)?,
        };
        let shared_feed_forward = match routing.shared {
            false => 0,
            true => keys
                .count("expert_shared_feed_forward_length", 1..=MAX_WIDTH)?
                .map_or_else(|| keys.require("feed_forward_length", 1..=MAX_WIDTH), Ok)?,
        };
        Ok(Some(Self { count, used, feed_forward, shared_feed_forward, normalised: routing.normalised }))
    }
}

impl Attention {
    fn read(
        keys: &Keys<'_>,
        family: &Family,
        width: usize,
        layers: usize,
        context_length: usize,
    ) -> Result<Self> {
        if keys.flag("attention.causal")? == Some(false) {
            return Err(unsupported(format!(
                "{}.attention.causal is false: every token would see those behind it too",
                family.name
            )));
        }
        let heads = keys.count_of_layers("attention.head_count", 1..=MAX_HEADS)?.ok_or_else(|| {
            invalid(format!("metadata key \"{}.attention.head_count\" is missing", family.name))
        })?;
        let kv_heads = keys.count_of_layers("attention.head_count_kv", 1..=MAX_HEADS)?.unwrap_or(heads);
        if !heads.is_multiple_of(kv_heads) {
            return Err(invalid(format!(
                "attention.head_count {heads} is no multiple of attention.head_count_kv {kv_heads}"
            )));
        }
        let head_dim = head_dim(keys, width, heads)?;
        let scale = match keys.number_unless_zero("attention.scale")? {
            Some(scale) => scale,
            None if layers == family.wide_scale_layers => 1.0 / ((width / heads) as f32).sqrt(),
            None => 1.0 / (head_dim as f32).sqrt(),
        };
        let window = match family.windows {
            Windows::None => None,
            // Phi 4 has none and says 0.
            Windows::All => {
                keys.count("attention.sliding_window", 0..=MAX_CONTEXT)?.filter(|&window| window > 0)
            }
            Windows::AllButEachIfAny(_) => keys.count("attention.sliding_window", 1..=MAX_CONTEXT)?,
            Windows::AllButEach(_) => Some(keys.require("attention.sliding_window", 1..=MAX_CONTEXT)?),
        };
        let rope = RopeKeys::read(keys, family.rope, head_dim, context_length)?;
        let local_rope = match family.local_rope {
            LocalRope::Same => None,
            LocalRope::Unscaled => Some(rope.unscaled()),
            LocalRope::Base(base) => {
                Some(rope.unscaled().with_base(keys.number("rope.freq_base_swa", 1.0)?.unwrap_or(base)))
            }
        };
        Ok(Self {
            heads,
            kv_heads,
            head_dim,
            scale,
            cap: keys.number_unless_zero("attn_logit_softcapping")?,
            window,
            kinds: layer_kinds(keys, family, layers, window.is_some())?,
            rope,
            local_rope,
        })
    }
}

/// The width of one head.
fn head_dim(keys: &Keys<'_>, width: usize, heads: usize) -> Result<usize> {
    let head_dim = match keys.count("attention.key_length", 1..=MAX_HEAD_DIM)? {
        Some(length) => length,
        None if width.is_multiple_of(heads) => width / heads,
        None => {
            return Err(invalid(format!(
                "embedding_length {width} is no multiple of attention.head_count {heads}"
            )));
        }
    };
    if !head_dim.is_multiple_of(2) || head_dim > MAX_HEAD_DIM {
        return Err(invalid(format!(
            "heads are {head_dim} wide; even widths up to {MAX_HEAD_DIM} are possible"
        )));
    }
    match keys.count("attention.value_length", 1..=MAX_HEAD_DIM)? {
        Some(values) if values != head_dim => Err(unsupported(format!(
            "keys are {head_dim} wide and values {values}; the native decoder has one width"
        ))),
        _ => Ok(head_dim),
    }
}

/// Which layers have a window, and which have no rope.
fn layer_kinds(keys: &Keys<'_>, family: &Family, layers: usize, windowed: bool) -> Result<Vec<LayerKind>> {
    let given = keys.per_layer("attention.sliding_window_pattern", layers)?;
    let turned = !family.rope_if_finetuned || keys.flag("rope.scaling.finetuned")? != Some(false);
    let but_each = |n: usize, layer: usize| !(layer + 1).is_multiple_of(n);
    let mut flags = match given {
        PerLayer::Each(array) => Some(array.iter()),
        PerLayer::Every(_) | PerLayer::None => None,
    };
    let mut has_window = |layer: usize| match (given, family.windows) {
        (PerLayer::Each(_), _) => {
            let flag = flags.as_mut().and_then(Iterator::next);
            flag.is_some_and(|flag| flag == Value::Bool(true) || flag.as_integer() == Some(1))
        }
        (PerLayer::Every(n), _) => but_each(n, layer),
        (PerLayer::None, Windows::None) => false,
        (PerLayer::None, Windows::All) => true,
        (PerLayer::None, Windows::AllButEach(n) | Windows::AllButEachIfAny(n)) => but_each(n, layer),
    };
    let kind = |layer: usize| LayerKind {
        windowed: windowed && has_window(layer),
        // No number but 0 is a multiple of 0.
        rope: turned && but_each(family.no_rope_each, layer),
    };
    Ok((0..layers).map(kind).collect())
}

/// Checks that the vocabulary has as many tokens as the embedding has rows. What else the file says of the
/// vocabulary's size is the tokenizer's to judge.
///
/// # Errors
/// `ModelInvalid` where the numbers differ, or are beyond any model's.
pub(super) fn check_vocabulary(metadata: &Metadata, rows: usize) -> Result<()> {
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
