//! Opening a model: headers first, then the budget, then the tensors' bytes, piece by piece. Knows the order;
//! not the container's rules.

use super::MAX_READ;
use super::data::{Begun, Data, Reading};
use super::header::{Extent, Header};
use super::limits::Limits;
use super::placement::Placement;
use super::source::{Input, Source};
use super::split;
use super::tensor::TensorInfo;
use super::together::Readers;
use crate::error::Result;
use crate::pause::{Pauses, at_once};
use std::ops::{Deref, Range};
use std::sync::Arc;

/// A model file, validated, with its tensors' bytes at hand. Read-only: share it in an `Arc`.
///
/// Everything of its [`Header`] can be asked of it too.
pub struct Gguf {
    header: Header,
    /// One per file.
    pub(super) data: Vec<Data>,
    pub(super) placement: Arc<Placement>,
    /// The table that is read by row: its file, and where in its data.
    pub(super) by_row: Option<(u16, Range<usize>)>,
}

impl Gguf {
    /// Opens a model: parses and validates the header, checks the budget, then maps or reads the tensor data.
    ///
    /// Opening the first file of a split model (`-00001-of-0000N.gguf`) opens all of them. `progress` gets
    /// (bytes there, bytes in all) at the start, after each file or 16 MiB, and stops the load by an error,
    /// which is returned as it is.
    ///
    /// A mapped file that others cut short afterwards makes reading a lost page a fault of the process
    /// (SIGBUS on Unix); one that they overwrite changes the weights, never the layout, which is a copy.
    /// `no_mmap`, memory and readers are immune.
    ///
    /// Errors: `ModelInvalid` for a malformed file, with the offset, key or tensor; `Unsupported` for a
    /// big-endian file, another version, an unknown tensor type; `Io`; `OutOfMemory` over the budget;
    /// `InvalidArgument` for a part beyond the end of its file.
    pub fn open(
        source: Source,
        limits: &Limits,
        progress: &mut dyn FnMut(u64, u64) -> Result<()>,
    ) -> Result<Self> {
        let mut opening = at_once(Opening::begin(source, limits, &mut Pauses::none()))?;
        progress(opening.done(), opening.total())?;
        while opening.read(MAX_READ)? {
            progress(opening.done(), opening.total())?;
        }
        Ok(opening.finish())
    }

    /// Reads and validates metadata and tensor infos only: milliseconds, whatever the model's size.
    ///
    /// Errors: as [`open`](Self::open)'s; the budget counts the tensor data all the same.
    pub fn open_header(source: Source, limits: &Limits) -> Result<Header> {
        let (header, inputs) = at_once(read_headers(source, limits, &mut Pauses::none()))?;
        allow_tensors(&header, &inputs, limits)?;
        Ok(header)
    }

    /// As [`open_header`](Self::open_header), for those who have other things to do meanwhile and want no
    /// tensor: the budget counts the headers alone.
    ///
    /// Errors: as [`open`](Self::open)'s; what stops `pauses`.
    pub async fn open_header_in_pieces(
        source: Source,
        limits: &Limits,
        pauses: &mut Pauses<'_>,
    ) -> Result<Header> {
        Ok(read_headers(source, limits, pauses).await?.0)
    }

    /// The bytes of one of this model's tensors: exactly [`TensorInfo::byte_len`] of them, at any address.
    ///
    /// # Panics
    /// If `tensor` is another model's, or the host's memory became shorter.
    pub fn bytes(&self, tensor: &TensorInfo) -> &[u8] {
        let data = self.data.get(usize::from(tensor.part())).map(Data::bytes).unwrap_or_default();
        let Some(bytes) = place(tensor).and_then(|place| data.get(place)) else {
            panic!("tensor {:?} does not lie in this model", tensor.name());
        };
        bytes
    }

    /// All tensor data in one piece, that [`TensorInfo::offset`] counts from; `None` for a split model.
    pub fn tensor_data(&self) -> Option<&[u8]> {
        let [data] = self.data.as_slice() else { return None };
        data.bytes().get(..usize::try_from(self.data_bytes()).ok()?)
    }

    /// Whether some of its bytes are pages of a mapped file.
    pub fn is_mapped(&self) -> bool {
        self.data.iter().any(Data::is_mapped)
    }

    /// Where its bytes are, now and later.
    pub fn placement(&self) -> Arc<Placement> {
        self.placement.clone()
    }

    /// Everything but the tensors' bytes.
    pub fn header(&self) -> &Header {
        &self.header
    }
}

impl Deref for Gguf {
    type Target = Header;

    fn deref(&self) -> &Header {
        &self.header
    }
}

/// What an [`Opening`] does next.
#[derive(PartialEq)]
enum Next {
    Nothing,
    /// It is done already.
    Mapped,
    Reading,
}

/// A model that is being opened, for those who have other things to do meanwhile; [`Gguf::open`] in pieces.
pub struct Opening {
    header: Header,
    /// Those to come, the last one first.
    inputs: Vec<(Input, Extent)>,
    reading: Option<Reading>,
    data: Vec<Data>,
    done: u64,
}

impl Opening {
    /// Reads and validates the header, and checks the budget.
    ///
    /// Errors: as [`Gguf::open`]'s; what stops `pauses`.
    pub async fn begin(source: Source, limits: &Limits, pauses: &mut Pauses<'_>) -> Result<Self> {
        let (header, inputs) = read_headers(source, limits, pauses).await?;
        allow_tensors(&header, &inputs, limits)?;
        Ok(Self::over(header, inputs))
    }

