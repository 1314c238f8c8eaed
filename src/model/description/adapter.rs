//! An adapter's file (GGUF, as llama.cpp's convert_lora_to_gguf writes it) to what it adds to a model's
//! matrices: each of its tensors checked against the one shape that it may have. Computes nothing.

use super::keys::{invalid, unsupported};
use super::roles::ModelWeights;
use super::tensors::{Matrix, kernel_type};
use crate::budget::{Budget, Share};
use crate::error::Result;
use crate::gguf::{Gguf, Header, Metadata, TensorInfo};
use crate::kernel::{Form, Type, dequantise};
use crate::model::adapter::{Adaptable, Adapter, AdapterAbout, Pair, Shape};
use std::collections::BTreeMap;
use std::sync::Arc;
use twox_hash::XxHash3_128;

/// Far above any adapter's; passes work in as much memory for each token.
const MAX_RANK: usize = 1024;

/// The embedding's adapters have their halves the other way round, and are looked up, not multiplied.
const EMBEDDING: &str = "token_embd.weight";

impl Adaptable {
    /// The matrices that a model is multiplied with.
    pub(crate) fn new(header: &Header, weights: &ModelWeights) -> Arc<Self> {
        let mut matrices = BTreeMap::new();
        weights.each_matrix(&mut |matrix| {
            let tensor = matrix.tensor();
            if let Some(info) = header.tensors().get(tensor).filter(|info| info.name() != EMBEDDING) {
                let [cols, rows, count, _] = info.dims().map(|dim| dim as usize);
                matrices.insert(info.name().to_owned(), Shape { tensor, cols, rows, count });
            }
        });
        let architecture = header.metadata().find("general.architecture").ok().flatten();
        let architecture: &str = architecture.unwrap_or_default();
        Arc::new(Self { architecture: architecture.to_owned(), matrices, tensors: header.tensors().len() })
    }
}

/// An adapter's file whose header is sound: pair by pair it becomes an adapter.
pub(crate) struct AdapterReader {
    base: Arc<Adaptable>,
    name: String,
    alpha: f32,
    /// Those to come, the last one first.
    pairs: Vec<Halves>,
    read: Vec<Option<Pair>>,
    hash: XxHash3_128,
    matrices: usize,
    rank: usize,
    bytes: u64,
}

/// A matrix, and its two tensors in the adapter's file.
struct Halves {
    shape: Shape,
    rank: usize,
    down: usize,
    up: usize,
}

impl AdapterReader {
    /// Checks all that a header says of an adapter for `base`.
    ///
    /// # Errors
    /// `Unsupported`: it is for another architecture, of another kind, or changes what adapters may not
    /// change here; `ModelInvalid`: it is no adapter, or a tensor is missing or of another shape. The tensor
    /// is named.
    pub(crate) fn new(header: &Header, base: &Arc<Adaptable>) -> Result<Self> {
        let metadata = header.metadata();
        let alpha = check(metadata, base)?;
        let mut pairs = Vec::new();
        for (index, tensor) in header.tensors().iter().enumerate() {
            let (name, is_down) = matrix_of(tensor.name())?;
            let shape = *base.matrices.get(name).ok_or_else(|| stranger(tensor.name(), name, base))?;
            let beside = format!("{name}.lora_{}", if is_down { "b" } else { "a" });
            let other = header.tensor(&beside).ok_or_else(|| {
                invalid(format!("tensor {:?} has no {beside:?} beside it", shown(tensor.name())))
            })?;
            if is_down {
                let up = header.tensors().element_offset(other).unwrap_or_default();
                let rank = check_shapes(tensor, other, shape)?;
                pairs.push(Halves { shape, rank, down: index, up });
            }
        }
        // The order of the base, whatever that of the file: the hash goes over it.
        pairs.sort_by_key(|pair| std::cmp::Reverse(pair.shape.tensor));
        let (matrices, rank) = (pairs.len(), pairs.iter().map(|pair| pair.rank).max());
        let rank = rank.ok_or_else(|| invalid("the adapter has no tensor".into()))?;
        let bytes = |pair: &Halves| {
            let Shape { cols, rows, count, .. } = pair.shape;
            let down = header.tensors().get(pair.down).map_or(Type::F32, float_type);
            let (down, up) = (down.row_bytes(cols).unwrap_or(0) * count, 4 * rows * count);
            ((down + up) as u64).saturating_mul(pair.rank as u64)
        };
        let bytes = pairs.iter().map(bytes).fold(0, u64::saturating_add);
        let mut read = Vec::new();
        read.try_reserve_exact(base.tensors)?;
        read.resize_with(base.tensors, || None);
        let mut hash = XxHash3_128::with_seed(0);
        hash.write(&alpha.to_le_bytes());
        let name = metadata.find::<&str>("general.name").ok().flatten().unwrap_or_default().to_owned();
        Ok(Self { base: base.clone(), name, alpha, pairs, read, hash, matrices, rank, bytes })
    }

