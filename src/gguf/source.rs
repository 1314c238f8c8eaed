//! Where a model's bytes come from: a file or a part of one, the host's memory, the host's reader.
//! Knows offsets and sizes; not what the bytes mean.

use crate::compute::float_state::lend;
use crate::error::{Error, ErrorKind, Result};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

/// Where the bytes of a `.gguf` are.
pub enum Source {
    /// A file.
    File {
        /// Its path.
        path: PathBuf,
        /// Where in the file the `.gguf` starts (inside a pak, an APK); any value, mapped all the same.
        offset: u64,
        /// Bytes it takes; 0: up to the end of the file.
        size: u64,
        /// Read into owned memory instead of mapping: for files that others may change.
        no_mmap: bool,
    },
    /// The host's memory, borrowed until the model is dropped; of any alignment. `as_ref` gives the same
    /// bytes each time.
    Memory(Box<dyn AsRef<[u8]> + Send + Sync>),
    /// The host's reader, read into owned memory.
    Reader(Box<dyn ReadAt>),
}

impl Source {
    /// A whole file, mapped.
    pub fn path(path: impl Into<PathBuf>) -> Self {
        Self::File { path: path.into(), offset: 0, size: 0, no_mmap: false }
    }

    /// Its bytes as they are, to be read by position: nothing is mapped.
    ///
    /// # Errors
    /// `Io`; `InvalidArgument` for a part beyond the end of its file.
    pub fn open(self) -> Result<Box<dyn ReadAt>> {
        Ok(Box::new(Input::open(self)?))
    }

    /// The same whatever the process' working directory is later: a relative path means what it means at this
    /// call.
    pub fn anchored(mut self) -> Self {
        // Asks for the working directory, and no file. An empty path, or one in a directory that is gone:
        // opening it says so.
        if let Self::File { path, .. } = &mut self
            && let Ok(absolute) = std::path::absolute(&*path)
        {
            *path = absolute;
        }
        self
    }
}

/// Bytes that are read by position, such as a model inside an archive.
pub trait ReadAt: Send {
    /// Bytes in all.
    fn size(&self) -> u64;

    /// Fills `dst` (at most 16 MiB) with the bytes from `offset` on; an error if it cannot fill all of it.
    fn read_at(&mut self, offset: u64, dst: &mut [u8]) -> Result<()>;
}

/// An opened [`Source`].
pub(super) enum Input {
    File(FileRange),
    Memory(Box<dyn AsRef<[u8]> + Send + Sync>),
    Reader(Box<dyn ReadAt>),
}

impl Input {
    pub(super) fn open(source: Source) -> Result<Self> {
        Ok(match source {
            Source::File { path, offset, size, no_mmap } => Self::File(
                FileRange::open(&path, offset, size, no_mmap).map_err(|e| e.within(path.display()))?,
            ),
            Source::Memory(bytes) => Self::Memory(bytes),
            Source::Reader(reader) => Self::Reader(reader),
        })
    }

    /// What it is called in messages.
    pub(super) fn label(&self) -> String {
        match self {
            Self::File(range) => range.path.display().to_string(),
            Self::Memory(_) => "model in memory".to_owned(),
            Self::Reader(_) => "model from a reader".to_owned(),
        }
    }
}

impl ReadAt for Input {
    fn size(&self) -> u64 {
        match self {
            Self::File(range) => range.size,
            Self::Memory(bytes) => (**bytes).as_ref().len() as u64,
            Self::Reader(reader) => reader.size(),
        }
    }

    fn read_at(&mut self, offset: u64, dst: &mut [u8]) -> Result<()> {
        match self {
            Self::File(range) => range.read_at(offset, dst),
            Self::Memory(bytes) => {
                let all: &[u8] = (**bytes).as_ref();
                let start = usize::try_from(offset).ok();
                let from = start.and_then(|start| all.get(start..start.checked_add(dst.len())?));
                dst.copy_from_slice(
                    from.ok_or_else(|| Error::new(ErrorKind::Io, "the host's memory became shorter"))?,
                );
                Ok(())
            }
            Self::Reader(reader) => lend(|| reader.read_at(offset, dst)),
        }
    }
}

/// A part of a regular file.
pub(super) struct FileRange {
    pub(super) file: File,
    pub(super) path: PathBuf,
    pub(super) offset: u64,
    pub(super) size: u64,
    pub(super) no_mmap: bool,
}

impl FileRange {
    fn open(path: &Path, offset: u64, size: u64, no_mmap: bool) -> Result<Self> {
        // Looked at before it is opened: opening a pipe would wait for its writer.
        let about = fs::metadata(path).map_err(|e| failed(format!("cannot be opened: {e}")))?;
        if about.is_dir() {
            return Err(failed("is a directory; give the file in it".to_owned()));
        }
        if !about.is_file() {
            return Err(failed("is not a regular file".to_owned()));
        }
        let file = File::open(path).map_err(|e| failed(format!("cannot be opened: {e}")))?;
        let len = file.metadata().map_err(|e| failed(format!("its size is unknown: {e}")))?.len();
        let rest = len.checked_sub(offset);
        let Some(size) =
            rest.and_then(|rest| if size == 0 { Some(rest) } else { Some(size).filter(|&s| s <= rest) })
        else {
            let message =
                format!("the part of {size} bytes at {offset} lies beyond the end of the file ({len} bytes)");
            return Err(Error::new(ErrorKind::InvalidArgument, message));
        };
        Ok(Self { file, path: path.to_owned(), offset, size, no_mmap })
    }

    /// Fills `dst` with the bytes from `offset` on; any thread, also at once.
    pub(super) fn read_at(&self, offset: u64, dst: &mut [u8]) -> Result<()> {
        let at = self.offset.saturating_add(offset);
        read_exact_at(&self.file, dst, at)
            .map_err(|e| failed(format!("cannot read {} bytes at {at}: {e}", dst.len())))
    }
}

#[cfg(unix)]
fn read_exact_at(file: &File, dst: &mut [u8], at: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, dst, at)
}

#[cfg(windows)]
fn read_exact_at(file: &File, mut dst: &mut [u8], mut at: u64) -> io::Result<()> {
    while !dst.is_empty() {
        match std::os::windows::fs::FileExt::seek_read(file, dst, at) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => {
                dst = dst.get_mut(count..).unwrap_or_default();
                at += count as u64;
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(())
}

/// Reading failed.
fn failed(message: String) -> Error {
    Error::new(ErrorKind::Io, message)
}
