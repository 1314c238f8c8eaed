//! A model's tensors by role, each checked against the one shape that the configuration allows. Knows where
//! weights lie; computes nothing.

use super::config::{Config, check_vocabulary};
use super::family::QkNorm;
use super::keys::{invalid, unsupported};
use super::rope::RopeKeys;
use crate::error::Result;
use crate::gguf::{Gguf, Header, TensorInfo, TensorType};
use crate::kernel::{Type, Weights, dequantise};
use std::cell::RefCell;

/// A matrix inside the file: some consecutive rows of a tensor.
#[derive(Debug, Clone, Copy)]
pub(super) struct Matrix {
    /// Index in the file's tensors.
    tensor: usize,
    pub(super) ty: Type,
    first_row: usize,
    pub(super) rows: usize,
    pub(super) cols: usize,
}

/// A short vector of f32: norm weights, biases, rope factors.
pub(super) type Vector = Box<[f32]>;

/// Everything that the forward pass multiplies with.
pub(super) struct ModelWeights {
    /// (vocabulary, width).
    pub(super) embedding: Matrix,
    pub(super) layers: Vec<Layer>,
    /// (width).
    pub(super) output_norm: Vector,
    /// (vocabulary, width): the embedding itself where the file has no other.
    pub(super) output: Matrix,
    /// (vocabulary).
    pub(super) output_bias: Option<Vector>,
    /// (rope dims / 2): dividers of rope's angles.
    pub(super) rope_factors: Option<Vector>,
}

/// One layer.
pub(super) struct Layer {
    pub(super) attention: AttentionWeights,
    pub(super) feed_forward: FeedForward,
}

/// The first half of a layer.
pub(super) struct AttentionWeights {
    /// (width).
    pub(super) norm: Option<Vector>,
    /// q: (query width, width); k, v: (kv width, width).
    pub(super) qkv: [Matrix; 3],
    pub(super) qkv_bias: [Option<Vector>; 3],
    /// q, k: (head_dim), or (query width) and (kv width) where whole rows are normed.
    pub(super) qk_norm: Option<[Vector; 2]>,
    /// (width, query width).
    pub(super) output: Matrix,
    pub(super) output_bias: Option<Vector>,
    /// (width).
    pub(super) post_norm: Option<Vector>,
}

/// The second half of a layer.
pub(super) struct FeedForward {
    /// (width).
    pub(super) norm: Option<Vector>,
    pub(super) kind: FeedForwardKind,
    /// (width).
    pub(super) post_norm: Option<Vector>,
}

pub(super) enum FeedForwardKind {
    Dense(Gated),
    Experts {
        /// (experts, width).
        router: Matrix,
        experts: Vec<Gated>,
        /// The expert that always runs, and the (1, width) row of its gate.
        shared: Option<(Gated, Matrix)>,
    },
}

/// down(gate(x) · up(x)).
pub(super) struct Gated {
    /// (inner, width).
    pub(super) gate: Matrix,
    /// (inner, width).
    pub(super) up: Matrix,
    /// (width, inner).
    pub(super) down: Matrix,
}

impl Matrix {
    /// The matrix's bytes in its file.
    pub(super) fn of<'a>(&self, gguf: &'a Gguf) -> Weights<'a> {
        let Some(tensor) = gguf.tensors().get(self.tensor) else {
            unreachable!("indices are the file's own")
        };
        let row_bytes = self.ty.row_bytes(self.cols).unwrap_or(0);
        let rows = self.first_row * row_bytes..(self.first_row + self.rows) * row_bytes;
        let bytes = gguf.bytes(tensor).get(rows).unwrap_or(&[]);
        match Weights::new(self.ty, self.rows, self.cols, bytes) {
            Ok(weights) => weights,
            Err(error) => unreachable!("checked when it was found: {error}"),
        }
    }

    /// Rows `first` to `first + rows` of it.
    fn part(&self, first: usize, rows: usize) -> Self {
        Self { first_row: self.first_row + first, rows, ..*self }
    }
}

/// Finds tensors by name, and keeps which were found.
struct Finder<'a> {
    header: &'a Header,
    /// Where values are; `None`: only what the header says is checked, and vectors are empty.
    data: Option<&'a Gguf>,
    width: usize,
    /// (tensors).
    found: RefCell<Vec<bool>>,
}

impl<'a> Finder<'a> {
    fn new(header: &'a Header, data: Option<&'a Gguf>, width: usize) -> Result<Self> {
        let mut found = Vec::new();
        found.try_reserve_exact(header.tensors().len())?;
        found.resize(header.tensors().len(), false);
        Ok(Self { header, data, width, found: RefCell::new(found) })
    }

