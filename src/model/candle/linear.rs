//! A matrix of weights, quantised or not, and a projection by it; knows no file and no layer.

use candle_core::quantized::{QMatMul, QTensor};
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

/// A matrix of weights, (out, in).
#[derive(Clone)]
pub(super) struct Matrix(QMatMul);

impl Matrix {
    pub(super) fn new(tensor: QTensor, precision: Precision) -> Result<Self> {
        // Not `QMatMul::from_qtensor`, which asks environment variables.
        Ok(Self(if Self::stays(&tensor, precision) {
            QMatMul::QTensor(Arc::new(tensor))
        } else {
            QMatMul::Tensor(tensor.dequantize(&tensor.device())?)
        }))
    }

    /// Whether such a matrix is kept as the file has it, not unpacked to f32.
    pub(super) fn stays(tensor: &QTensor, precision: Precision) -> bool {
        precision == Precision::Quantised && stays_quantised(block(tensor), columns(tensor))
    }

    /// Rows `ids` as f32, (ids, in).
    pub(super) fn rows(&self, ids: &Tensor) -> Result<Tensor> {
        match &self.0 {
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
        let y = self.weight.0.forward(x)?;
        match &self.bias {
            Some(bias) => y.broadcast_add(bias),
            None => Ok(y),
        }
    }
}
