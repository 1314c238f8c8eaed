//! A model's tensors by role, each with the one shape that the configuration allows. Knows where weights lie;
//! computes nothing.

use super::config::{Config, INPUT_EMBEDDING, check_vocabulary};
use super::feed_roles::{ExpertWeights, FeedWeights, Gated, Ungated};
use super::keys::invalid;
use super::kinds::QkNorm;
use super::layer::{Attention, Layer, LayerEnd, Mixer};
use super::recurrent_roles::{DeltaNetWeights, Mamba2Weights, ShortConvWeights};
use super::recurrent_roles::{find_delta_net, find_mamba2, find_short_conv};
use super::tensors::{Finder, Matrix, Vector, missing};
use crate::error::Result;
use crate::gguf::{Gguf, Header, TensorInfo};

/// Everything that the forward pass multiplies with.
pub(crate) struct ModelWeights {
    /// (vocabulary, width).
    pub(crate) embedding: Matrix,
    pub(crate) layers: Vec<LayerWeights>,
    /// What is added to the embedding, and the norm of that, where layers norm behind their sums.
    pub(crate) begin: Option<BeginWeights>,
    /// (width); none where the last layer has normed.
    pub(crate) output_norm: Option<Vector>,
    /// (vocabulary, width): the embedding itself where the file has no other.
    pub(crate) output: Matrix,
    /// (vocabulary).
    pub(crate) output_bias: Option<Vector>,
    /// (rope dims / 2): dividers of rope's angles.
    pub(crate) rope_factors: Option<Vector>,
    /// Where tokens have an embedding for each layer.
    pub(crate) inputs: Option<InputWeights>,
    /// An encoder's behind its pooling: (inner, width), (vector, inner).
    pub(crate) dense: Option<[Projection; 2]>,
}

/// What becomes of a token's embedding before the first layer.
pub(crate) struct BeginWeights {
    /// (context, width): of each position.
    pub(crate) positions: Option<Matrix>,
    /// (kinds, width): of a text's first part, of its second, …
    pub(crate) kinds: Option<Matrix>,
    pub(crate) norm: LayerNorm,
}

/// To mean 0 and variance 1, times a weight, plus a bias: (width) each.
pub(crate) struct LayerNorm {
    pub(crate) weight: Vector,
    pub(crate) bias: Vector,
}

/// What gives the embeddings, `input` wide each, that the layers have of their own.
pub(crate) struct InputWeights {
    /// (vocabulary, layers × input).
    pub(crate) embedding: Matrix,
    /// (layers × input, width): the same from the token's first embedding.
    pub(crate) projection: Matrix,
    /// Of what it gives: (input).
    pub(crate) norm: Vector,
}

/// One layer.
pub(crate) struct LayerWeights {
    /// Before the mixer: (width).
    pub(crate) norm: Option<Vector>,
    pub(crate) mixer: MixerWeights,
    /// Of what the mixer adds: (width).
    pub(crate) post_norm: Option<Vector>,
    /// Before the feed-forward: (width).
    pub(crate) feed_norm: Option<Vector>,
    pub(crate) feed: FeedWeights,
    /// Of what the feed-forward adds: (width).
    pub(crate) post_feed_norm: Option<Vector>,
    /// Behind the sum with what the mixer adds, and with what the feed-forward adds.
    pub(crate) behind: Option<[LayerNorm; 2]>,
    pub(crate) end: EndWeights,
}

/// What becomes of the residual stream behind the feed-forward.
pub(crate) struct EndWeights {
    pub(crate) input: Option<LayerInput>,
    /// It is multiplied by this: (1).
    pub(crate) scale: Option<Vector>,
}

/// What lets an embedding of the layer's own into the stream.
pub(crate) struct LayerInput {
    /// (input, width).
    pub(crate) gate: Matrix,
    /// (width, input).
    pub(crate) projection: Matrix,
    /// Of what is added: (width).
    pub(crate) norm: Vector,
}

pub(crate) enum MixerWeights {
    Attention(AttentionWeights),
    ShortConv(ShortConvWeights),
    DeltaNet(DeltaNetWeights),
    Mamba2(Mamba2Weights),
}

