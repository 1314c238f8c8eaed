//! The work of attention's chunks; knows not how many there are.

use super::cut::{Chunk, Cut, Stage};
use super::job::{Attention, BlockMemory, Span};
use crate::compute::disjoint::Disjoint;
use crate::compute::pace::{Pace, Step};
use crate::compute::{Compute, SCRATCH};
use crate::kernel::{Kernels, PARTIAL_TAIL, SECTION, SECTION_BLOCKS, Section, Visible, exp2};
use std::f32::consts::LOG2_E;
use std::ops::Range;

impl Compute {
    /// The attention's output into `out`, `(tokens, heads, value_dim)`. `work` holds what rounds leave
    /// behind (`attention_work` says how much is useful, less makes it slower).
    ///
    /// Call again with the same arguments and cursor `at` after [`Step::Paused`], `work` and `out` as they
    /// were left.
    ///
    /// Panics if a shape does not fit, or if a span has fewer blocks than positions.
    pub fn attention<M: BlockMemory + ?Sized>(
        &mut self,
        attention: &Attention<'_, M>,
        work: &mut [f32],
        out: &mut [f32],
        at: &mut usize,
        pace: &Pace,
    ) -> Step {
        attention.check(out.len());
        let cut = Cut::new(attention, self.threads(), work.len());
        let (tails, slots) = work.split_at_mut(work.len().min(cut.lines * PARTIAL_TAIL));
        let work = Work {
            attention,
            cut: &cut,
            kernels: self.kernels,
            out: Disjoint::new(out),
            tails: Disjoint::new(tails),
            slots: Disjoint::new(slots),
        };
        let scratch = Disjoint::new(&mut self.scratch);
        let (mut before, mut resumed) = (0, false);
        for stage in cut.stages() {
            let chunks = cut.chunks(attention, stage);
            if *at < before + chunks {
                if resumed && pace.is_over() {
                    return Step::Paused;
                }
                resumed = true;
                let next = self.pool.run_from(*at - before, chunks, pace, &|chunk, thread| {
                    // SAFETY: each thread has its own scratch memory.
                    let scratch = unsafe { scratch.slice(thread * SCRATCH..(thread + 1) * SCRATCH) };
                    work.chunk(stage, chunk, scratch);
                });
                *at = before + next;
                if next < chunks {
                    return Step::Paused;
                }
            }
            before += chunks;
        }
        *at = 0;
        Step::Done
    }
}

/// What all threads share. A line is a token's query head: its output's place, and its query's.
struct Work<'a, M: ?Sized> {
    attention: &'a Attention<'a, M>,
    cut: &'a Cut,
    kernels: &'static Kernels,
    /// `(lines, value_dim)`: between rounds sums that are not yet divided.
    out: Disjoint<'a, f32>,
    /// `(lines, 2)`: between rounds their maximum scores and sums of weights.
    tails: Disjoint<'a, f32>,
    /// `(lines, sections of a round, value_stride + 2)`: results of sections.
    slots: Disjoint<'a, f32>,
}

