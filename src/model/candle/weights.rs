//! A model's weights, copied out of a checked file into candle's tensors; knows no arithmetic but a
//! projection and a norm.

use super::hyperparameters::Hyperparameters;
use super::linear::{Linear, Matrix, Precision};
use super::{computing, shapes};
use crate::error::{Error, ErrorKind, Result};
use crate::gguf::{Gguf, TensorInfo};
use candle_core::quantized::{QStorage, QTensor};
use candle_core::{Device, Tensor};
use std::borrow::Cow;

/// A root-mean-square norm: weight (width).
pub(super) struct Norm {
    weight: Tensor,
    epsilon: f32,
}

impl Norm {
    /// Normalises the last dimension, `width` long.
    pub(super) fn forward(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        candle_nn::ops::rms_norm(&x.contiguous()?, &self.weight, self.epsilon)
    }
}

/// One layer.
pub(super) struct Layer {
    pub(super) attention_norm: Norm,
    /// (head_count × head_dim, embedding_length).
    pub(super) query: Linear,
    /// (head_count_kv × head_dim, embedding_length), as `value`.
    pub(super) key: Linear,
    pub(super) value: Linear,
    /// (head_dim), as `key_norm`.
    pub(super) query_norm: Option<Norm>,
    pub(super) key_norm: Option<Norm>,
    /// (embedding_length, head_count × head_dim).
    pub(super) attention_output: Linear,
    pub(super) post_attention_norm: Option<Norm>,
    pub(super) feed_forward_norm: Norm,
    /// (feed_forward_length, embedding_length), as `up`.
    pub(super) gate: Linear,
    pub(super) up: Linear,
    /// (embedding_length, feed_forward_length).
    pub(super) down: Linear,
    pub(super) post_feed_forward_norm: Option<Norm>,
}

/// All weights of a model; shared by its sequences, never written.
pub(super) struct Weights {
    /// (vocab_size, embedding_length).
    pub(super) embeddings: Matrix,
    pub(super) layers: Vec<Layer>,
    pub(super) output_norm: Norm,
    /// (vocab_size, embedding_length); the embeddings, where the file has no own.
    pub(super) output: Linear,
    /// What each frequency of the rotary embedding is divided by, (head_dim / 2).
    pub(super) rope_factors: Option<Vec<f32>>,
}

impl Weights {
    /// Copies every weight of a file that [`shapes::check`] has passed.
    ///
    /// # Errors
    /// `OutOfMemory`; `ModelInvalid` for frequency factors that are not over 0; what `progress` stops the
    /// load with.
    pub(super) fn load(
        gguf: &Gguf,
        numbers: &Hyperparameters,
        precision: Precision,
        device: &Device,
        progress: &mut dyn FnMut(u64, u64) -> Result<()>,
    ) -> Result<Self> {
        let mut loader = Loader { gguf, numbers, precision, device, progress, done: 0 };
        let embeddings = loader.matrix("token_embd.weight")?;
        let output = match gguf.tensor("output.weight") {
            Some(_) => loader.matrix("output.weight")?,
            None => embeddings.clone(),
        };
        let mut layers = Vec::new();
        layers.try_reserve_exact(numbers.block_count)?;
        for index in 0..numbers.block_count {
            layers.push(loader.layer(index)?);
        }
        Ok(Self {
            embeddings,
            layers,
            output_norm: loader.norm("output_norm.weight")?,
            output: Linear { weight: output, bias: None },
            rope_factors: loader.rope_factors()?,
        })
    }
}

/// Takes tensors out of a file, one by one.
struct Loader<'a> {
    gguf: &'a Gguf,
    numbers: &'a Hyperparameters,
    precision: Precision,
    device: &'a Device,
    progress: &'a mut dyn FnMut(u64, u64) -> Result<()>,
    done: u64,
}

