//! Which of the mapped bytes a pass reads whole, and which only by row: those nobody brings into memory
//! before they are asked for. Knows places; not pages.

use super::data::Data;
use super::open::{Gguf, place};
use memmap2::Mmap;
use std::ops::Range;

/// Tables that are a large part of a file, of which a token reads one row.
const BY_ROW: [&str; 1] = ["per_layer_token_embd.weight"];

impl Gguf {
    /// The mapped bytes that are read whole: of each file those in front of and behind a table that is read
    /// by row.
    pub(super) fn dense(&self) -> impl Iterator<Item = (&Mmap, Range<usize>)> {
        let maps = self.data.iter().enumerate().filter_map(|(part, data)| match data {
            Data::Mapped(map) => Some((part, map)),
            _ => None,
        });
        maps.flat_map(|(part, map)| {
            let table = self.by_row(part).unwrap_or(map.len()..map.len());
            let ranges = [0..table.start.min(map.len()), table.end.min(map.len())..map.len()];
            ranges.into_iter().filter(|range| !range.is_empty()).map(move |range| (map, range))
        })
    }

    /// Where such a table lies in file `part`.
    fn by_row(&self, part: usize) -> Option<Range<usize>> {
        let mut tables = BY_ROW.iter().filter_map(|name| self.header().tensor(name));
        place(tables.find(|tensor| usize::from(tensor.part()) == part)?)
    }

    /// Asks the system for `bytes`, which are this model's, so that reading them does not wait long.
    pub fn will_need(&self, bytes: &[u8]) {
        for data in &self.data {
            if let Data::Mapped(map) = data
                && let Some(at) = (bytes.as_ptr() as usize).checked_sub(map.as_ptr() as usize)
                && at + bytes.len() <= map.len()
            {
                // Advice: where the system takes none, reading waits.
                #[cfg(unix)]
                let _ = map.advise_range(memmap2::Advice::WillNeed, at, bytes.len());
            }
        }
    }
}