/// Softmax over keys and values.
pub(crate) struct AttentionWeights {
    pub(crate) numbers: Attention,
    /// (query width, width); behind each head's rows may be as many of its gate.
    pub(crate) queries: Projection,
    /// (kv width, width); none where the layer reads those of another.
    pub(crate) keys: Option<Projection>,
    /// (kv width, width); none there, nor where keys are values too.
    pub(crate) values: Option<Projection>,
    /// Of queries, of keys: (head_dim), or (query width) and (kv width) where whole rows are normed.
    pub(crate) qk_norm: [Option<Vector>; 2],
    /// (width, query width).
    pub(crate) output: Matrix,
    pub(crate) output_bias: Option<Vector>,
    /// Scores without values: (heads).
    pub(crate) sinks: Option<Vector>,
}

/// A matrix, and what is added to what it gives: (rows).
pub(crate) struct Projection {
    pub(crate) matrix: Matrix,
    pub(crate) bias: Option<Vector>,
}

impl AttentionWeights {
    /// Those of the matrices of queries, keys and values that there are.
    pub(crate) fn projections(&self) -> impl Iterator<Item = &Projection> {
        [Some(&self.queries), self.keys.as_ref(), self.values.as_ref()].into_iter().flatten()
    }
}

impl MixerWeights {
    fn each_matrix(&self, with: &mut dyn FnMut(&Matrix)) {
        match self {
            Self::Attention(attention) => {
                attention.projections().for_each(|part| with(&part.matrix));
                with(&attention.output);
            }
            Self::ShortConv(net) => [&net.input, &net.output].into_iter().for_each(with),
            Self::DeltaNet(net) => {
                [&net.input, &net.gate, &net.alpha, &net.beta, &net.output].into_iter().for_each(with)
            }
            Self::Mamba2(net) => [&net.gate, &net.input, &net.steps, &net.output].into_iter().for_each(with),
        }
    }
}

impl ModelWeights {
    /// Finds every tensor of the model, for contexts of up to `context` tokens.
    ///
    /// # Errors
    /// `ModelInvalid` for one that is missing or of another shape, `Unsupported` for one of a type without
    /// kernels.
    pub(crate) fn find(gguf: &Gguf, config: &Config, context: usize) -> Result<Self> {
        Self::find_in(gguf, Some(gguf), config, context)
    }

    /// As [`ModelWeights::find`], of what a header says: vectors are empty.
    pub(crate) fn outline(header: &Header, config: &Config, context: usize) -> Result<Self> {
        Self::find_in(header, None, config, context)
    }

    fn find_in(header: &Header, data: Option<&Gguf>, config: &Config, context: usize) -> Result<Self> {
        let finder = Finder::new(header, data, config.width)?.adding_to_norms(config.norm_offset);
        let vocab = match header.tensor("token_embd.weight").map(TensorInfo::shape) {
            Some(&[_, rows]) => usize::try_from(rows).unwrap_or(usize::MAX),
            _ => return Err(invalid("tensor \"token_embd.weight\" is missing or no matrix".into())),
        };
        check_vocabulary(header.metadata(), vocab)?;
        let embedding = finder.plain_matrix("token_embd.weight", vocab, config.width)?;
        let mut layers = Vec::new();
        // Grows layer by layer, so that a file that claims more layers than it has ends at the first missing
        // tensor.
        for (index, layer) in config.layers.iter().enumerate() {
            layers.push(find_layer(&finder, config, index % config.stored, layer)?);
        }
        let weights = Self {
            embedding,
            layers,
            begin: if config.norms_behind() { Some(find_begin(&finder, config)?) } else { None },
            output_norm: finder.vector_if(!config.norms_behind(), config.family.output_norm)?,
            output: finder.if_there("output.weight", vocab, config.width)?.unwrap_or(embedding),
            output_bias: finder.optional("output.bias", vocab)?,
            rope_factors: rope_factors(&finder, config, context)?,
            inputs: find_inputs(&finder, config, vocab)?,
            dense: find_dense(&finder, config)?,
        };
        for (index, layer) in config.drafting.iter().enumerate() {
            check_drafter(&finder, config, config.stored + index, layer, vocab)?;
        }
        finder.refuse_strangers(config.family.name, config.stored + config.drafting.len())?;
        Ok(weights)
    }
}