impl Loader<'_> {
    fn layer(&mut self, index: usize) -> Result<Layer> {
        let architecture = self.numbers.architecture;
        let name = |tensor: &str| format!("blk.{index}.{tensor}");
        let bias = architecture.qkv_bias;
        Ok(Layer {
            attention_norm: self.norm(&name("attn_norm.weight"))?,
            query: self.linear(&name("attn_q"), bias)?,
            key: self.linear(&name("attn_k"), bias)?,
            value: self.linear(&name("attn_v"), bias)?,
            query_norm: self.norm_if(architecture.qk_norm, &name("attn_q_norm.weight"))?,
            key_norm: self.norm_if(architecture.qk_norm, &name("attn_k_norm.weight"))?,
            attention_output: self.linear(&name("attn_output"), false)?,
            post_attention_norm: self
                .norm_if(architecture.post_norms, &name("post_attention_norm.weight"))?,
            feed_forward_norm: self.norm(&name("ffn_norm.weight"))?,
            gate: self.linear(&name("ffn_gate"), false)?,
            up: self.linear(&name("ffn_up"), false)?,
            down: self.linear(&name("ffn_down"), false)?,
            post_feed_forward_norm: self.norm_if(architecture.post_norms, &name("post_ffw_norm.weight"))?,
        })
    }

    fn linear(&mut self, name: &str, bias: bool) -> Result<Linear> {
        let weight = self.matrix(&format!("{name}.weight"))?;
        let bias = if bias { Some(self.vector(&format!("{name}.bias"))?) } else { None };
        Ok(Linear { weight, bias })
    }

    fn norm_if(&mut self, wanted: bool, name: &str) -> Result<Option<Norm>> {
        if wanted { self.norm(name).map(Some) } else { Ok(None) }
    }

    fn norm(&mut self, name: &str) -> Result<Norm> {
        Ok(Norm { weight: self.vector(name)?, epsilon: self.numbers.norm_epsilon as f32 })
    }

    fn rope_factors(&mut self) -> Result<Option<Vec<f32>>> {
        let name = "rope_freqs.weight";
        if self.gguf.tensor(name).is_none() {
            return Ok(None);
        }
        let factors: Vec<f32> = self.vector(name)?.to_vec1().map_err(computing)?;
        match factors.iter().find(|factor| !(factor.is_normal() && **factor > 0.0)) {
            Some(factor) => {
                let message = format!("tensor {name:?} holds {factor}, not a finite number over 0");
                Err(Error::new(ErrorKind::ModelInvalid, message))
            }
            None => Ok(Some(factors)),
        }
    }

    /// As f32.
    fn vector(&mut self, name: &str) -> Result<Tensor> {
        let tensor = self.tensor(name)?;
        tensor.dequantize(self.device).and_then(|tensor| tensor.flatten_all()).map_err(computing)
    }

    fn matrix(&mut self, name: &str) -> Result<Matrix> {
        let tensor = self.tensor(name)?;
        if !Matrix::stays(&tensor, self.precision) {
            let unpacked = tensor.shape().elem_count().saturating_mul(size_of::<f32>());
            Vec::<u8>::new().try_reserve_exact(unpacked)?;
        }
        Matrix::new(tensor, self.precision).map_err(computing)
    }

    fn tensor(&mut self, name: &str) -> Result<QTensor> {
        (self.progress)(self.done, self.gguf.data_bytes())?;
        let info = shapes::find(self.gguf, name)?;
        let tensor = copy(self.gguf.bytes(info), info, self.device)?;
        self.done += info.byte_len();
        Ok(tensor)
    }
}

/// Candle's copy of a tensor whose type and shape have been checked. Candle panics where its blocks are not
/// aligned.
fn copy(bytes: &[u8], info: &TensorInfo, device: &Device) -> Result<QTensor> {
    // Candle's own allocations abort where there is no memory: ask first.
    Vec::<u8>::new().try_reserve_exact(bytes.len())?;
    let dtype = shapes::dtype(info)?;
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
    let dims: Vec<usize> = info.shape().iter().rev().map(|&dim| dim as usize).collect();
    QTensor::new(storage, dims).map_err(computing)
}
