//! Tensors of a file by name, each checked against the one shape that it may have, and which of them nobody
//! asked for. Knows no architecture.

use super::keys::{invalid, unsupported};
use crate::error::{Error, Result};
use crate::gguf::{Gguf, Header, TensorInfo, TensorType};
use crate::kernel::{Type, Weights, dequantise};
use std::cell::RefCell;

/// A matrix inside the file: some consecutive rows of a tensor.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Matrix {
    /// Index in the file's tensors.
    tensor: usize,
    pub(crate) ty: Type,
    first_row: usize,
    pub(crate) rows: usize,
    pub(crate) cols: usize,
    /// What its products are multiplied by: 1, or what the file has beside the tensor.
    factor: f32,
}

/// A short vector of f32: norm weights, biases, rope factors.
pub(crate) type Vector = Box<[f32]>;

impl Matrix {
    /// The matrix's bytes in its file.
    pub(crate) fn of<'a>(&self, gguf: &'a Gguf) -> Weights<'a> {
        let Some(tensor) = gguf.tensors().get(self.tensor) else {
            unreachable!("indices are the file's own")
        };
        let row_bytes = self.ty.row_bytes(self.cols).unwrap_or(0);
        let rows = self.first_row * row_bytes..(self.first_row + self.rows) * row_bytes;
        let bytes = gguf.bytes(tensor).get(rows).unwrap_or(&[]);
        match Weights::new(self.ty, self.rows, self.cols, bytes) {
            Ok(weights) => weights.times(self.factor),
            Err(error) => unreachable!("checked when it was found: {error}"),
        }
    }

    /// Index in the file's tensors.
    pub(crate) fn tensor(&self) -> usize {
        self.tensor
    }

    /// The tensor's row that it begins with; the matrices of one tensor follow each other.
    pub(crate) fn first_row(&self) -> usize {
        self.first_row
    }

    /// Rows `first` to `first + rows` of it.
    pub(super) fn part(&self, first: usize, rows: usize) -> Self {
        Self { first_row: self.first_row + first, rows, ..*self }
    }
}

/// Matrices of one shape behind each other, and a factor of each; no factors are all 1.
pub(super) struct Stack {
    all: Matrix,
    /// (count), or nothing.
    factors: Vector,
}

impl Stack {
    /// Matrix `index`, of `rows` rows.
    pub(super) fn part(&self, index: usize, rows: usize) -> Matrix {
        let factor = self.factors.get(index).copied().unwrap_or(1.0);
        Matrix { factor, ..self.all.part(index * rows, rows) }
    }
}

/// Finds tensors by name, and keeps which were found.
pub(super) struct Finder<'a> {
    header: &'a Header,
    /// Where values are; `None`: only what the header says is checked, and vectors are empty.
    data: Option<&'a Gguf>,
    width: usize,
    /// What is added to the weights of norms.
    norm_offset: f32,
    /// (tensors).
    found: RefCell<Vec<bool>>,
}

impl<'a> Finder<'a> {
    pub(super) fn new(header: &'a Header, data: Option<&'a Gguf>, width: usize) -> Result<Self> {
        let mut found = Vec::new();
        found.try_reserve_exact(header.tensors().len())?;
        found.resize(header.tensors().len(), false);
        Ok(Self { header, data, width, norm_offset: 0.0, found: RefCell::new(found) })
    }

    /// The same, which adds this to the weights of norms.
    pub(super) fn adding_to_norms(self, norm_offset: f32) -> Self {
        Self { norm_offset, ..self }
    }

    /// Refuses tensors that nobody asked for: what they are for would be left out.
    pub(super) fn refuse_strangers(&self, family: &str, layers: usize) -> Result<()> {
        let found = self.found.borrow();
        // Tables that some converters store and that are computed here.
        let tables = [".attn_rot_embd", ".attn.masked_bias", ".rope_freqs.weight", "rotary_emb.inv_freq"];
        let is_table = |name: &str| tables.iter().any(|end| name.ends_with(end));
        let mut tensors = self.header.tensors().iter().zip(found.iter());
        let Some((stranger, _)) = tensors.find(|(tensor, found)| !**found && !is_table(tensor.name())) else {
            return Ok(());
        };
        let name: String = stranger.name().chars().take(64).collect();
        Err(match layer_of(&name) {
            Some(layer) if layer >= layers => {
                invalid(format!("tensor {name:?} is beyond the {} layers of block_count", layers))
            }
            _ => unsupported(format!("tensor {name:?} is nothing that {} computes with", family)),
        })
    }

    /// Takes note of a tensor, and its factors, that may be there and that nothing is computed with.
    pub(super) fn pass_over(&self, name: &str) {
        for end in ["weight", "scale", "input_scale"] {
            self.find(&format!("{name}.{end}"));
        }
    }

    /// Whether the file has a tensor of layer `layer`.
    pub(super) fn has_layer(&self, layer: usize) -> bool {
        self.header.tensors().iter().any(|tensor| layer_of(tensor.name()) == Some(layer))
    }

    fn find(&self, name: &str) -> Option<(usize, &'a TensorInfo)> {
        let tensor = self.header.tensor(name)?;
        let index = self.header.tensors().element_offset(tensor)?;
        if let Some(found) = self.found.borrow_mut().get_mut(index) {
            *found = true;
        }
        Some((index, tensor))
    }

