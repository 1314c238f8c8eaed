//! The header of a model's file, or of its folder; knows nothing of what it says.

use std::path::Path;
use wick::Result;
use wick::gguf::{Folder, Gguf, Header, Limits, Source};
use wick::model::FolderModel;
use wick::pause::{Pauses, at_once};

/// What the model at `path` says of itself.
///
/// # Errors
/// As a load's, but for the budget.
pub fn header(path: &Path) -> Result<Header> {
    let (source, limits) = (Source::path(path), Limits::default());
    match Folder::of(&source) {
        Some(folder) => {
            Ok(at_once(FolderModel::read(&folder, &limits, &mut Pauses::none()))?.described.header())
        }
        None => Gguf::open_header(source, &limits),
    }
}