    /// Refuses tensors that nobody asked for: what they are for would be left out.
    fn refuse_strangers(&self, config: &Config) -> Result<()> {
        let found = self.found.borrow();
        // Tables that some converters store and that are computed here.
        let tables = [".attn_rot_embd", ".attn.masked_bias", ".rope_freqs.weight", "rotary_emb.inv_freq"];
        let is_table = |name: &str| tables.iter().any(|end| name.ends_with(end));
        let mut tensors = self.header.tensors().iter().zip(found.iter());
        let Some((stranger, _)) = tensors.find(|(tensor, found)| !**found && !is_table(tensor.name())) else {
            return Ok(());
        };
        let name: String = stranger.name().chars().take(64).collect();
        let layer = name.strip_prefix("blk.").and_then(|rest| rest.split('.').next()?.parse::<usize>().ok());
        Err(match layer {
            Some(layer) if layer >= config.layers => {
                invalid(format!("tensor {name:?} is beyond the {} layers of block_count", config.layers))
            }
            _ => unsupported(format!("tensor {name:?} is nothing that {} computes with", config.family.name)),
        })
    }

    fn find(&self, name: &str) -> Option<(usize, &'a TensorInfo)> {
        let tensor = self.header.tensor(name)?;
        let index = self.header.tensors().element_offset(tensor)?;
        if let Some(found) = self.found.borrow_mut().get_mut(index) {
            *found = true;
        }
        Some((index, tensor))
    }

    /// The tensor `name` as (count × rows, cols).
    fn stack(&self, name: &str, count: usize, rows: usize, cols: usize) -> Result<Option<Matrix>> {
        let Some((index, tensor)) = self.find(name) else { return Ok(None) };
        let ty = kernel_type(tensor)?;
        let mut expected = vec![cols as u64, rows as u64];
        if count > 1 {
            expected.push(count as u64);
        }
        // A single row may be written as a vector.
        let same = tensor.shape() == expected || (rows == 1 && count == 1 && tensor.shape() == [cols as u64]);
        if !same {
            return Err(invalid(format!("tensor {name:?} has shape {:?}, not {expected:?}", tensor.shape())));
        }
        Ok(Some(Matrix { tensor: index, ty, first_row: 0, rows: rows * count, cols }))
    }

    fn matrix(&self, name: &str, rows: usize, cols: usize) -> Result<Matrix> {
        self.stack(name, 1, rows, cols)?.ok_or_else(|| invalid(format!("tensor {name:?} is missing")))
    }

    fn optional(&self, name: &str, len: usize) -> Result<Option<Vector>> {
        let Some((_, tensor)) = self.find(name) else { return Ok(None) };
        // A vector may be written as a matrix of one column.
        if !matches!(*tensor.shape(), [length] | [length, 1] if length == len as u64) {
            return Err(invalid(format!("tensor {name:?} has shape {:?}, not [{len}]", tensor.shape())));
        }
        if !matches!(tensor.kind(), TensorType::F32 | TensorType::F16 | TensorType::BF16) {
            return Err(unsupported(format!(
                "tensor {name:?} is {}; F32, F16 and BF16 are possible",
                tensor.kind().name()
            )));
        }
        let (ty, mut vector) = (kernel_type(tensor)?, Vec::new());
        if let Some(data) = self.data {
            vector.try_reserve_exact(len)?;
            vector.resize(len, 0.0);
            dequantise(ty, data.bytes(tensor), &mut vector);
        }
        Ok(Some(vector.into()))
    }

    fn vector(&self, name: &str, len: usize) -> Result<Vector> {
        self.optional(name, len)?.ok_or_else(|| invalid(format!("tensor {name:?} is missing")))
    }

    fn vector_if(&self, wanted: bool, name: &str) -> Result<Option<Vector>> {
        wanted.then(|| self.vector(name, self.width)).transpose()
    }
}

