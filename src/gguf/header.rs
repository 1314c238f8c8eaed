//! The header of a model file: counts, metadata, and tensors that are proven to lie inside the file, aligned
//! and apart. Knows the container's rules; not what a tensor is for.

use super::cursor::Cursor;
use super::metadata::{Layout, MAX_ENTRIES, MAX_NAME, Metadata, first_twin, push};
use super::source::ReadAt;
use super::tensor::TensorInfo;
use super::{Limits, invalid, shown};
use crate::error::{Error, ErrorKind, Result};
use crate::pause::Pauses;

/// The alignment of files that do not say (GGUF specification).
const DEFAULT_ALIGNMENT: u32 = 32;

/// The largest alignment that makes sense: beyond any page.
const MAX_ALIGNMENT: u32 = 1 << 20;

/// Everything of a model but its tensors' bytes, validated. Of a split model: the first file's, and all
/// files' tensors.
pub struct Header {
    version: u32,
    alignment: u64,
    metadata: Metadata,
    /// In file order; of a split model, one file after the other.
    tensors: Vec<TensorInfo>,
    /// Positions in `tensors`, by ascending name.
    by_name: Vec<u32>,
    pub(super) extents: Vec<Extent>,
}

/// Where one file's tensor data lies.
#[derive(Debug, Clone, Copy)]
pub(super) struct Extent {
    /// Bytes of the whole file; 0: it is in none.
    pub(super) file_bytes: u64,
    /// Where the tensor data starts.
    pub(super) offset: u64,
    /// Up to the end of its last tensor.
    pub(super) len: u64,
}

impl Header {
    /// GGUF's version: 2 or 3.
    pub fn version(&self) -> u32 {
        self.version
    }

    /// What tensor offsets are multiples of: a power of two, at most 1 MiB.
    pub fn alignment(&self) -> u64 {
        self.alignment
    }

    /// Keys and values.
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// Every tensor, in file order.
    pub fn tensors(&self) -> &[TensorInfo] {
        &self.tensors
    }

    /// The tensor called `name`.
    pub fn tensor(&self, name: &str) -> Option<&TensorInfo> {
        let found = self.by_name.binary_search_by(|&at| self.name_at(at).cmp(name)).ok()?;
        self.tensors.get(*self.by_name.get(found)? as usize)
    }

    /// Bytes that the tensors' data and the header take, mapped or read.
    pub fn held_bytes(&self) -> u64 {
        self.data_bytes().saturating_add(self.metadata().byte_len() as u64)
    }

    /// Bytes of the model's file, or of all its files.
    pub fn file_bytes(&self) -> u64 {
        self.extents.iter().fold(0, |sum, extent| sum.saturating_add(extent.file_bytes))
    }

    /// Bytes of tensor data, padding between tensors included: what opening maps or reads.
    pub fn data_bytes(&self) -> u64 {
        self.extents.iter().fold(0, |sum, extent| sum.saturating_add(extent.len))
    }

    /// Where the (first) file's tensor data starts: [`TensorInfo::offset`] counts from here.
    pub fn tensor_data_offset(&self) -> u64 {
        self.extents.first().map_or(0, |extent| extent.offset)
    }

    /// The number of files: 1, or more for a split model.
    pub fn parts(&self) -> usize {
        self.extents.iter().filter(|extent| extent.file_bytes > 0).count()
    }

    /// Reads a file's header, and no byte behind it but what the last fetch brought along.
    pub(super) async fn read(
        source: &mut dyn ReadAt,
        limits: &Limits,
        pauses: &mut Pauses<'_>,
    ) -> Result<Self> {
        let mut cursor = Cursor::new(source, limits, pauses);
        let file_bytes = cursor.left();
        let version = read_version(&mut cursor).await?;
        let tensor_count = cursor.u64("the number of tensors").await?;
        let key_count = cursor.u64("the number of metadata keys").await?;
        let layout = Layout::read(&mut cursor, key_count).await?;
        let tensors = read_tensors(&mut cursor, tensor_count).await?;
        let header_end = cursor.position() as u64;
        let metadata_end = layout.end();
        let metadata = layout.over(cursor.into_bytes(metadata_end))?;
        let alignment = read_alignment(&metadata)?;
        let offset = header_end.next_multiple_of(alignment);
        let len = place(&tensors, alignment, offset, file_bytes)?;
        let extents = vec![Extent { file_bytes, offset, len }];
        let mut header = Self { version, alignment, metadata, tensors, by_name: Vec::new(), extents };
        header.index()?;
        Ok(header)
    }

    /// Takes the tensors of the next file of a split model.
    pub(super) fn append(&mut self, other: Self) -> Result<()> {
        self.append_tensors(other.tensors, &other.extents)
    }

    /// Takes tensors that lie in another file, as `extents` say.
    pub(super) fn append_tensors(&mut self, tensors: Vec<TensorInfo>, extents: &[Extent]) -> Result<()> {
        let part =
            u16::try_from(self.extents.len()).map_err(|_| invalid("more than 65535 files".to_owned()))?;
        for mut tensor in tensors {
            tensor.set_part(part);
            push(&mut self.tensors, tensor)?;
        }
        self.extents.extend(extents);
        self.index()
    }

    /// The same, whose bytes so far are no file's.
    #[cfg(feature = "folders")]
    pub(super) fn of_no_file(mut self) -> Self {
        self.extents.iter_mut().for_each(|extent| extent.file_bytes = 0);
        self
    }

