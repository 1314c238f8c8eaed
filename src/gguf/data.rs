//! One file's tensor data in memory: mapped, owned, or the host's. Knows where bytes lie; not which tensor
//! they are.

use super::MAX_READ;
use super::header::Extent;
use super::source::{FileRange, Input, ReadAt};
use super::together::{self, Readers};
use crate::error::{Error, ErrorKind, Result};
use memmap2::{Mmap, MmapMut, MmapOptions};
use std::io;

pub(super) enum Data {
    /// Pages of the file itself; starts at any address.
    Mapped(Mmap),
    /// Anonymous pages that the file was read into; starts at a page.
    Owned(Mmap),
    /// Tensor data from `offset` on, in the host's memory.
    Host { bytes: Box<dyn AsRef<[u8]> + Send + Sync>, offset: usize },
}

/// What is there at once, and what has to be read.
pub(super) enum Begun {
    Done(Data),
    Reading(Reading),
}

impl Data {
    /// Maps the tensor data, or begins to read it.
    pub(super) fn begin(input: Input, extent: Extent) -> Result<Begun> {
        Ok(match input {
            Input::File(range) if !range.no_mmap && extent.len > 0 => {
                Begun::Done(Self::Mapped(map(&range, extent)?))
            }
            Input::Memory(bytes) => Begun::Done(Self::Host { bytes, offset: to_usize(extent.offset)? }),
            other => Begun::Reading(Reading::new(other, extent)?),
        })
    }

    pub(super) fn bytes(&self) -> &[u8] {
        match self {
            Self::Mapped(map) | Self::Owned(map) => map,
            Self::Host { bytes, offset } => (**bytes).as_ref().get(*offset..).unwrap_or_default(),
        }
    }

    pub(super) fn is_mapped(&self) -> bool {
        matches!(self, Self::Mapped(_))
    }
}

fn map(range: &FileRange, extent: Extent) -> Result<Mmap> {
    let mut options = MmapOptions::new();
    options.offset(range.offset.saturating_add(extent.offset)).len(to_usize(extent.len)?);
    // SAFETY: a read-only map of bytes that are only ever numbers; that others may change or cut the file is
    // the documented risk of mapping (`Gguf::open`), which `no_mmap` avoids.
    let map = unsafe { options.map(&range.file) };
    map.map_err(|e| {
        let kind =
            if e.kind() == io::ErrorKind::OutOfMemory { ErrorKind::OutOfMemory } else { ErrorKind::Io };
        Error::new(kind, format!("cannot map {} bytes: {e}; no_mmap reads the file instead", extent.len))
    })
}

/// Tensor data on its way into owned memory.
pub(super) struct Reading {
    input: Input,
    memory: MmapMut,
    offset: u64,
    len: usize,
    done: usize,
}

impl Reading {
    fn new(input: Input, extent: Extent) -> Result<Self> {
        let len = to_usize(extent.len)?;
        // Anonymous pages are aligned, zero without being touched, and refused with an error. None at all
        // cannot be had.
        let memory = MmapMut::map_anon(len.max(1)).map_err(|e| refused(len, &e))?;
        // A wish: fewer page faults make the read up to twice as fast.
        #[cfg(target_os = "linux")]
        let _ = memory.advise(memmap2::Advice::HugePage);
        Ok(Self { input, memory, offset: extent.offset, len, done: 0 })
    }

    pub(super) fn is_done(&self) -> bool {
        self.done == self.len
    }

    pub(super) fn label(&self) -> String {
        self.input.label()
    }

    /// Reads at most `most` bytes more; how many.
    pub(super) fn read(&mut self, most: usize) -> Result<usize> {
        let until = self.len.min(self.done.saturating_add(most.clamp(1, MAX_READ)));
        let piece = self.memory.get_mut(self.done..until).unwrap_or_default();
        self.input.read_at(self.offset.saturating_add(self.done as u64), piece)?;
        let bytes = until - self.done;
        self.done = until;
        Ok(bytes)
    }

    /// Reads all that is left of a file, with all of `readers`, and anything else as [`read`](Self::read)
    /// does. `progress` gets the bytes read by this.
    pub(super) fn read_together(
        &mut self,
        readers: &Readers,
        progress: &mut dyn FnMut(usize) -> Result<()>,
    ) -> Result<()> {
        let Input::File(range) = &self.input else {
            let bytes = self.read(MAX_READ)?;
            return progress(bytes);
        };
        let rest = self.memory.get_mut(self.done..self.len).unwrap_or_default();
        let from = self.offset.saturating_add(self.done as u64);
        together::read(range, from, rest, readers, progress)?;
        self.done = self.len;
        Ok(())
    }

    pub(super) fn finish(self) -> Result<Data> {
        self.memory.make_read_only().map(Data::Owned).map_err(|e| refused(self.len, &e))
    }
}

fn refused(bytes: usize, why: &io::Error) -> Error {
    Error::new(ErrorKind::OutOfMemory, format!("{bytes} bytes refused: {why}"))
}

fn to_usize(bytes: u64) -> Result<usize> {
    usize::try_from(bytes).map_err(|_| {
        let message = format!("{bytes} bytes are more than this machine can address");
        Error::new(ErrorKind::OutOfMemory, message)
    })
}