    /// Bytes that the adapter will hold.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Reads the next pair; false: all are read.
    ///
    /// # Errors
    /// `OutOfMemory`.
    pub(crate) fn read_next(&mut self, gguf: &Gguf) -> Result<bool> {
        let Some(Halves { shape, rank, down, up }) = self.pairs.pop() else { return Ok(false) };
        let (Some(down), Some(up)) = (gguf.tensors().get(down), gguf.tensors().get(up)) else {
            return Ok(false);
        };
        for tensor in [down, up] {
            self.hash.write(tensor.name().as_bytes());
            self.hash.write(tensor.kind().name().as_bytes());
            tensor.dims().iter().for_each(|dim| self.hash.write(&dim.to_le_bytes()));
            self.hash.write(gguf.bytes(tensor));
        }
        let pair = Pair {
            shape,
            rank,
            factor: self.alpha / rank as f32,
            ty: float_type(down),
            down: floats(gguf, down)?,
            up: transposed(gguf, up, (rank, shape.rows))?,
        };
        if let Some(place) = self.read.get_mut(shape.tensor) {
            *place = Some(pair);
        }
        Ok(!self.pairs.is_empty())
    }

    /// The adapter, whose bytes `share` has of the budget. Call it when all is read.
    pub(crate) fn finish(self, share: Share) -> Arc<Adapter> {
        let Self { base, name, alpha, read, hash, matrices, rank, bytes, .. } = self;
        let (architecture, content) = (base.architecture.clone(), hash.finish_128());
        let about = AdapterAbout { name, architecture, alpha, rank, matrices, bytes, content };
        Arc::new(Adapter { about, pairs: read, base, _share: share })
    }
}

/// What the adapter multiplies with, by what its keys say.
fn check(metadata: &Metadata, base: &Adaptable) -> Result<f32> {
    let text = |key: &str| metadata.find::<&str>(key);
    match text("general.type")? {
        Some("adapter") => {}
        kind => {
            let kind = kind.map_or("missing".to_owned(), |kind| format!("{:?}", shown(kind)));
            return Err(invalid(format!(
                "general.type is {kind}, an adapter's is \"adapter\"; a whole model is loaded as a model"
            )));
        }
    }
    match text("adapter.type")? {
        Some("lora") => {}
        kind => {
            let kind = kind.map_or("missing".to_owned(), |kind| format!("{:?}", shown(kind)));
            return Err(unsupported(format!("adapter.type is {kind}; \"lora\" is possible")));
        }
    }
    let architecture: &str = metadata.require("general.architecture")?;
    if architecture != base.architecture {
        return Err(unsupported(format!(
            "the adapter is for {:?}, the model is {:?}; load it for the model that it was made of",
            shown(architecture),
            base.architecture
        )));
    }
    if metadata.get("adapter.alora.invocation_tokens").is_some() {
        let why = "adapter.alora.invocation_tokens: an adapter that begins in the middle of a prompt is not computed";
        return Err(unsupported(why.into()));
    }
    let alpha: f32 = metadata.require("adapter.lora.alpha")?;
    if !alpha.is_finite() || alpha == 0.0 {
        return Err(invalid(format!("adapter.lora.alpha is {alpha}; a finite number but 0 is possible")));
    }
    Ok(alpha)
}

/// The matrix that a tensor is for, and whether it is the half that the input is multiplied with.
fn matrix_of(name: &str) -> Result<(&str, bool)> {
    match (name.strip_suffix(".lora_a"), name.strip_suffix(".lora_b")) {
        (Some(of), _) => Ok((of, true)),
        (_, Some(of)) => Ok((of, false)),
        _ => Err(unsupported(format!(
            "tensor {:?} is neither NAME.lora_a nor NAME.lora_b: an adapter that replaces tensors is not computed",
            shown(name)
        ))),
    }
}

fn stranger(tensor: &str, matrix: &str, base: &Adaptable) -> crate::error::Error {
    let (tensor, matrix) = (shown(tensor), shown(matrix));
    unsupported(match matrix.as_str() {
        EMBEDDING => {
            format!(
                "tensor {tensor:?} changes the embedding, which adapters may not; make the adapter without"
            )
        }
        _ => format!(
            "tensor {tensor:?} is for {matrix:?}, which is no matrix of this {} model; load it for the model that it was made of",
            base.architecture
        ),
    })
}

