//! What rows of one model cost: running estimates out of the passes that were computed; reads no clock.

use std::time::Duration;

/// Rows of a prompt that a pass takes at least beside rows that decode, and the fewest whose time says what a
/// row costs.
pub(super) const MIN_ROWS: usize = 8;

/// The rows of a pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rows {
    /// Of sequences that decode: one each.
    pub(super) decoding: usize,
    /// The others of those sequences: drafts, and what is computed again.
    pub(super) drafts: usize,
    /// Of prompts.
    pub(super) prompt: usize,
}

/// How much of its cost a row of a draft is still taken for after each pass without drafts: half after 140.
const FORGOTTEN: f32 = 0.995;

/// Running estimates of a model's times, in nanoseconds. A pass over `decoding` and `prompt` rows is taken to
/// last `decode_time(decoding) + prompt * row`.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Costs {
    /// A pass over `decoding` rows that decode, and no prompt; `None`: none was computed yet.
    pub decode: Option<f32>,
    /// How many rows that pass had.
    pub decoding: usize,
    /// One row of a prompt more; `None`: not known yet.
    pub row: Option<f32>,
    /// One row of a draft more, where a pass that decodes has 1, 2 or 3, 4 to 7, or more of them in all;
    /// `None`: not known yet.
    pub draft: [Option<f32>; 4],
}

impl Costs {
    /// Nanoseconds that a pass over `decoding` rows and no prompt takes.
    pub(super) fn decode_time(&self, decoding: usize) -> Option<f32> {
        let decode = self.decode?;
        let more = decoding as f32 - self.decoding as f32;
        // Fewer rows are not much quicker: the weights are read once for all.
        Some((decode + more * self.row.unwrap_or(0.0)).max(decode / 4.0))
    }

    /// Rows of a prompt that take about `time` nanoseconds, at least [`MIN_ROWS`].
    pub(super) fn rows_within(&self, time: f32) -> usize {
        // Without a row's time the fewest say it.
        let rows = self.row.map_or(0.0, |row| time / row.max(1.0));
        (rows as usize).max(MIN_ROWS)
    }

    /// Nanoseconds that `rows` rows of drafts add to a pass that decodes.
    pub(super) fn draft_time(&self, rows: usize) -> f32 {
        let class = draft_class(rows);
        let (fewer, more) = self.draft.split_at(class);
        let nearest = more.iter().chain(fewer.iter().rev()).find_map(|row| *row);
        // Until one was measured, they are taken for rows of a prompt.
        let row = nearest.or(self.row).or(self.decode.map(|decode| decode / 4.0));
        rows as f32 * row.unwrap_or(0.0)
    }

    /// A pass took that long, what lay between its slices not counted.
    pub(super) fn observe(&mut self, Rows { decoding, drafts, prompt }: Rows, took: Duration) {
        let took = took.as_nanos() as f32;
        let without = if decoding == 0 { Some(0.0) } else { self.decode_time(decoding) };
        let row = |decode: f32, rows: usize| (took - decode).max(took / 16.0) / rows as f32;
        if prompt == 0 && drafts == 0 {
            self.decode = Some(nearer(without, took, 4.0));
            self.decoding = decoding;
            // What was slow by chance is measured again some day, though it does not pay now.
            self.draft.iter_mut().flatten().for_each(|row| *row *= FORGOTTEN);
        } else if let Some(decode) = without.filter(|_| prompt == 0) {
            // A row takes no longer than a pass of its own: what is above that is chance.
            let most = self.decode_time(1).unwrap_or(f32::INFINITY);
            let estimate = &mut self.draft[draft_class(drafts)];
            *estimate = Some(nearer(*estimate, row(decode, drafts).min(most), 4.0));
        } else if let Some(decode) = without.filter(|_| drafts == 0 && prompt >= MIN_ROWS) {
            // Rows are never free, however short such a pass was by chance.
            self.row = Some(nearer(self.row, row(decode, prompt), 2.0));
        }
    }
}

/// Which estimate so many rows of drafts belong to.
fn draft_class(rows: usize) -> usize {
    (rows.max(1).ilog2() as usize).min(3)
}

