//! A model's weights, copied out of its file into candle's tensors; knows no arithmetic but a projection and
//! a norm.

use super::computing;
use super::linear::{Linear, Matrix, Precision, dtype};
use crate::error::{Error, ErrorKind, Result};
use crate::gguf::Gguf;
use crate::model::description::{
    self, AttentionWeights, Config, Gated, LayerWeights, MixerWeights, ModelWeights,
};
use candle_core::quantized::{GgmlDType, QStorage, QTensor};
use candle_core::{Device, Tensor};
use std::borrow::Cow;

/// A root-mean-square norm: weight (width).
pub(super) struct Norm {
    weight: Tensor,
    pub(super) width: usize,
    epsilon: f32,
}

impl Norm {
    /// Normalises the last dimension, `width` long.
    pub(super) fn forward(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        candle_nn::ops::rms_norm(&x.contiguous()?, &self.weight, self.epsilon)
    }
}

/// One layer. Norms are there where the architecture has them.
pub(super) struct Layer {
    pub(super) mixer_norm: Option<Norm>,
    pub(super) attention: Attention,
    pub(super) post_norm: Option<Norm>,
    pub(super) feed_norm: Option<Norm>,
    /// (inner, width), as `up`.
    pub(super) gate: Linear,
    pub(super) up: Linear,
    /// (width, inner).
    pub(super) down: Linear,
    pub(super) post_feed_norm: Option<Norm>,
}

/// The mixer of a layer.
pub(super) struct Attention {
    /// (heads × head_dim, width).
    pub(super) query: Linear,
    /// (kv_heads × head_dim, width), as `value`.
    pub(super) key: Linear,
    pub(super) value: Linear,
    /// (head_dim), or whole rows; as `key_norm`.
    pub(super) query_norm: Option<Norm>,
    pub(super) key_norm: Option<Norm>,
    /// (width, heads × head_dim).
    pub(super) output: Linear,
}

/// All weights of a model; shared by its sequences, never written.
pub(super) struct Weights {
    /// (vocab_size, width).
    pub(super) embeddings: Matrix,
    /// Those that the file has: a model may run them several times.
    pub(super) layers: Vec<Layer>,
    pub(super) output_norm: Norm,
    /// (vocab_size, width); the embeddings, where the file has no own.
    pub(super) output: Linear,
}

impl Weights {
    /// Copies every weight of a model that [`super::honours::check`] has passed. `progress` gets (bytes
    /// copied, bytes in all).
    ///
    /// # Errors
    /// `OutOfMemory`; what `progress` stops the load with.
    pub(super) fn load(
        gguf: &Gguf,
        config: &Config,
        found: &ModelWeights,
        precision: Precision,
        device: &Device,
        progress: &mut dyn FnMut(u64, u64) -> Result<()>,
    ) -> Result<Self> {
        let mut loader = Loader { gguf, epsilon: config.epsilon, precision, device, progress, done: 0 };
        let embeddings = loader.matrix(&found.embedding)?;
        let output = match found.output.tensor() == found.embedding.tensor() {
            true => embeddings.clone(),
            false => loader.matrix(&found.output)?,
        };
        let mut layers = Vec::new();
        layers.try_reserve_exact(config.stored)?;
        for layer in found.layers.iter().take(config.stored) {
            layers.push(loader.layer(layer)?);
        }
        Ok(Self {
            embeddings,
            layers,
            output_norm: loader.norm(found.output_norm.as_deref().ok_or_else(refused_before)?)?,
            output: Linear { weight: output, bias: loader.vector(found.output_bias.as_deref())? },
        })
    }
}

/// Takes tensors out of a file, one by one.
struct Loader<'a> {
    gguf: &'a Gguf,
    epsilon: f32,
    precision: Precision,
    device: &'a Device,
    progress: &'a mut dyn FnMut(u64, u64) -> Result<()>,
    done: u64,
}

