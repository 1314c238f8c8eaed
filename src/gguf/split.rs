//! Models split over files, `name-00001-of-0000N.gguf`: which files belong together. Knows names and the
//! `split.*` keys.

use super::header::Header;
use super::invalid;
use super::source::{FileRange, Input, Source};
use crate::error::{Error, ErrorKind, Result};

/// The sources of the files after the first, in order; none for a model in one file.
pub(super) fn companions(first: &Input, header: &Header) -> Result<Vec<Source>> {
    let count: u32 = header.metadata().find("split.count")?.unwrap_or(1);
    if count <= 1 {
        return Ok(Vec::new());
    }
    if count > u32::from(u16::MAX) {
        return Err(invalid(format!("metadata key \"split.count\" is {count}, over 65535")));
    }
    check_number(header, 0, count)?;
    let range = match first {
        Input::File(range) if range.offset == 0 => range,
        _ => {
            let message =
                format!("the model is split over {count} files, which only a path can open; merge them");
            return Err(Error::new(ErrorKind::Unsupported, message));
        }
    };
    let stem = stem(range, count).ok_or_else(|| {
        invalid(format!(
            "the model is split over {count} files, and this is not called NAME-00001-of-{count:05}.gguf"
        ))
    })?;
    let source = |number: u32| Source::File {
        path: range.path.with_file_name(format!("{stem}-{number:05}-of-{count:05}.gguf")),
        offset: 0,
        size: 0,
        no_mmap: range.no_mmap,
    };
    Ok((2..=count).map(source).collect())
}

/// Checks that `header` is of file `index` (from 0) of `count`.
pub(super) fn check_number(header: &Header, index: u32, count: u32) -> Result<()> {
    let metadata = header.metadata();
    let (found, of): (u32, u32) = (metadata.require("split.no")?, metadata.require("split.count")?);
    if (found, of) == (index, count) {
        return Ok(());
    }
    let (is, of) = (u64::from(found) + 1, u64::from(of));
    let way_out = if index == 0 { "; open the first" } else { "" };
    Err(invalid(format!("it says that it is file {is} of {of}, not {} of {count}{way_out}", index + 1)))
}

/// Checks the number of tensors in all files together.
pub(super) fn check_total(header: &Header) -> Result<()> {
    let found = header.tensors().len() as u64;
    match header.metadata().find::<u64>("split.tensors.count")? {
        Some(wanted) if wanted != found => Err(invalid(format!(
            "metadata key \"split.tensors.count\" is {wanted}, the files have {found} tensors"
        ))),
        _ => Ok(()),
    }
}

/// `NAME` of a first file called `NAME-00001-of-0000N.gguf`.
fn stem(range: &FileRange, count: u32) -> Option<String> {
    let name = range.path.file_name()?.to_str()?;
    name.strip_suffix(&format!("-00001-of-{count:05}.gguf")).map(str::to_owned)
}
