//! What one layer is: its mixer, which lets a token see those before it, its feed-forward, and its end. Reads
//! their numbers, each with its range; knows no tensor.

use super::family::Family;
use super::feed::Feed;
use super::keys::{Keys, MAX_CONTEXT, PerLayer, invalid, unsupported};
use super::kinds::{LocalRope, QkNorm, Recurrent, Windows};
use super::recurrent::{DeltaNet, Mamba2, ShortConv, recurrent};
use super::rope::RopeKeys;
use crate::error::Result;
use crate::gguf::Value;
use crate::kernel::KvLayout;
use smallvec::SmallVec;

/// Ceilings far above any model that exists.
const MAX_HEADS: usize = 4096;
const MAX_HEAD_DIM: usize = KvLayout::MAX_DIM;
const MAX_INPUT: usize = 1 << 14;

/// One layer: what its mixer adds to the residual stream, then what its feed-forward adds, then its end.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Layer {
    pub(crate) mixer: Mixer,
    pub(crate) feed: Feed,
    pub(crate) end: LayerEnd,
}

/// How a token sees those before it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Mixer {
    /// Softmax over keys and values, of which every token keeps its own.
    Attention(Attention),
    /// A causal convolution over a few tokens, between two gates: all that a sequence keeps is its last
    /// inputs.
    ShortConv(ShortConv),
    /// A matrix a head that each token decays and corrects, behind a causal convolution.
    DeltaNet(DeltaNet),
    /// A matrix a head that each token decays and adds to, behind a causal convolution.
    Mamba2(Mamba2),
}

/// What becomes of the residual stream behind the feed-forward.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LayerEnd {
    /// Nothing.
    Plain,
    /// It may be multiplied by a number.
    Scaled,
    /// It is normed as behind the last layer: the layers of the file run once more.
    Normed,
    /// What its gate lets through of the token's embedding for this layer, so wide, is added; then the same.
    Input(usize),
}

/// The numbers of one layer's attention.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Attention {
    /// Query heads; a multiple of `kv_heads`.
    pub(crate) heads: usize,
    pub(crate) kv_heads: usize,
    /// Width of one head, of keys and values alike.
    pub(crate) head_dim: usize,
    /// Scores are multiplied by it.
    pub(crate) scale: f32,
    /// Scores s become cap · tanh(s / cap).
    pub(crate) cap: Option<f32>,
    /// Tokens that it looks back over, its own included; `None`: all.
    pub(crate) window: Option<usize>,
    /// It looks ahead as far: an encoder's.
    pub(crate) both_ways: bool,
    /// Which of the model's ropes turns queries and keys.
    pub(crate) rope: Option<usize>,
    /// Queries and keys are normed behind rope, not before.
    pub(crate) turned_first: bool,
    /// Queries at position p are multiplied by 1 + scale · ln(1 + ⌊p / length⌋).
    pub(crate) temperature: Option<Temperature>,
    /// The layer whose keys and values it reads, of the same shape and window; `None`: its own.
    pub(crate) shares: Option<usize>,
    /// Values are normed, without weights.
    pub(crate) value_norm: bool,
    /// Behind each head's query its projection has a gate, whose sigmoid the result is multiplied with.
    pub(crate) gated: bool,
}

/// How queries grow with their position.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Temperature {
    pub(crate) scale: f32,
    /// At least 1.
    pub(crate) length: usize,
}

impl Mixer {
    /// f32 elements of the state that a sequence keeps for it.
    pub(crate) fn state_len(&self) -> usize {
        match self {
            Self::Attention(_) => 0,
            Self::ShortConv(conv) => conv.state_len(),
            Self::DeltaNet(net) => net.state_len(),
            Self::Mamba2(net) => net.state_len(),
        }
    }
}

impl Layer {
    /// Whether the layer keeps something of each token for those behind it.
    pub(crate) fn keeps(&self) -> bool {
        match &self.mixer {
            Mixer::Attention(attention) => attention.shares.is_none(),
            Mixer::ShortConv(_) | Mixer::DeltaNet(_) | Mixer::Mamba2(_) => true,
        }
    }
}

impl Attention {
    /// Width of all query heads together.
    pub(crate) fn query_width(&self) -> usize {
        self.heads * self.head_dim
    }