    /// The tensor `name` as `count` matrices (rows, cols), each with its factor: `X.scale` beside `X.weight`,
    /// as llama.cpp has it. `X.input_scale` beside it is for activations of four bits, and of no use here.
    pub(super) fn stack(&self, name: &str, count: usize, rows: usize, cols: usize) -> Result<Option<Stack>> {
        let Some(all) = self.unscaled(name, count, rows, cols)? else { return Ok(None) };
        let beside = |part: &str| format!("{}.{part}", name.strip_suffix(".weight").unwrap_or(name));
        self.find(&beside("input_scale"));
        Ok(Some(Stack { all, factors: self.optional(&beside("scale"), count)?.unwrap_or_default() }))
    }

    /// The tensor `name` as (count × rows, cols), without factors.
    fn unscaled(&self, name: &str, count: usize, rows: usize, cols: usize) -> Result<Option<Matrix>> {
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
        Ok(Some(Matrix { tensor: index, ty, first_row: 0, rows: rows * count, cols, factor: 1.0 }))
    }

    /// The matrix `name`, with its factor, if it is there.
    pub(super) fn if_there(&self, name: &str, rows: usize, cols: usize) -> Result<Option<Matrix>> {
        Ok(self.stack(name, 1, rows, cols)?.map(|one| one.part(0, rows)))
    }

    pub(super) fn matrix(&self, name: &str, rows: usize, cols: usize) -> Result<Matrix> {
        self.if_there(name, rows, cols)?.ok_or_else(|| missing(name))
    }

    /// A matrix that no file has a factor of: embeddings, routers.
    pub(super) fn plain_matrix(&self, name: &str, rows: usize, cols: usize) -> Result<Matrix> {
        self.unscaled(name, 1, rows, cols)?.ok_or_else(|| missing(name))
    }

    pub(super) fn optional(&self, name: &str, len: usize) -> Result<Option<Vector>> {
        let Some((_, tensor)) = self.find(name) else { return Ok(None) };
        // A vector may be written as a matrix of one column.
        if !matches!(*tensor.shape(), [length] | [length, 1] if length == len as u64) {
            return Err(invalid(format!("tensor {name:?} has shape {:?}, not [{len}]", tensor.shape())));
        }
        self.values(tensor, len).map(Some)
    }

    /// The float tensor `name` of `rows` rows, one behind the other.
    pub(super) fn grid(&self, name: &str, rows: usize, cols: usize) -> Result<Vector> {
        let (_, tensor) = self.find(name).ok_or_else(|| missing(name))?;
        let expected = [cols as u64, rows as u64];
        if *tensor.shape() != expected {
            return Err(invalid(format!("tensor {name:?} has shape {:?}, not {expected:?}", tensor.shape())));
        }
        self.values(tensor, rows * cols)
    }

    /// All `len` elements of a float tensor.
    fn values(&self, tensor: &TensorInfo, len: usize) -> Result<Vector> {
        if !matches!(tensor.kind(), TensorType::F32 | TensorType::F16 | TensorType::BF16) {
            return Err(unsupported(format!(
                "tensor {:?} is {}; F32, F16 and BF16 are possible",
                tensor.name(),
                tensor.kind().name()
            )));
        }
        let (ty, mut vector) = (kernel_type(tensor)?, Vec::new());
        if let Some(data) = self.data {
            vector.try_reserve_exact(len)?;
            vector.resize(len, 0.0);
            dequantise(ty, data.bytes(tensor), &mut vector);
            if self.norm_offset != 0.0 && tensor.name().ends_with("norm.weight") {
                vector.iter_mut().for_each(|weight| *weight += self.norm_offset);
            }
        }
        Ok(vector.into())
    }

    pub(super) fn vector(&self, name: &str, len: usize) -> Result<Vector> {
        self.optional(name, len)?.ok_or_else(|| missing(name))
    }

    /// The shape of the tensor `name`, if it is there.
    pub(super) fn shape(&self, name: &str) -> Option<&[u64]> {
        self.header.tensor(name).map(TensorInfo::shape)
    }

    /// A vector as wide as the model.
    pub(super) fn width_vector(&self, name: &str) -> Result<Vector> {
        self.vector(name, self.width)
    }

    pub(super) fn vector_if(&self, wanted: bool, name: &str) -> Result<Option<Vector>> {
        wanted.then(|| self.vector(name, self.width)).transpose()
    }
}

/// The layer that a tensor says it is of.
fn layer_of(name: &str) -> Option<usize> {
    name.strip_prefix("blk.")?.split('.').next()?.parse().ok()
}

pub(super) fn missing(name: &str) -> Error {
    invalid(format!("tensor {name:?} is missing"))
}

/// The kernels' type for what a tensor is stored as.
pub(super) fn kernel_type(tensor: &TensorInfo) -> Result<Type> {
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
        TensorType::NVFP4 => Type::NVFP4,
        TensorType::Q1_0 => Type::Q1_0,
        TensorType::Q2_0 => Type::Q2_0,
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
            let message = format!("tensor {shown:?} is {}, a type that no backend has", kind.name());
            return Err(unsupported(message));
        }
    };
    Ok(known)
}