/// The kernels' type for what a tensor is stored as.
fn kernel_type(tensor: &TensorInfo) -> Result<Type> {
    let known = match tensor.kind() {
        TensorType::F32 => Type::F32,
        TensorType::F16 => Type::F16,
        TensorType::BF16 => Type::BF16,
        TensorType::Q4_0 => Type::Q4_0,
        TensorType::Q4_1 => Type::Q4_1,
        TensorType::Q5_0 => Type::Q5_0,
        TensorType::Q5_1 => Type::Q5_1,
        TensorType::Q8_0 => Type::Q8_0,
        TensorType::IQ4_NL => Type::IQ4_NL,
        TensorType::MXFP4 => Type::MXFP4,
        TensorType::Q2_K => Type::Q2_K,
        TensorType::Q3_K => Type::Q3_K,
        TensorType::Q4_K => Type::Q4_K,
        TensorType::Q5_K => Type::Q5_K,
        TensorType::Q6_K => Type::Q6_K,
        TensorType::IQ4_XS => Type::IQ4_XS,
        TensorType::IQ2_XXS => Type::IQ2_XXS,
        TensorType::IQ2_XS => Type::IQ2_XS,
        TensorType::IQ2_S => Type::IQ2_S,
        TensorType::IQ3_XXS => Type::IQ3_XXS,
        TensorType::IQ3_S => Type::IQ3_S,
        TensorType::IQ1_S => Type::IQ1_S,
        TensorType::IQ1_M => Type::IQ1_M,
        kind => {
            let shown: String = tensor.name().chars().take(64).collect();
            let message =
                format!("tensor {shown:?} is {}, a type that the native decoder lacks", kind.name());
            return Err(unsupported(message));
        }
    };
    Ok(known)
}

impl ModelWeights {
    /// Finds every tensor of the model, for contexts of up to `context` tokens.
    ///
    /// # Errors
    /// `ModelInvalid` for one that is missing or of another shape, `Unsupported` for one of a type without
    /// kernels.
    pub(super) fn find(gguf: &Gguf, config: &Config, context: usize) -> Result<Self> {
        Self::find_in(gguf, Some(gguf), config, context)
    }

    /// As [`ModelWeights::find`], of what a header says.
    pub(super) fn check(header: &Header, config: &Config, context: usize) -> Result<()> {
        Self::find_in(header, None, config, context).map(drop)
    }

    fn find_in(header: &Header, data: Option<&Gguf>, config: &Config, context: usize) -> Result<Self> {
        let finder = Finder::new(header, data, config.width)?;
        let vocab = match header.tensor("token_embd.weight").map(TensorInfo::shape) {
            Some(&[_, rows]) => usize::try_from(rows).unwrap_or(usize::MAX),
            _ => return Err(invalid("tensor \"token_embd.weight\" is missing or no matrix".into())),
        };
        check_vocabulary(header.metadata(), vocab)?;
        let embedding = finder.matrix("token_embd.weight", vocab, config.width)?;
        let mut layers = Vec::new();
        // Grows layer by layer, so that a file that claims more layers than it has ends at the first missing
        // tensor.
        for index in 0..config.layers {
            layers.push(find_layer(&finder, config, index)?);
        }
        let weights = Self {
            embedding,
            layers,
            output_norm: finder.vector("output_norm.weight", config.width)?,
            output: finder.stack("output.weight", 1, vocab, config.width)?.unwrap_or(embedding),
            output_bias: finder.optional("output.bias", vocab)?,
            rope_factors: rope_factors(&finder, &config.attention.rope, context)?,
        };
        finder.refuse_strangers(config)?;
        Ok(weights)
    }
}

/// Rope's dividers: one set, or, for contexts longer than those of the training, the long one of two.
fn rope_factors(finder: &Finder<'_>, rope: &RopeKeys, context: usize) -> Result<Option<Vector>> {
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
    Ok(factors)
}

fn find_layer(finder: &Finder<'_>, config: &Config, index: usize) -> Result<Layer> {
    let name = |part: &str| format!("blk.{index}.{part}");
    let (before, after) = (config.norms_before(), config.norms_after());
    let (qkv, qkv_bias) = find_qkv(finder, config, &name)?;
    let attention = &config.attention;
    let attention = AttentionWeights {
        norm: finder.vector_if(before, &name("attn_norm.weight"))?,
        qkv,
        qkv_bias,
        qk_norm: find_qk_norm(finder, config, &name)?,
        output: finder.matrix(&name("attn_output.weight"), config.width, attention.query_width())?,
        output_bias: finder.optional(&name("attn_output.bias"), config.width)?,
        post_norm: finder.vector_if(after, &name("post_attention_norm.weight"))?,
    };
    let feed_forward = FeedForward {
        norm: finder.vector_if(before, &name("ffn_norm.weight"))?,
        kind: match config.experts {
            None => FeedForwardKind::Dense(find_dense(finder, config, &name)?),
            Some(experts) => find_experts(finder, config, experts, &name)?,
        },
        post_norm: finder.vector_if(after, &name("post_ffw_norm.weight"))?,
    };
    Ok(Layer { attention, feed_forward })
}