    /// Width of what their projection gives: with their gates, where they have any.
    pub(crate) fn projected_width(&self) -> usize {
        self.query_width() * if self.gated { 2 } else { 1 }
    }

    /// Width of all keys, or all values, of one token.
    pub(crate) fn kv_width(&self) -> usize {
        self.kv_heads * self.head_dim
    }
}

/// All layers, and what they have in common.
pub(super) struct Layers {
    /// In order.
    pub(super) layers: Vec<Layer>,
    /// Those behind them that draft.
    pub(super) drafting: Vec<Layer>,
    /// Rope of layers without a window, then, where it differs, of those with one.
    pub(super) ropes: SmallVec<[RopeKeys; 2]>,
}

impl Layers {
    /// Reads what the `count` layers of a model `width` wide are, of which the last, `drafting` ones draft:
    /// they attend, whatever the others do.
    pub(super) fn read(
        keys: &Keys<'_>,
        family: &Family,
        width: usize,
        (count, drafting): (usize, usize),
        context_length: usize,
    ) -> Result<Self> {
        if keys.flag("attention.causal")? == Some(false) && !family.encodes {
            return Err(unsupported(format!(
                "{}.attention.causal is false: every token would see those behind it too",
                family.name
            )));
        }
        let feeds = Feed::read(keys, family, count)?;
        let (mixers, ropes) = mixers(keys, family, width, (count, drafting), context_length)?;
        let end = end(keys, family)?;
        let layers = mixers.into_iter().zip(feeds).map(|(mixer, feed)| Layer { mixer, feed, end });
        let mut layers: Vec<Layer> = layers.collect();
        let drafting = layers.split_off(count - drafting);
        if !layers.iter().any(|layer| matches!(layer.mixer, Mixer::Attention(_))) {
            let key = match family.recurrent {
                Recurrent::DeltaNet => "full_attention_interval, attention.recurrent_layers",
                Recurrent::ShortConv | Recurrent::Mamba2 | Recurrent::None => "attention.head_count_kv",
            };
            let name = family.name;
            return Err(unsupported(format!(
                "none of the {} layers attends ({key}); {name} is computed with at least 1 that does",
                layers.len()
            )));
        }
        Ok(Self { layers, drafting, ropes })
    }
}

fn end(keys: &Keys<'_>, family: &Family) -> Result<LayerEnd> {
    if !family.layer_inputs {
        return Ok(LayerEnd::Plain);
    }
    Ok(match keys.require("embedding_length_per_layer_input", 0..=MAX_INPUT)? {
        0 => LayerEnd::Scaled,
        width => LayerEnd::Input(width),
    })
}

type Mixers = (Vec<Mixer>, SmallVec<[RopeKeys; 2]>);