/// `estimate`, nearer to a sample: half the way down, where what was measured first (pages that come in,
/// caches that fill) is soon forgotten; up by one in `rise` of itself at most, so that one slow pass does not
/// count for much.
fn nearer(estimate: Option<f32>, sample: f32, rise: f32) -> f32 {
    match estimate {
        None => sample,
        Some(estimate) if sample < estimate => (estimate + sample) / 2.0,
        Some(estimate) => estimate + (sample - estimate).min(estimate) / rise,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    fn after(passes: &[(usize, usize, u64)]) -> Costs {
        let mut costs = Costs::default();
        passes.iter().for_each(|&(decoding, prompt, ns)| {
            costs.observe(Rows { decoding, drafts: 0, prompt }, Duration::from_nanos(ns));
        });
        costs
    }

    #[test]
    fn estimates_come_from_passes_of_their_kind() {
        let nothing = after(&[]);
        assert_eq!((nothing.decode_time(1), nothing.rows_within(1e9)), (None, MIN_ROWS));
        let costs = after(&[(0, 256, 256 * MS), (1, 0, 20 * MS)]);
        assert_eq!(costs.decode_time(1), Some(20e6));
        assert_eq!(costs.rows_within(20e6), 20);
        // More rows that decode take more time; without them it is not nothing.
        assert_eq!(costs.decode_time(4), Some(23e6));
        assert_eq!(after(&[(64, 0, MS), (0, 8, 8 * MS)]).decode_time(1), Some(MS as f32 / 4.0));
        // Of a pass with both, what is above the rows that decode is the prompt's.
        let both = after(&[(0, 256, 256 * MS), (1, 0, 20 * MS), (1, 20, 40 * MS)]);
        assert_eq!(both, costs);
        // The end of a prompt, a row or two, says nothing.
        assert_eq!(after(&[(0, 256, 256 * MS), (1, 0, 20 * MS), (1, 2, 40 * MS), (0, 3, 90 * MS)]), costs);
        // Nor does a prompt beside rows whose own time is not known.
        assert_eq!(after(&[(1, 20, 40 * MS)]), nothing);
    }

    #[test]
    fn what_was_slow_at_first_is_forgotten_and_one_slow_pass_counts_little() {
        let mut passes = vec![(0, 256, 25_600 * MS)];
        passes.extend([(0, 256, 256 * MS); 12]);
        let row = after(&passes).row.unwrap();
        assert!((1e6..1.1e6).contains(&row), "{row}");
        let mut passes = vec![(1, 0, 20 * MS); 4];
        passes.push((1, 0, 2_000 * MS));
        assert_eq!(after(&passes).decode_time(1), Some(25e6));
        // Slower for good is followed.
        passes.extend([(1, 0, 40 * MS); 16]);
        let decode = after(&passes).decode_time(1).unwrap();
        assert!((36e6..=40e6).contains(&decode), "{decode}");
    }

    #[test]
    fn rows_of_drafts_are_measured_by_how_many_there_are() {
        let mut costs = Costs { decode: Some(20e6), decoding: 1, ..Costs::default() };
        assert_eq!(costs.draft_time(2), 10e6, "a guess");
        costs.row = Some(1e6);
        assert_eq!(costs.draft_time(2), 2e6, "as a prompt's");
        let ms = |costs: &mut Costs, drafts, ms| {
            costs.observe(Rows { decoding: 1, drafts, prompt: 0 }, Duration::from_millis(ms));
        };
        ms(&mut costs, 6, 32);
        assert_eq!([1, 3, 7, 15].map(|rows| costs.draft_time(rows)), [2e6, 6e6, 14e6, 30e6]);
        ms(&mut costs, 1, 25);
        assert_eq!([1, 2, 4, 8].map(|rows| costs.draft_time(rows)), [5e6, 4e6, 8e6, 16e6]);
        ms(&mut costs, 15, 9000);
        assert_eq!(costs.draft_time(15), 300e6, "no more than as many passes");
        // The pass without drafts is not touched by it, and one slow pass is forgotten.
        assert_eq!((costs.decode_time(1), costs.row), (Some(20e6), Some(1e6)));
        (0..140).for_each(|_| ms(&mut costs, 0, 20));
        assert!((2.4e6..2.6e6).contains(&costs.draft_time(1)), "{}", costs.draft_time(1));
    }

    #[test]
    fn passes_of_no_time_at_all_divide_nothing_by_zero() {
        let costs = after(&[(0, 256, 0), (1, 0, 0), (1, 256, 0)]);
        assert_eq!(costs.rows_within(0.0), MIN_ROWS);
        assert!(costs.rows_within(1e30) >= MIN_ROWS);
    }
}