type Qkv = ([Matrix; 3], [Option<Vector>; 3]);

fn find_qkv(finder: &Finder<'_>, config: &Config, name: &dyn Fn(&str) -> String) -> Result<Qkv> {
    let (queries, kv) = (config.attention.query_width(), config.attention.kv_width());
    let bias = |part: &str, len: usize| match config.family.qkv_bias {
        true => finder.vector(&name(part), len).map(Some),
        false => finder.optional(&name(part), len),
    };
    if let Some(all) = finder.stack(&name("attn_qkv.weight"), 1, queries + 2 * kv, config.width)? {
        let bias = bias("attn_qkv.bias", queries + 2 * kv)?;
        let bias = |from: usize, len: usize| {
            bias.as_ref().and_then(|bias| bias.get(from..from + len)).map(Vector::from)
        };
        let parts = [all.part(0, queries), all.part(queries, kv), all.part(queries + kv, kv)];
        return Ok((parts, [bias(0, queries), bias(queries, kv), bias(queries + kv, kv)]));
    }
    let parts = [
        finder.matrix(&name("attn_q.weight"), queries, config.width)?,
        finder.matrix(&name("attn_k.weight"), kv, config.width)?,
        finder.matrix(&name("attn_v.weight"), kv, config.width)?,
    ];
    Ok((parts, [bias("attn_q.bias", queries)?, bias("attn_k.bias", kv)?, bias("attn_v.bias", kv)?]))
}

fn find_qk_norm(
    finder: &Finder<'_>,
    config: &Config,
    name: &dyn Fn(&str) -> String,
) -> Result<Option<[Vector; 2]>> {
    let attention = &config.attention;
    let (q, k) = match config.family.qk_norm {
        QkNorm::None => return Ok(None),
        QkNorm::PerHead => (attention.head_dim, attention.head_dim),
        QkNorm::WholeRow => (attention.query_width(), attention.kv_width()),
    };
    Ok(Some([finder.vector(&name("attn_q_norm.weight"), q)?, finder.vector(&name("attn_k_norm.weight"), k)?]))
}

fn find_dense(finder: &Finder<'_>, config: &Config, name: &dyn Fn(&str) -> String) -> Result<Gated> {
    let (inner, width) = (config.feed_forward, config.width);
    let down = finder.matrix(&name("ffn_down.weight"), width, inner)?;
    if config.family.fused_gate {
        let both = finder.matrix(&name("ffn_up.weight"), 2 * inner, width)?;
        return Ok(Gated { gate: both.part(0, inner), up: both.part(inner, inner), down });
    }
    let gate = finder.matrix(&name("ffn_gate.weight"), inner, width)?;
    Ok(Gated { gate, up: finder.matrix(&name("ffn_up.weight"), inner, width)?, down })
}

fn find_experts(
    finder: &Finder<'_>,
    config: &Config,
    experts: super::config::Experts,
    name: &dyn Fn(&str) -> String,
) -> Result<FeedForwardKind> {
    let (count, inner, width) = (experts.count, experts.feed_forward, config.width);
    let stack = |part: &str, rows: usize, cols: usize| {
        let name = name(part);
        finder.stack(&name, count, rows, cols)?.ok_or_else(|| invalid(format!("tensor {name:?} is missing")))
    };
    let gate = stack("ffn_gate_exps.weight", inner, width)?;
    let up = stack("ffn_up_exps.weight", inner, width)?;
    let down = stack("ffn_down_exps.weight", width, inner)?;
    let expert = |index: usize| Gated {
        gate: gate.part(index * inner, inner),
        up: up.part(index * inner, inner),
        down: down.part(index * width, width),
    };
    let shared = match experts.shared_feed_forward {
        0 => None,
        inner => {
            let gated = Gated {
                gate: finder.matrix(&name("ffn_gate_shexp.weight"), inner, width)?,
                up: finder.matrix(&name("ffn_up_shexp.weight"), inner, width)?,
                down: finder.matrix(&name("ffn_down_shexp.weight"), width, inner)?,
            };
            Some((gated, finder.matrix(&name("ffn_gate_inp_shexp.weight"), 1, width)?))
        }
    };
    let router = finder.matrix(&name("ffn_gate_inp.weight"), count, width)?;
    Ok(FeedForwardKind::Experts { router, experts: (0..count).map(expert).collect(), shared })
}
