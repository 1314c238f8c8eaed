//! Tensor types and the place of one tensor. Knows block sizes; not how a block is decoded.

use super::{invalid, shown};
use crate::error::{Error, ErrorKind, Result};

/// How a tensor's elements are stored: ggml's types, with ggml's ids.
///
/// A row (`ne[0]` elements) is a whole number of blocks of [`block_len`](Self::block_len) elements.
#[allow(non_camel_case_types, missing_docs)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[repr(u32)]
pub enum TensorType {
    F32 = 0,
    F16 = 1,
    Q4_0 = 2,
    Q4_1 = 3,
    Q5_0 = 6,
    Q5_1 = 7,
    Q8_0 = 8,
    Q8_1 = 9,
    Q2_K = 10,
    Q3_K = 11,
    Q4_K = 12,
    Q5_K = 13,
    Q6_K = 14,
    Q8_K = 15,
    IQ2_XXS = 16,
    IQ2_XS = 17,
    IQ3_XXS = 18,
    IQ1_S = 19,
    IQ4_NL = 20,
    IQ3_S = 21,
    IQ2_S = 22,
    IQ4_XS = 23,
    I8 = 24,
    I16 = 25,
    I32 = 26,
    I64 = 27,
    F64 = 28,
    IQ1_M = 29,
    BF16 = 30,
    TQ1_0 = 34,
    TQ2_0 = 35,
    MXFP4 = 39,
    NVFP4 = 40,
    Q1_0 = 41,
    Q2_0 = 42,
}

impl TensorType {
    /// Every type, by ascending id.
    pub const ALL: [Self; 35] = {
        use TensorType::*;
        [
            F32, F16, Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q8_1, Q2_K, Q3_K, Q4_K, Q5_K, Q6_K, Q8_K, IQ2_XXS,
            IQ2_XS, IQ3_XXS, IQ1_S, IQ4_NL, IQ3_S, IQ2_S, IQ4_XS, I8, I16, I32, I64, F64, IQ1_M, BF16, TQ1_0,
            TQ2_0, MXFP4, NVFP4, Q1_0, Q2_0,
        ]
    };

    /// The type with ggml's id `id`; `None` for ids that ggml dropped or that came later.
    pub fn from_id(id: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.id() == id)
    }

    /// ggml's id, as the file holds it.
    pub const fn id(self) -> u32 {
        self as u32
    }

    /// ggml's name in capitals: `"Q4_K"`.
    pub const fn name(self) -> &'static str {
        self.facts().0
    }

    /// Elements in a block; 1 for plain numbers.
    pub const fn block_len(self) -> u64 {
        self.facts().1
    }

    /// Bytes of a block.
    pub const fn block_bytes(self) -> u64 {
        self.facts().2
    }

    /// Name, elements in a block, bytes of a block (ggml: `type_traits`).
    const fn facts(self) -> (&'static str, u64, u64) {
        match self {
            Self::F32 => ("F32", 1, 4),
            Self::F16 => ("F16", 1, 2),
            Self::Q4_0 => ("Q4_0", 32, 18),
            Self::Q4_1 => ("Q4_1", 32, 20),
            Self::Q5_0 => ("Q5_0", 32, 22),
            Self::Q5_1 => ("Q5_1", 32, 24),
            Self::Q8_0 => ("Q8_0", 32, 34),
            Self::Q8_1 => ("Q8_1", 32, 36),
            Self::Q2_K => ("Q2_K", 256, 84),
            Self::Q3_K => ("Q3_K", 256, 110),
            Self::Q4_K => ("Q4_K", 256, 144),
            Self::Q5_K => ("Q5_K", 256, 176),
            Self::Q6_K => ("Q6_K", 256, 210),
            Self::Q8_K => ("Q8_K", 256, 292),
            Self::IQ2_XXS => ("IQ2_XXS", 256, 66),
            Self::IQ2_XS => ("IQ2_XS", 256, 74),
            Self::IQ3_XXS => ("IQ3_XXS", 256, 98),
            Self::IQ1_S => ("IQ1_S", 256, 50),
            Self::IQ4_NL => ("IQ4_NL", 32, 18),
            Self::IQ3_S => ("IQ3_S", 256, 110),
            Self::IQ2_S => ("IQ2_S", 256, 82),
            Self::IQ4_XS => ("IQ4_XS", 256, 136),
            Self::I8 => ("I8", 1, 1),
            Self::I16 => ("I16", 1, 2),
            Self::I32 => ("I32", 1, 4),
            Self::I64 => ("I64", 1, 8),
            Self::F64 => ("F64", 1, 8),
            Self::IQ1_M => ("IQ1_M", 256, 56),
            Self::BF16 => ("BF16", 1, 2),
            Self::TQ1_0 => ("TQ1_0", 256, 54),
            Self::TQ2_0 => ("TQ2_0", 256, 66),
            Self::MXFP4 => ("MXFP4", 32, 17),
            Self::NVFP4 => ("NVFP4", 64, 36),
            Self::Q1_0 => ("Q1_0", 128, 18),
            Self::Q2_0 => ("Q2_0", 64, 18),
        }
    }

    /// Bytes of a tensor of this type and `shape` (`ne[0]`, the row, first).
    ///
    /// `ModelInvalid` for anything but 1 to 4 dimensions, a zero, a row that is no whole number of blocks, or
    /// a size beyond 64 bits.
    pub fn byte_len(self, shape: &[u64]) -> Result<u64> {
        let Some(&row) = shape.first().filter(|_| shape.len() <= 4) else {
            return Err(invalid(format!("{} dimensions; 1 to 4 are possible", shape.len())));
        };
        if shape.contains(&0) {
            return Err(invalid(format!("shape {shape:?} has a zero")));
        }
        if row % self.block_len() != 0 {
            let (name, block) = (self.name(), self.block_len());
            return Err(invalid(format!(
                "rows of {row} elements are no whole number of {name} blocks of {block}"
            )));
        }
        let elements = shape.iter().try_fold(1u64, |product, &dim| product.checked_mul(dim));
        elements
            .and_then(|n| (n / self.block_len()).checked_mul(self.block_bytes()))
            .ok_or_else(|| invalid(format!("shape {shape:?} as {} is larger than 2^64 bytes", self.name())))
    }
}

