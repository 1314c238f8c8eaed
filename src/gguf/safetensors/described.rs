//! A folder's model with the header that its GGUF would have. Knows how parts go together; the names come
//! from who asks.

use super::entry::Entry;
use super::folder::Folder;
use super::shards;
use crate::error::{Error, ErrorKind, Result};
use crate::gguf::header::{Extent, Header};
use crate::gguf::open::{Gguf, Opening};
use crate::gguf::source::{Input, ReadAt, Source};
use crate::gguf::{Limits, TensorInfo, TensorType, shown};
use crate::pause::Pauses;
use smallvec::SmallVec;

/// A folder's model: a header like a GGUF's, and the files that it describes, open.
pub struct Described {
    header: Header,
    inputs: Vec<Input>,
}

impl Described {
    /// Describes the model in `folder`. `keys` is a GGUF with what its metadata would be, and with tensors
    /// that no file has; `name` gives the name that GGUF has for a tensor, or none for one that is not
    /// needed. `parts` are folders in it with tensors of their own: a name begins with its folder's.
    ///
    /// # Errors
    /// As [`Gguf::open`]'s, naming the file and the tensor; `name`'s; what stops `pauses`.
    pub async fn read(
        folder: &Folder,
        parts: &[String],
        keys: Vec<u8>,
        name: &mut (dyn FnMut(&Entry) -> Result<Option<String>> + Send),
        limits: &Limits,
        pauses: &mut Pauses<'_>,
    ) -> Result<Self> {
        let mut made = Input::open(Source::Memory(Box::new(keys)))?;
        let mut header = Header::read(&mut made, limits, pauses).await?.of_no_file();
        let mut inputs = vec![made];
        for shard in shards::open(folder, parts, limits, pauses).await? {
            let mut tensors = Vec::new();
            for entry in &shard.entries {
                pauses.after(1).await?;
                let placed = place(entry, name);
                tensors.extend(placed.map_err(|e| e.within(shard.input.label()))?);
            }
            let len = tensors.iter().filter_map(TensorInfo::end).max().unwrap_or(0);
            if !tensors.is_empty() {
                let extent = Extent { file_bytes: shard.input.size(), offset: shard.data_offset, len };
                header.append_tensors(tensors, &[extent]).map_err(|e| e.within(shard.input.label()))?;
                inputs.push(shard.input);
            }
        }
        Ok(Self { header, inputs })
    }

    /// The header alone.
    pub fn header(self) -> Header {
        self.header
    }

    /// The model, to be opened in pieces.
    ///
    /// # Errors
    /// `OutOfMemory` over the limits.
    pub fn opening(self, limits: &Limits) -> Result<Opening> {
        limits.allow(self.header.held_bytes())?;
        Ok(Opening::over(self.header, self.inputs))
    }

    /// The model, opened in one go.
    ///
    /// # Errors
    /// As [`opening`](Self::opening)'s; `Io`.
    pub fn open(self, limits: &Limits) -> Result<Gguf> {
        let mut opening = self.opening(limits)?;
        while opening.read(usize::MAX)? {}
        Ok(opening.finish())
    }
}

/// One tensor as GGUF has it: another name, the row first.
fn place(
    entry: &Entry,
    name: &mut (dyn FnMut(&Entry) -> Result<Option<String>> + Send),
) -> Result<Option<TensorInfo>> {
    let Some(name) = name(entry)? else { return Ok(None) };
    use TensorType::{BF16, F16, F32};
    let Some(kind) = entry.kind().filter(|kind| matches!(kind, F32 | F16 | BF16)) else {
        let (dtype, own) = (&entry.dtype, shown(&entry.name));
        let message = format!(
            "tensor {own} is {dtype}; F32, F16 and BF16 are read from folders: take the model in one of them, \
             or as GGUF"
        );
        return Err(Error::new(ErrorKind::Unsupported, message));
    };
    let mut shape: SmallVec<[u64; 4]> = entry.shape.iter().rev().copied().collect();
    // Convolutions of one channel have a dimension of 1 amid the others.
    if let [taps, 1, channels] = *shape {
        shape = SmallVec::from_slice(&[taps, channels]);
    }
    let info = TensorInfo::new(&name, kind.id(), &shape, entry.offset);
    info.map(Some).map_err(|e| e.within(format!("tensor {}", shown(&entry.name))))
}
