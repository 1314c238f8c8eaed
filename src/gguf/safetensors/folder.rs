//! A folder that a model lies in, and its small files. Knows names and sizes; not what the files say.

use crate::error::{Error, ErrorKind, Result};
use crate::gguf::MAX_READ;
use crate::gguf::source::{Input, ReadAt, Source};
use crate::pause::Pauses;
use std::path::{Path, PathBuf};

/// The file that makes a folder a model's.
const CONFIG: &str = "config.json";

/// A folder with `config.json`.
#[derive(Debug, Clone)]
pub struct Folder {
    path: PathBuf,
    /// Its weights are read into memory, not mapped.
    no_mmap: bool,
}

impl Folder {
    /// The folder that `source` names, if it is a model's. Asks the file system.
    pub fn of(source: &Source) -> Option<Self> {
        match source {
            Source::File { path, offset: 0, size: 0, no_mmap } if path.join(CONFIG).is_file() => {
                Some(Self { path: path.clone(), no_mmap: *no_mmap })
            }
            _ => None,
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether its weights are mapped.
    pub fn maps(&self) -> bool {
        !self.no_mmap
    }

    /// The file `name` in it, if there is one: of at most `most` bytes.
    ///
    /// # Errors
    /// `Io`; `ModelInvalid` for a longer one; `OutOfMemory`; what stops `pauses`.
    pub async fn read(&self, name: &str, most: u64, pauses: &mut Pauses<'_>) -> Result<Option<Vec<u8>>> {
        // What is there and no file (a link to nothing, a pipe) is told when it is opened.
        if self.path.join(name).symlink_metadata().is_err_and(|e| e.kind() == std::io::ErrorKind::NotFound) {
            return Ok(None);
        }
        let mut file = self.open(name)?;
        let size = file.size();
        if size > most {
            let message = format!("{} bytes are too many; it may have {most}", size);
            return Err(Error::new(ErrorKind::ModelInvalid, message).within(file.label()));
        }
        read_from(&mut file, 0, size, pauses).await.map(Some).map_err(|e| e.within(file.label()))
    }

    /// The same, which must be there.
    ///
    /// # Errors
    /// As [`read`](Self::read)'s; `Io` without it.
    pub async fn require(&self, name: &str, most: u64, pauses: &mut Pauses<'_>) -> Result<Vec<u8>> {
        self.read(name, most, pauses).await?.ok_or_else(|| {
            let message =
                format!("{}: there is no {name}; download it beside the others", self.path.display());
            Error::new(ErrorKind::Io, message)
        })
    }

    pub(super) fn open(&self, name: &str) -> Result<Input> {
        let path = self.path.join(name);
        Input::open(Source::File { path, offset: 0, size: 0, no_mmap: self.no_mmap })
    }
}

/// Bytes `from` to `from + len` of `file`.
pub(super) async fn read_from(
    file: &mut Input,
    from: u64,
    len: u64,
    pauses: &mut Pauses<'_>,
) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let len = usize::try_from(len).unwrap_or(usize::MAX);
    bytes.try_reserve_exact(len)?;
    bytes.resize(len, 0);
    let mut at = from;
    for piece in bytes.chunks_mut(MAX_READ) {
        pauses.look_up().await?;
        file.read_at(at, piece)?;
        at += piece.len() as u64;
    }
    Ok(bytes)
}