/// One tensor: what it is and where its bytes lie. Made only by a parse that has checked all of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TensorInfo {
    name: Box<str>,
    dims: [u64; 4],
    offset: u64,
    byte_len: u64,
    kind: TensorType,
    dim_count: u8,
    /// Which file of a split model holds it.
    part: u16,
}

impl TensorInfo {
    /// Checks type and shape; whether `offset` lies in the file is the header's to check.
    pub(super) fn new(name: &str, type_id: u32, shape: &[u64], offset: u64) -> Result<Self> {
        let kind = TensorType::from_id(type_id).ok_or_else(|| {
            let message = format!("tensor {}: unknown tensor type, id {type_id}", shown(name));
            Error::new(ErrorKind::Unsupported, message)
        })?;
        let byte_len = kind.byte_len(shape).map_err(|e| e.within(format!("tensor {}", shown(name))))?;
        let mut dims = [1; 4];
        for (to, from) in dims.iter_mut().zip(shape) {
            *to = *from;
        }
        Ok(Self { name: name.into(), dims, offset, byte_len, kind, dim_count: shape.len() as u8, part: 0 })
    }

    /// Its name, unique in the model.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How its elements are stored.
    pub fn kind(&self) -> TensorType {
        self.kind
    }

    /// 1 to 4 dimensions, GGUF's order: `ne[0]` (the contiguous row) first. A `[rows, columns]` matrix of a
    /// framework reads `[columns, rows]`.
    pub fn shape(&self) -> &[u64] {
        self.dims.get(..usize::from(self.dim_count)).unwrap_or(&self.dims)
    }

    /// `ne[0]` to `ne[3]`, 1 where the file has fewer dimensions.
    pub fn dims(&self) -> [u64; 4] {
        self.dims
    }

    /// Number of elements: the product of the shape.
    pub fn elements(&self) -> u64 {
        self.dims.iter().product()
    }

    /// Bytes from the start of its file's tensor data; a multiple of the file's alignment.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Bytes it takes.
    pub fn byte_len(&self) -> u64 {
        self.byte_len
    }

    /// Which file of a split model holds it; 0 for a single file.
    pub fn part(&self) -> u16 {
        self.part
    }

    pub(super) fn set_part(&mut self, part: u16) {
        self.part = part;
    }

    /// One past its last byte, from the start of the tensor data; `None` beyond 64 bits.
    pub(super) fn end(&self) -> Option<u64> {
        self.offset.checked_add(self.byte_len)
    }
}
