//! One file's tensor data in memory: mapped, owned, or the host's. Knows where bytes lie; not which tensor they are.

use super::MAX_READ;
use super::header::Extent;
use super::source::{FileRange, Input, ReadAt};
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

impl Data {
    /// Maps or reads the tensor data; `tick` hears of bytes that have arrived, and stops the load by an error.
    pub(super) fn load(
        input: Input,
        extent: Extent,
        tick: &mut dyn FnMut(u64) -> Result<()>,
    ) -> Result<Self> {
        match input {
            Input::File(range) if !range.no_mmap && extent.len > 0 => {
                let map = map(&range, extent)?;
                tick(extent.len)?;
                Ok(Self::Mapped(map))
            }
            Input::Memory(bytes) => {
                tick(extent.len)?;
                Ok(Self::Host { bytes, offset: to_usize(extent.offset)? })
            }
            mut other => Ok(Self::Owned(read(&mut other, extent, tick)?)),
        }
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
    // SAFETY: a read-only map of bytes that are only ever numbers; that others may change or cut the file is the documented
    // risk of mapping (`Gguf::open`), which `no_mmap` avoids.
    let map = unsafe { options.map(&range.file) };
    map.map_err(|e| {
        let kind =
            if e.kind() == io::ErrorKind::OutOfMemory { ErrorKind::OutOfMemory } else { ErrorKind::Io };
        Error::new(kind, format!("cannot map {} bytes: {e}", extent.len))
    })
}

fn read(input: &mut Input, extent: Extent, tick: &mut dyn FnMut(u64) -> Result<()>) -> Result<Mmap> {
    let refused = |e| Error::new(ErrorKind::OutOfMemory, format!("{} bytes refused: {e}", extent.len));
    let len = to_usize(extent.len)?;
    // Anonymous pages are aligned, zero without being touched, and refused with an error. None at all cannot be had.
    let mut memory = MmapMut::map_anon(len.max(1)).map_err(refused)?;
    // A wish: fewer page faults make the read up to twice as fast.
    #[cfg(target_os = "linux")]
    let _ = memory.advise(memmap2::Advice::HugePage);
    let mut at = extent.offset;
    for piece in memory.get_mut(..len).unwrap_or_default().chunks_mut(MAX_READ) {
        input.read_at(at, piece)?;
        at += piece.len() as u64;
        tick(piece.len() as u64)?;
    }
    memory.make_read_only().map_err(refused)
}

fn to_usize(bytes: u64) -> Result<usize> {
    usize::try_from(bytes).map_err(|_| {
        let message = format!("{bytes} bytes are more than this machine can address");
        Error::new(ErrorKind::OutOfMemory, message)
    })
}
