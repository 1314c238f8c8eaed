//! Which of the mapped bytes a pass reads whole, and which only by row: those nobody brings into memory
//! before they are asked for. Knows places; not pages.

use super::data::Data;
use super::open::{Gguf, place};
use memmap2::Mmap;
use std::ops::Range;

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

    /// The same model, of whose tensor `name`, if there is one, a token reads one row: a table that is a
    /// large part of the file. Whoever knows what is computed with it says so.
    pub fn read_by_row(mut self, name: &str) -> Self {
        self.by_row = self.header().tensor(name).and_then(|tensor| Some((tensor.part(), place(tensor)?)));
        self
    }

    /// Where such a table lies in file `part`.
    fn by_row(&self, part: usize) -> Option<Range<usize>> {
        let (file, range) = self.by_row.as_ref()?;
        (usize::from(*file) == part).then(|| range.clone())
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