/// The rank of two halves that fit each other and the matrix.
fn check_shapes(down: &TensorInfo, up: &TensorInfo, shape: Shape) -> Result<usize> {
    let Shape { cols, rows, count, .. } = shape;
    let rank = down.dims()[1];
    if !(1..=MAX_RANK as u64).contains(&rank) {
        let name = shown(down.name());
        return Err(unsupported(format!("tensor {name:?} has rank {rank}; 1 to {MAX_RANK} are possible")));
    }
    let expected = [(down, [cols as u64, rank, count as u64, 1]), (up, [rank, rows as u64, count as u64, 1])];
    for (tensor, expected) in expected {
        if tensor.dims() != expected {
            return Err(invalid(format!(
                "tensor {:?} has shape {:?}, not {:?} (rank {rank}): the adapter is of another model, or damaged",
                shown(tensor.name()),
                tensor.shape(),
                expected.get(..if count > 1 { 3 } else { 2 }).unwrap_or(&expected),
            )));
        }
        kernel_type(tensor)?;
    }
    Ok(rank as usize)
}

/// How a half is kept: as the file has it, if these are floats.
fn float_type(tensor: &TensorInfo) -> Type {
    kernel_type(tensor).ok().filter(|ty| ty.form() == Form::F32).unwrap_or(Type::F32)
}

/// The values of a tensor as [`float_type`].
fn floats(gguf: &Gguf, tensor: &TensorInfo) -> Result<Vec<u8>> {
    let (ty, bytes, mut out) = (kernel_type(tensor)?, gguf.bytes(tensor), Vec::new());
    if ty.form() == Form::F32 {
        out.try_reserve_exact(bytes.len())?;
        out.extend_from_slice(bytes);
        return Ok(out);
    }
    let cols = tensor.dims()[0] as usize;
    let row_bytes = ty.row_bytes(cols).unwrap_or(0).max(1);
    out.try_reserve_exact(bytes.len() / row_bytes * cols * 4)?;
    let mut row = vec![0.0f32; cols];
    for bytes in bytes.chunks_exact(row_bytes) {
        dequantise(ty, bytes, &mut row);
        out.extend(row.iter().flat_map(|value| value.to_le_bytes()));
    }
    Ok(out)
}

/// The values of a tensor of matrices (rows, rank) as (rank, rows) each.
fn transposed(gguf: &Gguf, tensor: &TensorInfo, (rank, rows): (usize, usize)) -> Result<Vec<f32>> {
    let (ty, bytes, mut out) = (kernel_type(tensor)?, gguf.bytes(tensor), Vec::new());
    let row_bytes = ty.row_bytes(rank).unwrap_or(0).max(1);
    let len = bytes.len() / row_bytes * rank;
    out.try_reserve_exact(len)?;
    out.resize(len, 0.0);
    let mut row = vec![0.0f32; rank];
    let matrices = bytes.chunks_exact(row_bytes * rows).zip(out.chunks_exact_mut(rank * rows));
    for (bytes, out) in matrices {
        for (at, bytes) in bytes.chunks_exact(row_bytes).enumerate() {
            dequantise(ty, bytes, &mut row);
            for (out, value) in out.chunks_exact_mut(rows).zip(&row) {
                out[at] = *value;
            }
        }
    }
    Ok(out)
}

impl Adapter {
    /// Reads an adapter for a model with these matrices. Its bytes are taken from `budget`.
    ///
    /// # Errors
    /// As [`AdapterReader::new`]'s; `OutOfMemory`.
    pub fn read(gguf: &Gguf, base: &Arc<Adaptable>, budget: &Arc<Budget>) -> Result<Arc<Self>> {
        let mut reader = AdapterReader::new(gguf, base)?;
        let share = budget.take("an adapter", reader.bytes())?;
        while reader.read_next(gguf)? {}
        Ok(reader.finish(share))
    }

    /// What it adds to products with `matrix`, if anything: down, up, elements between up's rows, and what it
    /// is multiplied by.
    pub(crate) fn part(&self, matrix: &Matrix) -> Option<(crate::kernel::Weights<'_>, &[f32], usize, f32)> {
        let pair = self.pairs.get(matrix.tensor())?.as_ref()?;
        let (down, up) = pair.part(matrix.first_row(), matrix.rows)?;
        Some((down, up, pair.shape.rows, pair.factor))
    }
}

/// A name of any length, for a message.
fn shown(name: &str) -> String {
    name.chars().take(64).collect()
}