impl ModelWeights {
    /// Every matrix that activations are multiplied with; of experts the first stands for all.
    pub(crate) fn each_matrix(&self, with: &mut dyn FnMut(&Matrix)) {
        self.dense.iter().flatten().map(|part| &part.matrix).chain([&self.output]).for_each(&mut *with);
        self.inputs.iter().for_each(|inputs| with(&inputs.projection));
        for layer in &self.layers {
            layer.mixer.each_matrix(with);
            if let Some(input) = &layer.end.input {
                with(&input.gate);
                with(&input.projection);
            }
            layer.feed.ungated().into_iter().flat_map(Ungated::matrices).for_each(&mut *with);
            layer.feed.dense().into_iter().flat_map(Gated::matrices).for_each(&mut *with);
            layer.feed.experts().into_iter().flat_map(ExpertWeights::matrices).for_each(&mut *with);
        }
    }

    /// Rope's dividers as a word: others are another one.
    pub(crate) fn rope_word(&self) -> String {
        let bits = self.rope_factors.iter().flat_map(|factors| factors.iter().map(|factor| factor.to_bits()));
        // FNV-1a (Fowler, Noll, Vo).
        let step = |hash: u64, bits: u32| (hash ^ u64::from(bits)).wrapping_mul(0x0100_0000_01b3);
        format!("{:016x}", bits.fold(0xcbf2_9ce4_8422_2325, step))
    }
}

/// Rope's dividers: one set, or, for contexts longer than those of the training, the long one of two.
fn rope_factors(finder: &Finder<'_>, config: &Config, context: usize) -> Result<Option<Vector>> {
    let Some(rope) = config.ropes.first() else { return Ok(None) };
    let long = finder.optional("rope_factors_long.weight", rope.dims / 2)?;
    let short = finder.optional("rope_factors_short.weight", rope.dims / 2)?;
    // Some converters repeat the one set in every layer.
    let one = match finder.optional("rope_freqs.weight", rope.dims / 2)? {
        None => finder.optional("blk.0.rope_freqs.weight", rope.dims / 2)?,
        one => one,
    };
    let factors = if context > rope.original_context { long } else { short }.or(one);
    if factors.iter().flatten().any(|factor| !factor.is_finite() || *factor <= 0.0) {
        return Err(invalid("a rope factor is no positive number".into()));
    }
    let uses = |layer: &Layer| matches!(layer.mixer, Mixer::Attention(Attention { rope: Some(0), .. }));
    if config.family.rope_factors && factors.is_none() && config.layers.iter().any(uses) {
        return Err(missing("rope_freqs.weight"));
    }
    Ok(factors)
}

/// What is behind an encoder's pooling.
fn find_dense(finder: &Finder<'_>, config: &Config) -> Result<Option<[Projection; 2]>> {
    let Some(encoder) = config.encoder else { return Ok(None) };
    let Some([inner, vector]) = encoder.dense else { return Ok(None) };
    let names = if encoder.ranks { ["cls", "cls.output"] } else { ["dense_2", "dense_3"] };
    let part = |name: &str, rows: usize, cols: usize| -> Result<Projection> {
        let matrix = finder.matrix(&format!("{name}.weight"), rows, cols)?;
        let bias = match encoder.ranks {
            true => Some(finder.vector(&format!("{name}.bias"), rows)?),
            false => None,
        };
        Ok(Projection { matrix, bias })
    };
    Ok(Some([part(names[0], inner, config.width)?, part(names[1], vector, inner)?]))
}

/// The most kinds of parts that texts have.
const MAX_KINDS: u64 = 1024;

fn find_begin(finder: &Finder<'_>, config: &Config) -> Result<BeginWeights> {
    let positions = match config.family.positions {
        true => Some(finder.plain_matrix("position_embd.weight", config.context_length, config.width)?),
        false => None,
    };
    let kinds = match finder.shape("token_types.weight") {
        Some(&[_, kinds @ 1..=MAX_KINDS]) => kinds as usize,
        // A vector of one, or of another shape, which is refused.
        _ => 1,
    };
    let kinds = finder.if_there("token_types.weight", kinds, config.width)?;
    let norm = find_layer_norm(finder, "token_embd_norm")?;
    Ok(BeginWeights { positions, kinds, norm })
}