    /// Sorts the names; an error if two are equal.
    fn index(&mut self) -> Result<()> {
        let mut by_name = Vec::new();
        by_name.try_reserve_exact(self.tensors.len())?;
        by_name.extend(0..self.tensors.len() as u32);
        by_name.sort_unstable_by(|&a, &b| self.name_at(a).cmp(self.name_at(b)));
        if let Some(twin) = first_twin(&by_name, |at| self.name_at(at)) {
            return Err(invalid(format!("tensor {} is there twice", shown(twin))));
        }
        self.by_name = by_name;
        Ok(())
    }

    fn name_at(&self, at: u32) -> &str {
        self.tensors.get(at as usize).map(TensorInfo::name).unwrap_or_default()
    }
}

/// Magic and version; refuses what is no GGUF, and GGUFs that this build cannot read, each by its name.
async fn read_version(cursor: &mut Cursor<'_, '_>) -> Result<u32> {
    let size = cursor.left();
    if size == 0 {
        return Err(invalid("the file is empty, not a GGUF".to_owned()));
    }
    let start = cursor.take(size.min(4), "the magic").await?;
    if start == b"FUGG" {
        return Err(Error::new(ErrorKind::Unsupported, "big-endian GGUF; convert it to little-endian"));
    }
    if start != b"GGUF" {
        let found = start.escape_ascii().to_string();
        return Err(invalid(format!("not a GGUF: it starts with \"{found}\", a GGUF with \"GGUF\"")));
    }
    match cursor.u32("the version").await? {
        version @ (2 | 3) => Ok(version),
        swapped if swapped != 0 && swapped & 0xffff == 0 => {
            Err(Error::new(ErrorKind::Unsupported, "big-endian GGUF; convert it to little-endian"))
        }
        other => {
            Err(Error::new(ErrorKind::Unsupported, format!("GGUF version {other}; 2 and 3 are supported")))
        }
    }
}

fn read_alignment(metadata: &Metadata) -> Result<u64> {
    let alignment: u32 = metadata.find("general.alignment")?.unwrap_or(DEFAULT_ALIGNMENT);
    if !alignment.is_power_of_two() || alignment > MAX_ALIGNMENT {
        return Err(invalid(format!(
            "metadata key \"general.alignment\" is {alignment}, not a power of two up to {MAX_ALIGNMENT}"
        )));
    }
    Ok(alignment.into())
}

async fn read_tensors(cursor: &mut Cursor<'_, '_>, count: u64) -> Result<Vec<TensorInfo>> {
    // The shortest: a name of 1 byte with its length, a dimension count, 1 dimension, a type, an offset.
    if count > MAX_ENTRIES || count > cursor.left() / 33 {
        let left = cursor.left();
        return Err(
            cursor.fault(format!("{count} tensors are impossible in {left} bytes, or over {MAX_ENTRIES}"))
        );
    }
    let mut tensors = Vec::new();
    for _ in 0..count {
        let start = cursor.position();
        let tensor =
            read_tensor(cursor).await.map_err(|e| e.within(format!("tensor info at byte {start}")))?;
        push(&mut tensors, tensor)?;
        cursor.pause_after(1).await?;
    }
    Ok(tensors)
}

async fn read_tensor(cursor: &mut Cursor<'_, '_>) -> Result<TensorInfo> {
    let name = cursor.name("a tensor's name", MAX_NAME).await?.to_owned();
    let dim_count = cursor.u32("a tensor's number of dimensions").await?;
    let mut dims = [0; 4];
    let Some(shape) = dims.get_mut(..dim_count as usize).filter(|shape| !shape.is_empty()) else {
        return Err(invalid(format!("tensor {}: {dim_count} dimensions; 1 to 4 are possible", shown(&name))));
    };
    for dim in shape.iter_mut() {
        *dim = cursor.u64("a tensor's dimension").await?;
    }
    let type_id = cursor.u32("a tensor's type").await?;
    let offset = cursor.u64("a tensor's offset").await?;
    TensorInfo::new(&name, type_id, shape, offset)
}

/// Checks that the tensors lie aligned, inside the file and apart; gives the end of the last, from the start
/// of the data.
fn place(tensors: &[TensorInfo], alignment: u64, data_offset: u64, file_bytes: u64) -> Result<u64> {
    let mut by_offset = Vec::new();
    by_offset.try_reserve_exact(tensors.len())?;
    by_offset.extend(tensors);
    by_offset.sort_unstable_by_key(|tensor| tensor.offset());
    let mut last_end = 0;
    for tensor in by_offset {
        let end = end_of(tensor, alignment, last_end, file_bytes.saturating_sub(data_offset));
        last_end = end.map_err(|e| e.within(format!("tensor {}", shown(tensor.name()))))?;
    }
    Ok(last_end)
}

/// The end of a tensor that starts aligned, at or behind `last_end`, and ends inside the `data_bytes` bytes
/// of data.
fn end_of(tensor: &TensorInfo, alignment: u64, last_end: u64, data_bytes: u64) -> Result<u64> {
    let (offset, len) = (tensor.offset(), tensor.byte_len());
    if !offset.is_multiple_of(alignment) {
        return Err(invalid(format!("offset {offset} is no multiple of the alignment {alignment}")));
    }
    if offset < last_end {
        return Err(invalid(format!(
            "offset {offset} lies inside the tensor before it, which ends at {last_end}"
        )));
    }
    tensor.end().filter(|&end| end <= data_bytes).ok_or_else(|| {
        invalid(format!(
            "{len} bytes at offset {offset} lie beyond the end of the file, which has {data_bytes} of data"
        ))
    })
}