impl<M: BlockMemory + ?Sized> Work<'_, M> {
    fn chunk(&self, stage: Stage, chunk: usize, scratch: &mut [f32]) {
        match stage {
            Stage::Sections { round } => {
                let Some(chunk) = self.cut.find(self.attention, round, chunk) else { return };
                let count = chunk.tokens.len() * chunk.heads.len();
                let width = self.attention.layout.query_len();
                let (queries, rest) = scratch.split_at_mut(count * width);
                let queries = queries.as_chunks_mut::<16>().0;
                self.gather(&chunk, queries);
                let (totals, parts) = rest.split_at_mut(count * self.stride());
                if self.cut.split {
                    self.leave(&chunk, queries, parts);
                } else {
                    self.go_on(&chunk, queries, totals, parts);
                }
            }
            Stage::Merge { round } => self.merge(round, self.cut.lines_of(chunk), scratch),
        }
    }

    /// Elements of a result.
    fn stride(&self) -> usize {
        self.attention.layout.value_stride() + PARTIAL_TAIL
    }

    /// The line of query `query` of a chunk.
    fn line(&self, chunk: &Chunk<'_>, query: usize) -> usize {
        let row = chunk.first_row + chunk.tokens.start + query / chunk.heads.len();
        row * self.attention.heads + chunk.heads.start + query % chunk.heads.len()
    }

    /// The sections that a chunk's token sees.
    fn sections(&self, chunk: &Chunk<'_>, token: usize) -> Range<usize> {
        self.attention.sections(chunk.span, chunk.tokens.start + token)
    }

    /// Leaves each section's results in their slots.
    fn leave(&self, chunk: &Chunk<'_>, queries: &[[f32; 16]], parts: &mut [f32]) {
        for (index, section) in chunk.sections.clone().enumerate() {
            let Some(tokens) = self.seeing(chunk, section) else { continue };
            let first = tokens.start * chunk.heads.len();
            let count = tokens.len() * chunk.heads.len();
            self.kernels.attend(&self.section(chunk, section, &tokens, queries), parts);
            for (query, part) in parts.chunks_exact(self.stride()).take(count).enumerate() {
                let slot = self.line(chunk, first + query) * self.cut.per_round + chunk.slot + index;
                // SAFETY: each section of each line is in one chunk only.
                let slot = unsafe { self.slots.slice(slot * self.stride()..(slot + 1) * self.stride()) };
                slot.copy_from_slice(part);
            }
        }
    }

    /// Goes on with what the chunk's queries have come to.
    fn go_on(&self, chunk: &Chunk<'_>, queries: &[[f32; 16]], totals: &mut [f32], parts: &mut [f32]) {
        let (heads, stride) = (chunk.heads.len(), self.stride());
        for (query, total) in totals.chunks_exact_mut(stride).enumerate() {
            if self.sections(chunk, query / heads).start < chunk.sections.start {
                self.take(self.line(chunk, query), total);
            }
        }
        for section in chunk.sections.clone() {
            let Some(tokens) = self.seeing(chunk, section) else { continue };
            let work = self.section(chunk, section, &tokens, queries);
            let totals = &mut totals[tokens.start * heads * stride..tokens.end * heads * stride];
            let fresh = |token: usize| self.sections(chunk, token).start == section;
            if tokens.clone().all(fresh) {
                self.kernels.attend(&work, totals);
                continue;
            }
            self.kernels.attend(&work, parts);
            let both = totals.chunks_exact_mut(stride).zip(parts.chunks_exact(stride));
            for (query, (total, part)) in both.enumerate() {
                match fresh(tokens.start + query / heads) {
                    true => total.copy_from_slice(part),
                    false => self.kernels.merge(total, part),
                }
            }
        }
        for (query, total) in totals.chunks_exact_mut(stride).enumerate() {
            let sections = self.sections(chunk, query / heads);
            if sections.start < chunk.sections.end && sections.end > chunk.sections.start {
                self.put(self.line(chunk, query), total, sections.end <= chunk.sections.end);
            }
        }
    }

    /// Merges the results that a round has left for some lines.
    fn merge(&self, round: usize, lines: Range<usize>, scratch: &mut [f32]) {
        let total = &mut scratch[..self.stride()];
        for line in lines {
            let Some((span, token)) = self.span(line / self.attention.heads) else { continue };
            let sections = self.attention.sections(span, token);
            let first = self.attention.sections_of(span).start;
            let in_round = self.cut.in_round(sections.clone(), first, round);
            if in_round.is_empty() {
                continue;
            }
            if sections.start < in_round.start {
                self.take(line, total);
            }
            for section in in_round.clone() {
                let slot = line * self.cut.per_round + section - (first + round * self.cut.per_round);
                // SAFETY: nobody writes to slots in this stage, and each line is in one chunk only.
                let part = unsafe { self.slots.slice(slot * self.stride()..(slot + 1) * self.stride()) };
                match section == sections.start {
                    true => total.copy_from_slice(part),
                    false => self.kernels.merge(total, part),
                }
            }
            self.put(line, total, sections.end == in_round.end);
        }
    }

    /// The span of a row, and which of its tokens that is.
    fn span(&self, mut row: usize) -> Option<(&Span<'_>, usize)> {
        for span in self.attention.spans {
            if row < span.tokens {
                return Some((span, row));
            }
            row -= span.tokens;
        }
        None
    }

    /// What a line had come to at the end of the last round.
    fn take(&self, line: usize, total: &mut [f32]) {
        let (dim, stride) = (self.attention.layout.value_dim(), self.attention.layout.value_stride());
        // SAFETY: in a stage each line is in one chunk only.
        let (sums, tail) = unsafe {
            (self.out.slice(line * dim..(line + 1) * dim), self.tails.slice(line * 2..line * 2 + 2))
        };
        total[..dim].copy_from_slice(sums);
        total[dim..stride].fill(0.0);
        total[stride..].copy_from_slice(tail);
    }

    /// Keeps what a line has come to for the next round, or, when it is `done`, writes its output.
    fn put(&self, line: usize, total: &mut [f32], done: bool) {
        let (dim, stride) = (self.attention.layout.value_dim(), self.attention.layout.value_stride());
        // SAFETY: in a stage each line is in one chunk only.
        let out = unsafe { self.out.slice(line * dim..(line + 1) * dim) };
        if done {
            if let Some(&sink) = self.attention.sinks.get(line % self.attention.heads) {
                sink_into(sink * LOG2_E, &mut total[stride..]);
            }
            self.kernels.finish(total, stride, out);
            return;
        }
        out.copy_from_slice(&total[..dim]);
        // SAFETY: as above.
        unsafe { self.tails.slice(line * 2..line * 2 + 2) }.copy_from_slice(&total[stride..]);
    }

    /// The chunk's tokens that see some of a section.
    fn seeing(&self, chunk: &Chunk<'_>, section: usize) -> Option<Range<usize>> {
        let sees = |token: &usize| self.sections(chunk, *token).contains(&section);
        let first = (0..chunk.tokens.len()).find(sees)?;
        Some(first..first + (first..chunk.tokens.len()).take_while(sees).count())
    }

    /// The chunk's queries, scaled, as the layout wants them.
    fn gather(&self, chunk: &Chunk<'_>, queries: &mut [[f32; 16]]) {
        let (key_dim, count) = (self.attention.layout.key_dim(), chunk.tokens.len() * chunk.heads.len());
        // Weights are powers of two then.
        let scale = self.attention.scale * LOG2_E;
        for query in 0..count {
            let from = &self.attention.queries[self.line(chunk, query) * key_dim..];
            self.attention.layout.place_query(&from[..key_dim], scale, queries, (query, count));
        }
    }

    /// A section for some of the chunk's tokens.
    fn section<'a>(
        &'a self,
        chunk: &Chunk<'a>,
        section: usize,
        tokens: &Range<usize>,
        queries: &'a [[f32; 16]],
    ) -> Section<'a> {
        let (layout, heads) = (self.attention.layout, chunk.heads.len());
        let head = layout.head(self.attention.layer, chunk.kv_head);
        // Behind the chunk's keys others go on.
        let end = chunk.sections.end * SECTION_BLOCKS;
        let blocks = std::array::from_fn(|b| {
            let id = chunk.span.blocks.get(section * SECTION_BLOCKS + b);
            let block = id.filter(|_| section * SECTION_BLOCKS + b < end);
            block.and_then(|id| self.attention.memory.block(*id).get(head.clone())).unwrap_or(&[])
        });
        Section {
            layout,
            blocks,
            start: section * SECTION,
            visible: Visible {
                position: chunk.span.position + chunk.tokens.start + tokens.start,
                heads,
                sight: self.attention.sight(chunk.span),
            },
            count: tokens.len() * heads,
            queries: &queries[tokens.start * heads..],
            query_stride: chunk.tokens.len() * heads,
            soft_cap: self.attention.soft_cap.map(|cap| cap * LOG2_E),
        }
    }
}

/// Adds the weight of `sink`, a score without a value, to the sum of weights behind their maximum.
fn sink_into(sink: f32, tail: &mut [f32]) {
    // Far beyond all others it takes everything, as it should; what is not finite stays so.
    let above = sink - tail[0];
    tail[1] += exp2(if above > 127.0 { 127.0 } else { above }) + sink * 0.0;
}