fn find_layer_norm(finder: &Finder<'_>, name: &str) -> Result<LayerNorm> {
    let part = |end: &str| finder.width_vector(&format!("{name}.{end}"));
    Ok(LayerNorm { weight: part("weight")?, bias: part("bias")? })
}

fn find_inputs(finder: &Finder<'_>, config: &Config, vocab: usize) -> Result<Option<InputWeights>> {
    let (input, width) = (config.input_width(), config.width);
    if input == 0 {
        return Ok(None);
    }
    let all = config.layers.len() * input;
    Ok(Some(InputWeights {
        embedding: finder.plain_matrix(INPUT_EMBEDDING, vocab, all)?,
        projection: finder.matrix("per_layer_model_proj.weight", all, width)?,
        norm: finder.vector("per_layer_proj_norm.weight", input)?,
    }))
}

fn find_end(
    finder: &Finder<'_>,
    width: usize,
    end: LayerEnd,
    name: &dyn Fn(&str) -> String,
) -> Result<EndWeights> {
    let input = match end {
        LayerEnd::Plain | LayerEnd::Normed => return Ok(EndWeights { input: None, scale: None }),
        LayerEnd::Scaled => None,
        LayerEnd::Input(input) => Some(LayerInput {
            gate: finder.matrix(&name("inp_gate.weight"), input, width)?,
            projection: finder.matrix(&name("proj.weight"), width, input)?,
            norm: finder.vector(&name("post_norm.weight"), width)?,
        }),
    };
    Ok(EndWeights { input, scale: finder.optional(&name("layer_output_scale.weight"), 1)? })
}

fn find_layer(finder: &Finder<'_>, config: &Config, index: usize, layer: &Layer) -> Result<LayerWeights> {
    let name = |part: &str| format!("blk.{index}.{part}");
    let (before, after) = (config.norms_before(), config.norms_after());
    Ok(LayerWeights {
        norm: finder.vector_if(before, &name("attn_norm.weight"))?,
        mixer: match &layer.mixer {
            Mixer::Attention(numbers) => {
                MixerWeights::Attention(find_attention(finder, config, numbers, &name)?)
            }
            Mixer::ShortConv(numbers) => MixerWeights::ShortConv(find_short_conv(finder, *numbers, &name)?),
            Mixer::DeltaNet(numbers) => {
                MixerWeights::DeltaNet(find_delta_net(finder, config.width, *numbers, &name)?)
            }
            Mixer::Mamba2(numbers) => {
                MixerWeights::Mamba2(find_mamba2(finder, config.width, *numbers, &name)?)
            }
        },
        post_norm: finder.vector_if(after, &name("post_attention_norm.weight"))?,
        feed_norm: finder.vector_if(before, &name(config.family.feed_norm))?,
        feed: FeedWeights::find(finder, config, &layer.feed, &name)?,
        post_feed_norm: finder.vector_if(after, &name("post_ffw_norm.weight"))?,
        behind: match config.norms_behind() {
            true => Some([
                find_layer_norm(finder, &name("attn_output_norm"))?,
                find_layer_norm(finder, &name("layer_output_norm"))?,
            ]),
            false => None,
        },
        end: find_end(finder, config.width, layer.end, &name)?,
    })
}

/// Checks the tensors of layer `index`, which drafts and which nothing is computed with. A file has all of
/// them or none; the names are llama.cpp's.
fn check_drafter(
    finder: &Finder<'_>,
    config: &Config,
    index: usize,
    layer: &Layer,
    vocab: usize,
) -> Result<()> {
    if !finder.has_layer(index) {
        return Ok(());
    }
    find_layer(finder, config, index, layer)?;
    let (width, name) = (config.width, |part: &str| format!("blk.{index}.nextn.{part}.weight"));
    // Takes the next token's embedding beside the last layer's result.
    finder.matrix(&name("eh_proj"), width, 2 * width)?;
    finder.vector(&name("enorm"), width)?;
    finder.vector(&name("hnorm"), width)?;
    // In place of the model's own.
    finder.if_there(&name("embed_tokens"), vocab, width)?;
    finder.if_there(&name("shared_head_head"), vocab, width)?;
    finder.optional(&name("shared_head_norm"), width)?;
    Ok(())
}

