//! Where the bytes of a GGUF come from, by the fields that models and adapters share: path, data or io; knows
//! no format.

use super::border::sized;
use super::border::str::{copy, wick_str};
use super::border::user::{UserData, wick_drop_fn};
use super::io::{HostBytes, HostReader, wick_io};
use crate::error::{Error, ErrorKind, Result};
use crate::gguf::Source;
use std::ffi::c_void;
use std::path::PathBuf;

/// The fields, as they were given.
#[derive(Clone, Copy)]
pub(super) struct SourceFields {
    pub(super) path: wick_str,
    pub(super) path_offset: u64,
    pub(super) path_size: u64,
    pub(super) data: *const c_void,
    pub(super) data_len: usize,
    pub(super) data_user: *mut c_void,
    pub(super) data_drop: wick_drop_fn,
    pub(super) io: *const wick_io,
}

/// The fields, and the user pointers that came with them: dropped with this.
pub(super) struct GivenSource {
    fields: SourceFields,
    data: UserData,
    io: Result<Option<(wick_io, UserData)>>,
}

impl GivenSource {
    /// # Safety
    /// `fields.io` is NULL or readable for its struct_size.
    pub(super) unsafe fn take(fields: SourceFields) -> Self {
        let io = if fields.io.is_null() {
            Ok(None)
        } else {
            // SAFETY: as promised by the caller.
            unsafe { sized::input_with(fields.io, wick_io::user) }.map(Some)
        };
        Self { fields, data: UserData::new(fields.data_user, fields.data_drop), io }
    }

    /// The same for one call: nothing is taken, so nothing is dropped.
    ///
    /// # Safety
    /// As for [`GivenSource::take`].
    pub(super) unsafe fn lend(fields: SourceFields) -> Self {
        let io = if fields.io.is_null() {
            Ok(None)
        } else {
            // SAFETY: as promised by the caller.
            let lent = unsafe { sized::input(fields.io) };
            lent.map(|io: wick_io| Some((io, UserData::new(io.user, None))))
        };
        Self { fields, data: UserData::new(fields.data_user, None), io }
    }

    /// The one source that was given. `no_mmap`: a file is read, not mapped.
    ///
    /// # Errors
    /// `InvalidArgument` for none or more than one, and for what is wrong with it; the user pointers are
    /// dropped then.
    ///
    /// # Safety
    /// The path is readable now; `data` until `data_drop` is called.
    pub(super) unsafe fn open(self, no_mmap: bool) -> Result<Source> {
        let Self { fields: given, data, io } = self;
        let io = io?;
        let bad = |what: &'static str| Err(Error::new(ErrorKind::InvalidArgument, what));
        // SAFETY: as promised by the caller.
        let path = unsafe { given.path.read("path") }?;
        let has_data = !given.data.is_null() || given.data_len != 0;
        if usize::from(path.is_some()) + usize::from(has_data) + usize::from(io.is_some()) != 1 {
            return bad("give exactly one of path, data and io");
        }
        if path.is_none() && (given.path_offset, given.path_size) != (0, 0) {
            return bad("path_offset and path_size are for a path; leave them 0");
        }
        match (path, io) {
            (Some(path), _) => {
                let (path, offset, size) = (file(path)?, given.path_offset, given.path_size);
                Ok(Source::File { path, offset, size, no_mmap })
            }
            (None, Some((io, user))) => Ok(Source::Reader(Box::new(HostReader::new(&io, user)?))),
            (None, None) => {
                // SAFETY: as promised by the caller.
                let bytes = unsafe { HostBytes::new(given.data, given.data_len, data) }?;
                Ok(Source::Memory(Box::new(bytes)))
            }
        }
    }
}

/// The file that `path` names.
///
/// # Errors
/// `InvalidArgument`: no file is called so; `OutOfMemory`.
pub(super) fn file(path: &str) -> Result<PathBuf> {
    let bad = |what: &'static str| Err(Error::new(ErrorKind::InvalidArgument, what));
    match path {
        "" => bad("path is empty"),
        path if path.contains('\0') => {
            bad("path holds a NUL byte, which no file's name has; give its length without the NUL")
        }
        path => Ok(copy(path)?.into()),
    }
}