fn mixers(
    keys: &Keys<'_>,
    family: &Family,
    width: usize,
    (layers, drafting): (usize, usize),
    context_length: usize,
) -> Result<Mixers> {
    let (heads, kv_heads) = heads(keys, family, layers)?;
    let mut recurs = recurrent(keys, family, &kv_heads)?;
    recurs.iter_mut().skip(layers - drafting).for_each(|recurs| *recurs = false);
    let other = match family.recurrent {
        Recurrent::None => None,
        Recurrent::ShortConv => Some(Mixer::ShortConv(ShortConv::read(keys, width)?)),
        Recurrent::DeltaNet => Some(Mixer::DeltaNet(DeltaNet::read(keys)?)),
        Recurrent::Mamba2 => Some(Mixer::Mamba2(Mamba2::read(keys)?)),
    };
    let dim = head_dim(keys, width, &heads)?;
    let local_dim = if family.local_heads { local_head_dim(keys)? } else { dim };
    let ropes = ropes(keys, family, (dim, local_dim), context_length)?;
    let scale = keys.number_unless_zero("attention.scale")?;
    let cap = keys.number_unless_zero("attn_logit_softcapping")?;
    let windows = windows(keys, family, layers)?;
    let windowed = windows.iter().any(Option::is_some);
    let temperature = temperature(keys, family, &ropes)?;
    let turns = match family.rope_by_layer {
        true => keys.flags("attention.rope_pattern", layers)?,
        false => None,
    };
    let turned = !family.rope_if_finetuned || keys.flag("rope.scaling.finetuned")? != Some(false);
    let mut attentions = Vec::new();
    for (layer, ((heads, kv_heads), window)) in heads.into_iter().zip(kv_heads).zip(windows).enumerate() {
        let root = |width: usize| 1.0 / (width as f32).sqrt();
        let head_dim = if window.is_some() { local_dim } else { dim };
        let scale = match scale {
            _ if family.plain_scores => 1.0,
            Some(scale) => scale,
            None if layers == family.wide_scale_layers => root(width / heads),
            None => root(head_dim),
        };
        let local = window.is_some() && ropes.len() > 1;
        // No number but 0 is a multiple of 0.
        let left_out = (layer + 1).is_multiple_of(family.no_rope_each)
            || (family.rope_in_windows && windowed && window.is_none())
            || turns.as_ref().is_some_and(|turns| turns.get(layer) == Some(&false));
        attentions.push(Attention {
            heads,
            kv_heads,
            head_dim,
            scale,
            cap,
            // An encoder's reaches half as far on either side.
            window: window.map(|window| if family.encodes { window / 2 + 1 } else { window }),
            both_ways: family.encodes,
            rope: (turned && !left_out).then_some(usize::from(local)),
            turned_first: family.qk_norm == QkNorm::PerHeadTurned,
            temperature,
            shares: None,
            value_norm: family.value_norm,
            gated: family.gated_queries,
        });
    }
    if family.shared_kv {
        share(keys, &mut attentions)?;
    }
    let mixer = |(attention, recurs)| other.filter(|_| recurs).unwrap_or(Mixer::Attention(attention));
    Ok((attentions.into_iter().zip(recurs).map(mixer).collect(), ropes))
}

/// Heads of queries, and of keys and values, layer by layer.
fn heads(keys: &Keys<'_>, family: &Family, layers: usize) -> Result<(Vec<usize>, Vec<usize>)> {
    let fewest = usize::from(!matches!(family.recurrent, Recurrent::ShortConv | Recurrent::Mamba2));
    let heads = keys.require_by_layer("attention.head_count", layers, 1..=MAX_HEADS)?;
    let kv_heads = match keys.by_layer("attention.head_count_kv", layers, fewest..=MAX_HEADS)? {
        Some(kv_heads) => kv_heads,
        None => heads.clone(),
    };
    for (heads, kv_heads) in heads.iter().zip(&kv_heads).filter(|(_, kv_heads)| **kv_heads > 0) {
        if !heads.is_multiple_of(*kv_heads) {
            return Err(invalid(format!(
                "attention.head_count {heads} is no multiple of attention.head_count_kv {kv_heads}"
            )));
        }
    }
    Ok((heads, kv_heads))
}

fn temperature(keys: &Keys<'_>, family: &Family, ropes: &[RopeKeys]) -> Result<Option<Temperature>> {
    let Some(rope) = ropes.first().filter(|_| family.tempered) else { return Ok(None) };
    let scale = keys.number_unless_zero("attention.temperature_scale")?;
    Ok(scale.map(|scale| Temperature { scale, length: rope.original_context }))
}

/// Gives the last layers the keys and values of others: those with a window of the last but one that has its
/// own, the others of the last one (llama.cpp's behaviour).
///
/// # Errors
/// `ModelInvalid` where that one keeps something else than they read.
fn share(keys: &Keys<'_>, layers: &mut [Attention]) -> Result<()> {
    let most = layers.len().saturating_sub(2);
    let shared = keys.count("attention.shared_kv_layers", 0..=most)?.unwrap_or(0);
    let (own, sharing) = layers.split_at_mut(layers.len() - shared);
    let first = own.len();
    for (index, layer) in sharing.iter_mut().enumerate() {
        let from = first - if layer.window.is_some() { 2 } else { 1 };
        let kept = |of: &Attention| (of.window, of.kv_heads, of.head_dim);
        match own.get(from) {
            Some(source) if kept(source) == kept(layer) => layer.shares = Some(from),
            _ => {
                return Err(invalid(format!(
                    "layer {} reads the keys and values of layer {from} (attention.shared_kv_layers {shared}), \
                     whose window, heads or widths are others",
                    first + index
                )));
            }
        }
    }
    Ok(())
}

