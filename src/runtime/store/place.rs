//! Where a save goes: a file that is there as a whole or not at all, or a host's own storage. Knows no
//! format.

use crate::compute::float_state::lend;
use crate::error::{Error, ErrorKind, Result};
use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// Bytes that a host's storage is given at once at most.
const MAX_WRITE: usize = 16 << 20;

/// A host's own storage.
pub trait WriteAt: Send {
    /// Takes all of `src` (at most 16 MiB) for the bytes from `offset` on. Calls come in ascending order,
    /// without gaps, from 0 on.
    ///
    /// # Errors
    /// Why it does not; the save then ends with this error.
    fn write_at(&mut self, offset: u64, src: &[u8]) -> Result<()>;
}

/// Where a session is saved.
pub enum SavePlace {
    /// A file: what is there stays until the whole save is on the disk, and then gives way to it.
    File(PathBuf),
    /// A host's own storage.
    Storage(Box<dyn WriteAt>),
}

impl SavePlace {
    /// The same whatever the process' working directory is later.
    pub(in crate::runtime) fn anchored(self) -> Self {
        match self {
            Self::File(path) => Self::File(std::path::absolute(&path).unwrap_or(path)),
            storage => storage,
        }
    }

    /// Begins a save.
    ///
    /// # Errors
    /// `Io`.
    pub(super) fn begin(self) -> Result<Output> {
        let to = match self {
            Self::File(path) => To::File(NewFile::create(path)?),
            Self::Storage(storage) => To::Storage(storage),
        };
        Ok(Output { to, done: 0 })
    }
}

/// A save that is being written; dropped before [`Output::finish`], a file is as it was.
pub(super) struct Output {
    to: To,
    done: u64,
}

enum To {
    File(NewFile),
    Storage(Box<dyn WriteAt>),
}

impl Output {
    /// Bytes that are written.
    pub(super) fn done(&self) -> u64 {
        self.done
    }

    /// Writes what comes next.
    ///
    /// # Errors
    /// `Io`; the host's.
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<()> {
        match &mut self.to {
            To::File(file) => file.write(bytes)?,
            To::Storage(storage) => {
                let mut at = self.done;
                for piece in bytes.chunks(MAX_WRITE) {
                    lend(|| storage.write_at(at, piece))?;
                    at += piece.len() as u64;
                }
            }
        }
        self.done += bytes.len() as u64;
        Ok(())
    }

    /// Brings all of it to the disk; not yet in place of what was there.
    ///
    /// # Errors
    /// `Io`.
    pub(super) fn flush(&mut self) -> Result<()> {
        match &mut self.to {
            To::File(file) => file.flush(),
            To::Storage(_) => Ok(()),
        }
    }

    /// Puts it in place of what was there.
    ///
    /// # Errors
    /// `Io`.
    pub(super) fn finish(self) -> Result<()> {
        match self.to {
            To::File(file) => file.replace(),
            To::Storage(_) => Ok(()),
        }
    }
}

/// A file beside the one that it is to replace.
struct NewFile {
    /// Gone when it is closed.
    file: Option<File>,
    own: PathBuf,
    path: PathBuf,
    in_place: bool,
}

/// How often a name is taken.
const TRIES: usize = 100;

impl NewFile {
    fn create(path: PathBuf) -> Result<Self> {
        let name = path.file_name().ok_or_else(|| {
            let message = format!("{} is not the path of a file", path.display());
            Error::new(ErrorKind::Io, message)
        })?;
        if path.is_dir() {
            return Err(Error::new(ErrorKind::Io, format!("{} is a folder; give a file", path.display())));
        }
        for _ in 0..TRIES {
            let own = path.with_file_name(beside(name));
            match OpenOptions::new().write(true).create_new(true).open(&own) {
                Ok(file) => {
                    let new = Self { file: Some(file), own, path, in_place: false };
                    new.be_as_private()?;
                    return Ok(new);
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(failed(&own, "cannot be made", &error)),
            }
        }
        let message = format!("{}: the names beside it are taken", path.display());
        Err(Error::new(ErrorKind::Io, message))
    }

    /// Who may read the file that it replaces, and nobody else, may read it.
    fn be_as_private(&self) -> Result<()> {
        let (true, Some(file), Ok(about)) = (cfg!(unix), &self.file, fs::metadata(&self.path)) else {
            return Ok(());
        };
        file.set_permissions(about.permissions())
            .map_err(|error| failed(&self.own, "cannot be given the permissions of what it replaces", &error))
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        let Some(file) = &mut self.file else { return Ok(()) };
        file.write_all(bytes).map_err(|error| failed(&self.own, "cannot be written", &error))
    }

    fn flush(&mut self) -> Result<()> {
        let Some(file) = &mut self.file else { return Ok(()) };
        file.sync_all().map_err(|error| failed(&self.own, "cannot be brought to the disk", &error))
    }

    fn replace(mut self) -> Result<()> {
        // Closed: some systems rename no open file.
        self.file = None;
        fs::rename(&self.own, &self.path)
            .map_err(|error| failed(&self.path, "cannot be replaced", &error))?;
        self.in_place = true;
        sync_folder(&self.path)
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        self.file = None;
        if !self.in_place {
            let _ = fs::remove_file(&self.own);
        }
    }
}

/// A name for a new file beside the one called `name`.
fn beside(name: &std::ffi::OsStr) -> OsString {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let mut own = OsString::from(".");
    own.push(name);
    own.push(format!(".{}.{}.saving", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed)));
    own
}

/// Brings the file's new name to the disk.
#[cfg(unix)]
fn sync_folder(path: &Path) -> Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let synced = File::open(folder).and_then(|folder| folder.sync_all());
    match synced {
        // Where folders cannot be synced, the system does it by itself.
        Err(error) if matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported) => {
            Ok(())
        }
        Err(error) => Err(failed(folder, "cannot be brought to the disk", &error)),
        Ok(()) => Ok(()),
    }
}

#[cfg(not(unix))]
fn sync_folder(_path: &Path) -> Result<()> {
    Ok(())
}

fn failed(path: &Path, what: &str, error: &io::Error) -> Error {
    Error::new(ErrorKind::Io, format!("{} {what}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &[u8] = b"what was saved before";
    const NEW: &[u8] = b"what is saved now";

    #[test]
    fn what_was_there_stays_until_all_of_the_new_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("session.wick");
        fs::write(&path, OLD).unwrap();
        let mut output = SavePlace::File(path.clone()).begin().unwrap();
        assert_eq!(fs::read(&path).unwrap(), OLD, "begun");
        let (first, rest) = NEW.split_at(5);
        output.write(first).unwrap();
        assert_eq!(fs::read(&path).unwrap(), OLD, "a part is written");
        output.write(rest).unwrap();
        output.flush().unwrap();
        assert_eq!(fs::read(&path).unwrap(), OLD, "all is written and not yet in place");
        output.finish().unwrap();
        assert_eq!(fs::read(&path).unwrap(), NEW);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
    }

    #[test]
    fn a_save_that_is_given_up_leaves_the_folder_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("session.wick");
        for before in [None, Some(OLD)] {
            if let Some(bytes) = before {
                fs::write(&path, bytes).unwrap();
            }
            let mut output = SavePlace::File(path.clone()).begin().unwrap();
            output.write(NEW).unwrap();
            drop(output);
            assert_eq!(fs::read(&path).ok().as_deref(), before);
            let count = fs::read_dir(folder.path()).unwrap().count();
            assert_eq!(count, usize::from(before.is_some()));
        }
    }
}