impl Loader<'_> {
    fn layer(&mut self, of: &LayerWeights) -> Result<Layer> {
        let (MixerWeights::Attention(attention), Some(feed)) = (&of.mixer, of.feed.dense()) else {
            return Err(refused_before());
        };
        let Gated { gate, up, down, biases: None } = feed else { return Err(refused_before()) };
        Ok(Layer {
            mixer_norm: self.norm_if(of.norm.as_deref())?,
            attention: self.attention(attention)?,
            post_norm: self.norm_if(of.post_norm.as_deref())?,
            feed_norm: self.norm_if(of.feed_norm.as_deref())?,
            gate: self.linear(gate, None)?,
            up: self.linear(up, None)?,
            down: self.linear(down, None)?,
            post_feed_norm: self.norm_if(of.post_feed_norm.as_deref())?,
        })
    }

    fn attention(&mut self, of: &AttentionWeights) -> Result<Attention> {
        let (Some(keys), Some(values)) = (&of.keys, &of.values) else { return Err(refused_before()) };
        let [query_norm, key_norm] = &of.qk_norm;
        Ok(Attention {
            query: self.linear(&of.queries.matrix, of.queries.bias.as_deref())?,
            key: self.linear(&keys.matrix, keys.bias.as_deref())?,
            value: self.linear(&values.matrix, values.bias.as_deref())?,
            query_norm: self.norm_if(query_norm.as_deref())?,
            key_norm: self.norm_if(key_norm.as_deref())?,
            output: self.linear(&of.output, of.output_bias.as_deref())?,
        })
    }

    fn linear(&mut self, matrix: &description::Matrix, bias: Option<&[f32]>) -> Result<Linear> {
        Ok(Linear { weight: self.matrix(matrix)?, bias: self.vector(bias)? })
    }

    fn norm_if(&self, weight: Option<&[f32]>) -> Result<Option<Norm>> {
        weight.map(|weight| self.norm(weight)).transpose()
    }

    fn norm(&self, weight: &[f32]) -> Result<Norm> {
        let tensor = Tensor::from_slice(weight, weight.len(), self.device).map_err(computing)?;
        Ok(Norm { weight: tensor, width: weight.len(), epsilon: self.epsilon })
    }

    fn vector(&self, values: Option<&[f32]>) -> Result<Option<Tensor>> {
        let tensor = |values: &[f32]| Tensor::from_slice(values, values.len(), self.device);
        values.map(tensor).transpose().map_err(computing)
    }

    fn matrix(&mut self, matrix: &description::Matrix) -> Result<Matrix> {
        (self.progress)(self.done, self.gguf.data_bytes())?;
        let rows = matrix.of(self.gguf);
        let dtype = dtype(rows.ty()).ok_or_else(refused_before)?;
        let tensor = copy(rows.bytes(), dtype, (rows.rows(), rows.cols()), self.device)?;
        self.done += rows.bytes().len() as u64;
        if !Matrix::stays(&tensor, self.precision) {
            let unpacked = tensor.shape().elem_count().saturating_mul(size_of::<f32>());
            Vec::<u8>::new().try_reserve_exact(unpacked)?;
        }
        Matrix::new(tensor, self.precision, rows.factor()).map_err(computing)
    }
}

/// What [`super::honours::check`] has not let through.
fn refused_before() -> Error {
    Error::new(ErrorKind::Internal, "a tensor has no place in the candle backend")
}

/// Candle's copy of some rows of a tensor. Candle panics where its blocks are not aligned.
fn copy(bytes: &[u8], dtype: GgmlDType, shape: (usize, usize), device: &Device) -> Result<QTensor> {
    // Candle's own allocations abort where there is no memory: ask first.
    Vec::<u8>::new().try_reserve_exact(bytes.len())?;
    let mut words: Vec<u64> = Vec::new();
    let aligned = if bytes.as_ptr().addr().is_multiple_of(size_of::<u64>()) {
        bytes
    } else {
        words.try_reserve_exact(bytes.len().div_ceil(size_of::<u64>()))?;
        words.resize(bytes.len().div_ceil(size_of::<u64>()), 0);
        let copy = bytemuck::cast_slice_mut(&mut words);
        let copy = copy.get_mut(..bytes.len()).unwrap_or_default();
        copy.copy_from_slice(bytes);
        copy
    };
    let storage = QStorage::from_data(Cow::Borrowed(aligned), device, dtype).map_err(computing)?;
    QTensor::new(storage, shape).map_err(computing)
}
