//! Which rows of a pass have which adapter, and what these add to a product. Knows rows and matrices;
//! computes nothing.

use crate::compute::{Added, LowRank};
use crate::model::Adapted;
use crate::model::description::Matrix;
use smallvec::SmallVec;
use std::ops::Range;

/// Matrices that are multiplied in one sweep at most: those that a gated delta net begins with.
pub(super) const SWEEP: usize = 4;

/// Runs of an operation that need no memory of their own: as many as a pass has spans at most.
const RUNS: usize = 64;

/// The adapters of a pass, span by span.
#[derive(Default)]
pub(super) struct Adapters {
    of_spans: Vec<Option<Adapted>>,
    /// The largest rank of them; 0: there are none.
    rank: usize,
}

/// Rows that follow each other and have one adapter.
#[derive(Debug, Clone)]
pub(super) struct Run {
    pub(super) span: usize,
    pub(super) rows: Range<usize>,
}

/// Those of an operation: one per span at most.
pub(super) type Runs = SmallVec<[Run; RUNS]>;

/// An empty list, kept for its memory.
pub(super) type Spare = Vec<LowRank<'static>>;

/// What adapters add to the products of one sweep.
pub(super) struct Additions<'a> {
    /// Matrix by matrix.
    parts: Vec<LowRank<'a>>,
    /// Where those of each matrix end.
    ends: SmallVec<[usize; SWEEP]>,
}

impl Adapters {
    pub(super) fn clear(&mut self) {
        self.of_spans.clear();
        self.rank = 0;
    }

    /// That of the next span.
    pub(super) fn push(&mut self, adapted: Option<&Adapted>) {
        let rank = adapted.map_or(0, |adapted| adapted.adapter.about().rank);
        self.rank = self.rank.max(rank);
        self.of_spans.push(adapted.cloned());
    }

    /// The largest rank; 0: no row has an adapter.
    pub(super) fn rank(&self) -> usize {
        self.rank
    }

    /// What they add to the products of at most [`SWEEP`] matrices with `rows` rows in all, of which `runs`
    /// say whose they are; in the memory of `spare`.
    pub(super) fn additions<'a>(
        &'a self,
        matrices: impl Iterator<Item = &'a Matrix>,
        runs: &Runs,
        rows: usize,
        spare: Spare,
    ) -> Additions<'a> {
        let mut additions = Additions { parts: spare, ends: SmallVec::new() };
        for (index, matrix) in matrices.enumerate() {
            for run in runs {
                let Some(Some(adapted)) = self.of_spans.get(run.span) else { continue };
                let Some((down, up, stride, factor)) = adapted.adapter.part(matrix) else { continue };
                additions.parts.push(LowRank {
                    tokens: run.rows.clone(),
                    down,
                    scale: factor * adapted.scale,
                    up,
                    stride,
                    place: (index * rows + run.rows.start) * self.rank,
                });
            }
            additions.ends.push(additions.parts.len());
        }
        additions
    }
}

impl<'a> Additions<'a> {
    /// None.
    pub(super) fn none() -> Self {
        Self { parts: Vec::new(), ends: SmallVec::new() }
    }

    /// The list's memory, for the next one: what is collected in its own place keeps it.
    #[allow(clippy::unnecessary_filter_map, reason = "a filter would keep the lifetime")]
    pub(super) fn into_spare(self) -> Spare {
        self.parts.into_iter().filter_map(|_| None).collect()
    }

    /// Units of the cursor that lowers to them.
    pub(super) fn chunks(&self) -> usize {
        self.parts.iter().map(LowRank::chunks).sum()
    }

    /// All of them.
    pub(super) fn parts(&self) -> &[LowRank<'a>] {
        &self.parts
    }

    /// Those to the products of matrix `index`.
    pub(super) fn of<'b>(&'b self, index: usize, lowered: &'b [f32]) -> Added<'b> {
        let start = index.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or(0);
        let end = self.ends.get(index).copied().unwrap_or(start);
        Added { parts: self.parts.get(start..end).unwrap_or(&[]), lowered }
    }
}