fn find_attention(
    finder: &Finder<'_>,
    config: &Config,
    numbers: &Attention,
    name: &dyn Fn(&str) -> String,
) -> Result<AttentionWeights> {
    let (queries, kv) = (numbers.projected_width(), numbers.kv_width());
    let [queries, keys, values] = match numbers.shares {
        None => find_qkv(finder, config, (queries, kv), name)?,
        Some(_) => {
            // What the file has of them is never used (llama.cpp's behaviour).
            for part in ["attn_k", "attn_v", "attn_k_norm"] {
                finder.pass_over(&name(part));
            }
            [find_projection(finder, config, "attn_q", queries, name)?, None, None]
        }
    };
    let queries = queries.ok_or_else(|| missing(&name("attn_q.weight")))?;
    Ok(AttentionWeights {
        numbers: *numbers,
        qk_norm: find_qk_norm(finder, config, numbers, name)?,
        output: finder.matrix(&name("attn_output.weight"), config.width, numbers.query_width())?,
        output_bias: finder.optional(&name("attn_output.bias"), config.width)?,
        sinks: match config.family.sinks {
            true => Some(finder.vector(&name("attn_sinks.weight"), numbers.heads)?),
            false => None,
        },
        queries,
        keys,
        values,
    })
}

/// Queries, keys and values, so wide.
fn find_qkv(
    finder: &Finder<'_>,
    config: &Config,
    (queries, kv): (usize, usize),
    name: &dyn Fn(&str) -> String,
) -> Result<[Option<Projection>; 3]> {
    if let Some(all) = finder.if_there(&name("attn_qkv.weight"), queries + 2 * kv, config.width)? {
        let bias = find_bias(finder, config, "attn_qkv", queries + 2 * kv, name)?;
        let part = |first: usize, rows: usize| {
            let bias = bias.as_ref().and_then(|bias| bias.get(first..first + rows)).map(Vector::from);
            Some(Projection { matrix: all.part(first, rows), bias })
        };
        return Ok([part(0, queries), part(queries, kv), part(queries + kv, kv)]);
    }
    let projection = |part: &str, rows: usize| find_projection(finder, config, part, rows, name);
    let queries = projection("attn_q", queries)?;
    let keys = projection("attn_k", kv)?.ok_or_else(|| missing(&name("attn_k.weight")))?;
    let values = projection("attn_v", kv)?;
    if values.is_none() && !config.family.value_norm {
        return Err(missing(&name("attn_v.weight")));
    }
    Ok([queries, Some(keys), values])
}

fn find_projection(
    finder: &Finder<'_>,
    config: &Config,
    part: &str,
    rows: usize,
    name: &dyn Fn(&str) -> String,
) -> Result<Option<Projection>> {
    let weight = name(&format!("{part}.weight"));
    let Some(matrix) = finder.if_there(&weight, rows, config.width)? else { return Ok(None) };
    Ok(Some(Projection { matrix, bias: find_bias(finder, config, part, rows, name)? }))
}

fn find_bias(
    finder: &Finder<'_>,
    config: &Config,
    part: &str,
    len: usize,
    name: &dyn Fn(&str) -> String,
) -> Result<Option<Vector>> {
    let name = name(&format!("{part}.bias"));
    match config.family.qkv_bias {
        true => finder.vector(&name, len).map(Some),
        false => finder.optional(&name, len),
    }
}

fn find_qk_norm(
    finder: &Finder<'_>,
    config: &Config,
    attention: &Attention,
    name: &dyn Fn(&str) -> String,
) -> Result<[Option<Vector>; 2]> {
    let (q, k) = match config.family.qk_norm {
        QkNorm::None => return Ok([None, None]),
        QkNorm::PerHead | QkNorm::PerHeadTurned => (attention.head_dim, attention.head_dim),
        QkNorm::WholeRow => (attention.query_width(), attention.kv_width()),
    };
    let queries = finder.vector(&name("attn_q_norm.weight"), q)?;
    let keys = match attention.shares {
        None => Some(finder.vector(&name("attn_k_norm.weight"), k)?),
        Some(_) => None,
    };
    Ok([Some(queries), keys])
}
