//! Tensor types and matrices of weights as a file stores them; knows no file format's container.

use crate::error::{Error, ErrorKind, Result};
use std::fmt;
use std::ops::Range;

/// How the elements of a tensor are stored. Quantised types come in blocks along a row.
///
/// Layouts are those of ggml's `block_*` structures, little-endian, without padding.
#[allow(non_camel_case_types, missing_docs)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Type {
    F32,
    F16,
    BF16,
    Q4_0,
    Q4_1,
    Q5_0,
    Q5_1,
    Q8_0,
    IQ4_NL,
    MXFP4,
    NVFP4,
    Q1_0,
    Q2_0,
    Q2_K,
    Q3_K,
    Q4_K,
    Q5_K,
    Q6_K,
    IQ4_XS,
    IQ2_XXS,
    IQ2_XS,
    IQ2_S,
    IQ3_XXS,
    IQ3_S,
    IQ1_S,
    IQ1_M,
}

/// What a matrix is multiplied with: the form that activations must have beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Form {
    /// Plain f32, for the float types.
    F32,
    /// int8 with one scale per 32 values, for types with blocks of 32, or of some times 32.
    Q32,
    /// int8 with one scale per 256 values, for types with blocks of 256.
    Q256,
}

impl Type {
    /// Every type, in the order of the enum.
    pub const ALL: [Type; 26] = [
        Type::F32,
        Type::F16,
        Type::BF16,
        Type::Q4_0,
        Type::Q4_1,
        Type::Q5_0,
        Type::Q5_1,
        Type::Q8_0,
        Type::IQ4_NL,
        Type::MXFP4,
        Type::NVFP4,
        Type::Q1_0,
        Type::Q2_0,
        Type::Q2_K,
        Type::Q3_K,
        Type::Q4_K,
        Type::Q5_K,
        Type::Q6_K,
        Type::IQ4_XS,
        Type::IQ2_XXS,
        Type::IQ2_XS,
        Type::IQ2_S,
        Type::IQ3_XXS,
        Type::IQ3_S,
        Type::IQ1_S,
        Type::IQ1_M,
    ];

    /// Elements per block: a row's length is a multiple of it.
    pub const fn block_len(self) -> usize {
        match self.form() {
            Form::F32 => 1,
            Form::Q32 => 32 * self.units(),
            Form::Q256 => 256,
        }
    }

    /// Units per block: what is multiplied with one scale of the activations.
    pub const fn units(self) -> usize {
        match self {
            Type::Q1_0 => 4,
            Type::NVFP4 | Type::Q2_0 => 2,
            _ => 1,
        }
    }

    /// Bytes per block.
    pub const fn block_bytes(self) -> usize {
        match self {
            Type::F32 => 4,
            Type::F16 | Type::BF16 => 2,
            Type::Q4_0 | Type::IQ4_NL | Type::Q1_0 | Type::Q2_0 => 18,
            Type::Q4_1 => 20,
            Type::Q5_0 => 22,
            Type::Q5_1 => 24,
            Type::Q8_0 => 34,
            Type::MXFP4 => 17,
            Type::NVFP4 => 36,
            Type::Q2_K => 84,
            Type::Q3_K => 110,
            Type::Q4_K => 144,
            Type::Q5_K => 176,
            Type::Q6_K => 210,
            Type::IQ4_XS => 136,
            Type::IQ2_XXS => 66,
            Type::IQ2_XS => 74,
            Type::IQ2_S => 82,
            Type::IQ3_XXS => 98,
            Type::IQ3_S => 110,
            Type::IQ1_S => 50,
            Type::IQ1_M => 56,
        }
    }

