//! The safetensors files of a folder: one, or several that an index names. Knows which there are, and their
//! headers.

use super::entry::{Entry, entries};
use super::folder::{Folder, read_from};
use crate::error::{Error, ErrorKind, Result};
use crate::gguf::source::{Input, ReadAt};
use crate::gguf::{Limits, invalid, shown};
use crate::pause::Pauses;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path};

const WHOLE: &str = "model.safetensors";
const INDEX: &str = "model.safetensors.index.json";

/// The longest header (as the format has it), and the longest index.
const MAX_HEADER: u64 = 100_000_000;
const MAX_INDEX: u64 = 32 << 20;

/// Files that an index may name.
const MAX_SHARDS: usize = 1024;

/// Bytes of a header's length, in front of it.
const LENGTH: u64 = 8;

/// One safetensors file of a folder, open.
pub(super) struct Shard {
    pub(super) input: Input,
    /// Where its data begins.
    pub(super) data_offset: u64,
    pub(super) entries: Vec<Entry>,
}

/// Which file has which tensor.
#[derive(Deserialize)]
struct Index {
    weight_map: BTreeMap<String, String>,
}

/// Opens all of a folder's safetensors files and reads their headers, and those of the folders `parts` in it,
/// whose tensors' names begin with the part's.
///
/// # Errors
/// `Io` for a file that is not there; `ModelInvalid`, naming file and tensor, for one that is malformed, and
/// for an index that does not go with the files.
pub(super) async fn open(
    folder: &Folder,
    parts: &[String],
    limits: &Limits,
    pauses: &mut Pauses<'_>,
) -> Result<Vec<Shard>> {
    let mut shards = open_whole(folder, limits, pauses).await?;
    for part in parts {
        let mut shard = open_one(folder, &format!("{part}/{WHOLE}"), limits, pauses).await?;
        for entry in &mut shard.entries {
            entry.name = format!("{part}.{}", entry.name).into();
        }
        shards.push(shard);
    }
    Ok(shards)
}

async fn open_whole(folder: &Folder, limits: &Limits, pauses: &mut Pauses<'_>) -> Result<Vec<Shard>> {
    let Some(index) = folder.read(INDEX, MAX_INDEX, pauses).await? else {
        let whole = open_one(folder, WHOLE, limits, pauses).await;
        return whole.map(|shard| vec![shard]).map_err(|e| match e.kind() {
            ErrorKind::Io => Error::new(
                ErrorKind::Io,
                format!("{}; nor is there a {INDEX}: wick reads weights as safetensors", e.message()),
            ),
            _ => e,
        });
    };
    let label = folder.path().join(INDEX);
    let in_index = |e: Error| e.within(label.display());
    let read: Result<Index, _> = serde_json::from_slice(&index);
    let index = read.map_err(|e| in_index(invalid(format!("it is no index: {e}"))))?.weight_map;
    let names: BTreeSet<&str> = index.values().map(String::as_str).collect();
    if names.is_empty() || names.len() > MAX_SHARDS {
        let count = names.len();
        return Err(in_index(invalid(format!("it names {count} files; 1 to {MAX_SHARDS} are possible"))));
    }
    let mut shards = Vec::new();
    for name in names {
        check_name(name).map_err(in_index)?;
        let shard = open_one(folder, name, limits, pauses).await;
        let shard = shard.map_err(|e| match e.kind() {
            ErrorKind::Io => Error::new(
                ErrorKind::Io,
                format!("{}; {INDEX} names it: download it beside the others", e.message()),
            ),
            _ => e,
        })?;
        check_tensors(&index, name, &shard.entries).map_err(|e| e.within(shard.input.label()))?;
        shards.push(shard);
    }
    Ok(shards)
}

/// Refuses a file that would lie elsewhere than in the folder.
fn check_name(name: &str) -> Result<()> {
    let mut parts = Path::new(name).components();
    let plain = matches!((parts.next(), parts.next()), (Some(Component::Normal(_)), None));
    if plain && name.ends_with(".safetensors") && !name.contains(['/', '\\', ':', '\0']) {
        return Ok(());
    }
    Err(invalid(format!(
        "it names the file {}, which is no NAME.safetensors in the folder itself",
        shown(name)
    )))
}

/// Checks that the file `name` has the tensors that the index says.
fn check_tensors(index: &BTreeMap<String, String>, name: &str, entries: &[Entry]) -> Result<()> {
    let there: BTreeSet<&str> = entries.iter().map(|entry| &*entry.name).collect();
    let mut lacking = index.iter().filter(|(tensor, file)| *file == name && !there.contains(tensor.as_str()));
    match lacking.next() {
        Some((tensor, _)) => Err(invalid(format!(
            "tensor {} is missing, which {INDEX} says is in it; download both again",
            shown(tensor)
        ))),
        None => Ok(()),
    }
}

async fn open_one(folder: &Folder, name: &str, limits: &Limits, pauses: &mut Pauses<'_>) -> Result<Shard> {
    let mut input = folder.open(name)?;
    let read = read_header(&mut input, limits, pauses).await;
    let (data_offset, entries) = read.map_err(|e| e.within(input.label()))?;
    Ok(Shard { input, data_offset, entries })
}

/// Where the data begins, and its tensors.
async fn read_header(
    input: &mut Input,
    limits: &Limits,
    pauses: &mut Pauses<'_>,
) -> Result<(u64, Vec<Entry>)> {
    let size = input.size();
    let Some(rest) = size.checked_sub(LENGTH) else {
        return Err(invalid(format!("it has {size} bytes; a safetensors file has {LENGTH} at least")));
    };
    let mut length = [0; LENGTH as usize];
    input.read_at(0, &mut length)?;
    let length = u64::from_le_bytes(length);
    if length > MAX_HEADER {
        return Err(invalid(format!(
            "its header would have {length} bytes, over {MAX_HEADER}: it is no safetensors file, or damaged"
        )));
    }
    let Some(data_bytes) = rest.checked_sub(length) else {
        return Err(invalid(format!(
            "its header has {length} bytes, the file {rest} behind their number; download it again"
        )));
    };
    limits.allow(length)?;
    let json = read_from(input, LENGTH, length, pauses).await?;
    Ok((LENGTH + length, entries(&json, data_bytes)?))
}