/// What turns heads that are so wide, without and with a window.
fn ropes(
    keys: &Keys<'_>,
    family: &Family,
    (head_dim, local_dim): (usize, usize),
    context_length: usize,
) -> Result<SmallVec<[RopeKeys; 2]>> {
    let rope = RopeKeys::read(keys, family, head_dim, context_length)?;
    let local = match family.local_rope {
        LocalRope::Same => None,
        LocalRope::Unscaled => Some(rope.unscaled()),
        LocalRope::GivenBase => {
            keys.number("rope.freq_base_swa", 1.0)?.map(|base| rope.clone().with_base(base))
        }
        LocalRope::Base(base) => {
            let local = rope.unscaled().with_base(keys.number("rope.freq_base_swa", 1.0)?.unwrap_or(base));
            let key = "rope.dimension_count_swa";
            Some(match family.local_heads {
                true => local.with_dims(keys.count(key, 2..=local_dim)?.unwrap_or(local_dim), key)?,
                false => local,
            })
        }
    };
    Ok([rope].into_iter().chain(local).collect())
}

/// The width of one head.
fn head_dim(keys: &Keys<'_>, width: usize, heads: &[usize]) -> Result<usize> {
    let heads = heads.first().copied().unwrap_or(1);
    let head_dim = match keys.count("attention.key_length", 1..=MAX_HEAD_DIM)? {
        Some(length) => length,
        None if width.is_multiple_of(heads) => width / heads,
        None => {
            return Err(invalid(format!(
                "embedding_length {width} is no multiple of attention.head_count {heads}"
            )));
        }
    };
    check_head(keys, head_dim, "attention.value_length")
}

/// The width of one head of a layer with a window.
fn local_head_dim(keys: &Keys<'_>) -> Result<usize> {
    let head_dim = keys.require("attention.key_length_swa", 1..=MAX_HEAD_DIM)?;
    check_head(keys, head_dim, "attention.value_length_swa")
}

/// Whether keys may be so wide, with values as `value_key` says.
fn check_head(keys: &Keys<'_>, head_dim: usize, value_key: &str) -> Result<usize> {
    if !head_dim.is_multiple_of(2) || head_dim > MAX_HEAD_DIM {
        return Err(invalid(format!(
            "heads are {head_dim} wide; even widths up to {MAX_HEAD_DIM} are possible"
        )));
    }
    match keys.count(value_key, 1..=MAX_HEAD_DIM)? {
        Some(values) if values != head_dim => {
            Err(unsupported(format!("keys are {head_dim} wide and values {values}; one width is computed")))
        }
        _ => Ok(head_dim),
    }
}

/// The window of each layer.
fn windows(keys: &Keys<'_>, family: &Family, layers: usize) -> Result<Vec<Option<usize>>> {
    let window = match family.windows {
        Windows::None => None,
        // Phi 4 has none and says 0.
        Windows::All => keys.count("attention.sliding_window", 0..=MAX_CONTEXT)?.filter(|&window| window > 0),
        Windows::AllButEachIfAny(_) => keys.count("attention.sliding_window", 1..=MAX_CONTEXT)?,
        Windows::AllButEach(_) | Windows::Named => {
            Some(keys.require("attention.sliding_window", 1..=MAX_CONTEXT)?)
        }
        Windows::AllButEachOf { layers: those, window, .. } if layers == those => {
            Some(keys.count("attention.sliding_window", 1..=MAX_CONTEXT)?.unwrap_or(window))
        }
        Windows::AllButEachOf { .. } => None,
    };
    let given = keys.per_layer("attention.sliding_window_pattern", layers)?;
    if family.windows == Windows::Named && !matches!(given, PerLayer::Each(_)) {
        return Err(invalid(format!(
            "{}.attention.sliding_window_pattern is no array: it says of each layer whether it has a window",
            family.name
        )));
    }
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
        (PerLayer::None, Windows::None | Windows::Named) => false,
        (PerLayer::None, Windows::All) => true,
        (
            PerLayer::None,
            Windows::AllButEach(n) | Windows::AllButEachIfAny(n) | Windows::AllButEachOf { n, .. },
        ) => but_each(n, layer),
    };
    Ok((0..layers).map(|layer| window.filter(|_| has_window(layer))).collect())
}