    /// The form of activations that a matrix of this type is multiplied with.
    pub const fn form(self) -> Form {
        match self {
            Type::F32 | Type::F16 | Type::BF16 => Form::F32,
            Type::Q4_0 | Type::Q4_1 | Type::Q5_0 | Type::Q5_1 | Type::Q8_0 | Type::IQ4_NL => Form::Q32,
            Type::MXFP4 | Type::NVFP4 | Type::Q1_0 | Type::Q2_0 => Form::Q32,
            _ => Form::Q256,
        }
    }

    /// Whether blocks carry a minimum beside their scale.
    pub const fn has_min(self) -> bool {
        matches!(self, Type::Q4_1 | Type::Q5_1 | Type::Q2_K | Type::Q4_K | Type::Q5_K)
    }

    /// Whether each half of a unit of 32 has a scale of its own.
    pub const fn has_halves(self) -> bool {
        matches!(self, Type::NVFP4)
    }

    /// Bytes of a row of `cols` elements, or `None` if `cols` is not a whole number of blocks or the size
    /// overflows.
    pub const fn row_bytes(self, cols: usize) -> Option<usize> {
        if cols.is_multiple_of(self.block_len()) {
            (cols / self.block_len()).checked_mul(self.block_bytes())
        } else {
            None
        }
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// A matrix of weights where the file has it: `(rows, cols)`, row after row, no alignment required.
#[derive(Clone, Copy)]
pub struct Weights<'a> {
    /// How elements are stored.
    ty: Type,
    /// Outputs of the product.
    rows: usize,
    /// Inputs of the product.
    cols: usize,
    /// Bytes of one row.
    row_bytes: usize,
    /// Exactly `rows * row_bytes` bytes.
    bytes: &'a [u8],
    /// What products are multiplied by.
    factor: f32,
}

impl<'a> Weights<'a> {
    /// A view of `bytes` as a matrix. `InvalidArgument` if the sizes do not fit together exactly.
    pub fn new(ty: Type, rows: usize, cols: usize, bytes: &'a [u8]) -> Result<Self> {
        let invalid = |message: String| Error::new(ErrorKind::InvalidArgument, message);
        let row_bytes = ty.row_bytes(cols).ok_or_else(|| {
            invalid(format!("a row of {cols} elements is not made of {ty} blocks of {}", ty.block_len()))
        })?;
        match row_bytes.checked_mul(rows) {
            Some(total) if total == bytes.len() => Ok(Self { ty, rows, cols, row_bytes, bytes, factor: 1.0 }),
            _ => Err(invalid(format!(
                "a {ty} matrix of {rows} x {cols} does not take the {} bytes given",
                bytes.len()
            ))),
        }
    }

    /// The same matrix, whose products are multiplied by `factor`, with a rounding of its own.
    pub fn times(self, factor: f32) -> Self {
        Self { factor, ..self }
    }

    /// What products are multiplied by: 1 unless [`Weights::times`] said otherwise.
    pub fn factor(&self) -> f32 {
        self.factor
    }

    /// How elements are stored.
    pub fn ty(&self) -> Type {
        self.ty
    }

    /// Outputs of the product.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Inputs of the product.
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// Bytes of one row.
    pub fn row_bytes(&self) -> usize {
        self.row_bytes
    }

    /// The bytes of all rows.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The bytes of row `row`, or `None` beyond the last.
    pub fn row(&self, row: usize) -> Option<&'a [u8]> {
        let start = row.checked_mul(self.row_bytes)?;
        self.bytes.get(start..start.checked_add(self.row_bytes)?)
    }

    /// Rows `range` as a matrix of their own (for example the halves of a joined gate and up), or `None`
    /// beyond the last.
    pub fn slice(&self, range: Range<usize>) -> Option<Weights<'a>> {
        if range.start > range.end || range.end > self.rows {
            return None;
        }
        let bytes = self.bytes.get(range.start * self.row_bytes..range.end * self.row_bytes)?;
        Some(Weights { rows: range.len(), bytes, ..*self })
    }
}

impl fmt::Debug for Weights<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Weights({} {}x{})", self.ty, self.rows, self.cols)
    }
}