    /// Of a header, and the files that it describes, in order.
    pub(super) fn over(header: Header, inputs: Vec<Input>) -> Self {
        let mut inputs: Vec<_> = inputs.into_iter().zip(header.extents.iter().copied()).collect();
        inputs.reverse();
        Self { header, inputs, reading: None, data: Vec::new(), done: 0 }
    }

    /// The header.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Bytes of tensor data that are there.
    pub fn done(&self) -> u64 {
        self.done
    }

    /// Bytes of tensor data in all.
    pub fn total(&self) -> u64 {
        self.header.data_bytes()
    }

    /// Maps the next file, or reads at most `most` bytes more (and at most 16 MiB) of one that is not mapped;
    /// false: all is there.
    ///
    /// Errors: as [`Gguf::open`]'s.
    pub fn read(&mut self, most: usize) -> Result<bool> {
        match self.next()? {
            Next::Nothing => return Ok(false),
            Next::Mapped => {}
            Next::Reading => {
                if let Some(reading) = &mut self.reading {
                    let read = reading.read(most);
                    self.done += read.map_err(|e| e.within(reading.label()))? as u64;
                }
            }
        }
        Ok(true)
    }

    /// Maps the next file, or reads what is not mapped: a file whole and with several threads, anything else
    /// 16 MiB further. `progress` gets (bytes there, bytes in all) and stops the load by an error, which is
    /// returned as it is. False: all is there.
    ///
    /// Errors: as [`Gguf::open`]'s.
    pub fn read_together(
        &mut self,
        readers: &Readers,
        progress: &mut dyn FnMut(u64, u64) -> Result<()>,
    ) -> Result<bool> {
        let next = self.next()?;
        let (done, total) = (self.done, self.total());
        match &mut self.reading {
            _ if next == Next::Nothing => return Ok(false),
            Some(reading) if next == Next::Reading => {
                let mut stopped = None;
                let mut told = |bytes: usize| {
                    self.done = done + bytes as u64;
                    progress(self.done, total).inspect_err(|error| stopped = Some(error.clone()))
                };
                let read = reading.read_together(readers, &mut told);
                read.map_err(|error| stopped.unwrap_or_else(|| error.within(reading.label())))?;
            }
            _ => progress(done, total)?,
        }
        Ok(true)
    }

    /// What comes next: finishes what has been read, and begins with the next file.
    fn next(&mut self) -> Result<Next> {
        while self.reading.as_ref().is_none_or(Reading::is_done) {
            if let Some(read) = self.reading.take() {
                let label = read.label();
                self.data.push(read.finish().map_err(|e| e.within(label))?);
            }
            let Some((input, extent)) = self.inputs.pop() else { return Ok(Next::Nothing) };
            let label = input.label();
            match Data::begin(input, extent).map_err(|e| e.within(label))? {
                Begun::Reading(reading) => self.reading = Some(reading),
                Begun::Done(data) => {
                    self.data.push(data);
                    self.done += extent.len;
                    return Ok(Next::Mapped);
                }
            }
        }
        Ok(Next::Reading)
    }

    /// The model. Call it when nothing is left to read.
    ///
    /// # Panics
    /// If something is.
    pub fn finish(self) -> Gguf {
        assert!(self.inputs.is_empty() && self.reading.is_none(), "the model is not read to its end");
        let mapped = self.data.iter().filter(|data| data.is_mapped()).map(|data| data.bytes().len() as u64);
        let placement = Arc::new(Placement::new(mapped));
        Gguf { header: self.header, data: self.data, placement, by_row: None }
    }
}

/// Where a tensor lies in its file's data.
pub(super) fn place(tensor: &TensorInfo) -> Option<Range<usize>> {
    Some(usize::try_from(tensor.offset()).ok()?..usize::try_from(tensor.end()?).ok()?)
}

/// The merged header, and the opened files it describes, in order. Nothing the size of a tensor is read or
/// reserved.
async fn read_headers(
    source: Source,
    limits: &Limits,
    pauses: &mut Pauses<'_>,
) -> Result<(Header, Vec<Input>)> {
    let (mut header, first) = read_header(source, limits, pauses).await?;
    let label = first.label();
    let others = split::companions(&first, &header).map_err(|e| e.within(&label))?;
    let count = others.len() as u32 + 1;
    let mut inputs = vec![first];
    for (index, source) in (1..).zip(others) {
        let (other, input) = read_header(source, limits, pauses).await?;
        let checked = split::check_number(&other, index, count).and_then(|()| header.append(other));
        checked.map_err(|e| e.within(input.label()))?;
        inputs.push(input);
    }
    if count > 1 {
        split::check_total(&header).map_err(|e| e.within(&label))?;
    }
    Ok((header, inputs))
}

/// `OutOfMemory` if the tensors' bytes and the header's are over the limit.
fn allow_tensors(header: &Header, inputs: &[Input], limits: &Limits) -> Result<()> {
    limits.allow(header.held_bytes()).map_err(|e| match inputs.first() {
        Some(first) => e.within(first.label()),
        None => e,
    })
}

async fn read_header(source: Source, limits: &Limits, pauses: &mut Pauses<'_>) -> Result<(Header, Input)> {
    let mut input = Input::open(source)?;
    let read = Header::read(&mut input, limits, pauses).await;
    let header = read.map_err(|e| e.within(input.label()))?;
    Ok((header, input))
}
