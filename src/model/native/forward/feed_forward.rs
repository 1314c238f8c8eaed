//! The second half of a layer: from the residual stream to what the feed-forward adds to it.

use super::Slice;
use crate::compute::Step;
use crate::error::Result;
use crate::kernel::Forms;
use crate::model::description::{ExpertWeights, FeedWeights, Gated};
use crate::model::native::scratch::{Scratch, forms};

impl<'a> Slice<'a> {
    /// What the mixer adds where that is normed first; then the norm of the stream.
    pub(super) fn feed_norm(&mut self) {
        let layer = self.layer;
        self.add_branch(layer.post_norm.as_deref());
        self.norm_stream(layer.feed_norm.as_deref());
    }

    /// Its result as the right-hand side of what comes.
    pub(super) fn quantise_hidden(&mut self) -> Result<Step> {
        self.quantise_stream(first_forms(&self.layer.feed))
    }

    /// gate · up of this expert, or of the only feed-forward.
    pub(super) fn gate_up(&mut self) -> Step {
        let Some((gated, rows)) = self.gated() else { return Step::Done };
        let (gate, up) = (gated.gate.of(&self.model.gguf), gated.up.of(&self.model.gguf));
        let scratch = &mut *self.scratch;
        let Some(out) = scratch.inner.first_mut(rows).get_mut(..rows * gate.rows()) else {
            return Step::Done;
        };
        let act = self.model.config.family.gate;
        self.compute.gated(&gate, &up, act, &scratch.activations, out, &mut self.cursor.unit, &self.pace)
    }

    /// Its result as the right-hand side of the projection back.
    pub(super) fn quantise_inner(&mut self) -> Result<Step> {
        let Some((gated, rows)) = self.gated() else { return Ok(Step::Done) };
        let Scratch { inner, activations, .. } = &mut *self.scratch;
        let width = gated.down.cols;
        let right = inner.first(rows).get(..rows * width).unwrap_or(&[]);
        let (forms, at, pace) = (forms([&gated.down]), &mut self.cursor.unit, &self.pace);
        self.compute.activations_from(right, width, forms, activations, at, pace)
    }

    /// The projection back.
    pub(super) fn down(&mut self) -> Step {
        let Some((gated, rows)) = self.gated() else { return Step::Done };
        let weights = gated.down.of(&self.model.gguf);
        match self.layer.feed {
            FeedWeights::Dense(_) => self.project(weights, None),
            FeedWeights::Experts(_) => self.project_gathered(weights, rows),
        }
    }

    /// Adds what was written beside the stream.
    pub(super) fn add_feed(&mut self) {
        let layer = self.layer;
        if let FeedWeights::Experts(_) = layer.feed {
            self.add_experts(layer.post_feed_norm.as_deref());
        } else {
            self.add_branch(layer.post_feed_norm.as_deref());
        }
    }

    /// The feed-forward in progress, and how many rows run through it.
    fn gated(&self) -> Option<(&'a Gated, usize)> {
        match &self.layer.feed {
            FeedWeights::Dense(gated) => Some((gated, self.rows())),
            FeedWeights::Experts(_) => Some((self.expert()?, self.expert_rows())),
        }
    }
}

/// The forms that the first matrices of a feed-forward need.
fn first_forms(kind: &FeedWeights) -> Forms {
    match kind {
        FeedWeights::Dense(gated) => forms([&gated.gate, &gated.up]),
        FeedWeights::Experts(ExpertWeights { router, shared, .. }) => {
            forms([router].into_iter().chain(shared.iter().map(|(_, gate)| gate)))
        }
    }
}
