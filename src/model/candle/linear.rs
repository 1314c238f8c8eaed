//! A matrix of weights, quantised or not, and a projection by it; knows no file and no layer.

use crate::kernel::Type;
use candle_core::quantized::{GgmlDType, QMatMul, QTensor};
use candle_core::{Module, Result, Tensor};
use std::sync::Arc;

/// How matrices of weights are kept, and so what they are multiplied with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Precision {
    /// Blocks stay as in the file, and activations are rounded to 8 bits. Candle's kernels for Q4_1, Q5_0 and
    /// Q5_1 are scalar.
    #[default]
    Quantised,
    /// Everything is unpacked to f32, 4 bytes a weight: exact, what other backends are compared with; faster
    /// where memory allows.
    F32,
}

/// Candle's name of a type; `None`: it cannot multiply by it.
pub(super) fn dtype(ty: Type) -> Option<GgmlDType> {
    Some(match ty {
        Type::F32 => GgmlDType::F32,
        Type::F16 => GgmlDType::F16,
        Type::BF16 => GgmlDType::BF16,
        Type::Q4_0 => GgmlDType::Q4_0,
        Type::Q4_1 => GgmlDType::Q4_1,
        Type::Q5_0 => GgmlDType::Q5_0,
        Type::Q5_1 => GgmlDType::Q5_1,
        Type::Q8_0 => GgmlDType::Q8_0,
        Type::Q2_K => GgmlDType::Q2K,
        Type::Q3_K => GgmlDType::Q3K,
        Type::Q4_K => GgmlDType::Q4K,
        Type::Q5_K => GgmlDType::Q5K,
        Type::Q6_K => GgmlDType::Q6K,
        _ => return None,
    })
}

/// A matrix of weights, (out, in).
#[derive(Clone)]
pub(super) struct Matrix {
    weights: QMatMul,
    /// What products are multiplied by.
    factor: f64,
}

impl Matrix {
    pub(super) fn new(tensor: QTensor, precision: Precision, factor: f32) -> Result<Self> {
        // Not `QMatMul::from_qtensor`, which asks environment variables.
        let weights = if Self::stays(&tensor, precision) {
            QMatMul::QTensor(Arc::new(tensor))
        } else {
            QMatMul::Tensor(tensor.dequantize(&tensor.device())?)
        };
        Ok(Self { weights, factor: factor.into() })
    }

    /// Whether such a matrix is kept as the file has it, not unpacked to f32.
    pub(super) fn stays(tensor: &QTensor, precision: Precision) -> bool {
        precision == Precision::Quantised && stays_quantised(block(tensor), columns(tensor))
    }

    /// Rows `ids` as f32, (ids, in), without the factor.
    pub(super) fn rows(&self, ids: &Tensor) -> Result<Tensor> {
        match &self.weights {
            QMatMul::QTensor(table) => table.embedding(ids),
            QMatMul::Tensor(table) | QMatMul::TensorF16(table) => table.index_select(ids, 0),
        }
    }
}

/// Plain numbers become f32; so do rows of an odd number of blocks of 32, which candle's kernels assert
/// against in debug builds.
pub(super) fn stays_quantised(block: u64, columns: u64) -> bool {
    block > 32 || (block == 32 && (columns / block).is_multiple_of(2))
}

fn block(tensor: &QTensor) -> u64 {
    tensor.dtype().block_size() as u64
}

fn columns(tensor: &QTensor) -> u64 {
    tensor.shape().dims().last().copied().unwrap_or_default() as u64
}

/// A projection: weight (out, in) and perhaps a bias (out).
pub(super) struct Linear {
    pub(super) weight: Matrix,
    pub(super) bias: Option<Tensor>,
}

impl Linear {
    /// (rows, in) to (rows, out).
    pub(super) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let y = self.weight.weights.forward(x)?;
        let y = if self.weight.factor == 1.0 { y } else { (y * self.weight.factor)? };
        match &self.bias {
            Some(bias) => y.broadcast_add(bias),
            None => Ok(y),
        }
    }
}
