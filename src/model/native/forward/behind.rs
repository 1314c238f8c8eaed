//! What models have that norm behind their sums (BERT): embeddings of positions, LayerNorm, and a
//! feed-forward without a gate.
//!
//! Source: Devlin et al. 2018 (arXiv:1810.04805), Vaswani et al. 2017 (arXiv:1706.03762).

use super::Slice;
use crate::compute::{Product, Step};
use crate::model::description::{LayerNorm, Ungated};
use crate::model::native::scratch::{ROWS, Scratch};
use smallvec::SmallVec;

impl<'a> Slice<'a> {
    /// Adds the embeddings of positions and of the text's parts to those of tokens, some rows at a time.
    pub(super) fn places(&mut self) -> Step {
        let Some(begin) = &self.model.weights.begin else { return Step::Done };
        let total = self.pass.tokens.len();
        let rows = self.cursor.block(total);
        let pass = &*self.pass;
        let pairs = self.model.config.encoder.is_some_and(|encoder| encoder.ranks);
        let positions = |row: usize| pass.position(row).unwrap_or(0) as u32;
        let kind = |row: usize, kinds: usize| u32::from(pairs && kinds > 1 && pass.is_behind(row));
        for (index, table) in [begin.positions.as_ref(), begin.kinds.as_ref()].into_iter().enumerate() {
            let Some(table) = table else { continue };
            let id = |row: usize| if index == 0 { positions(row) } else { kind(row, table.rows) };
            let ids: SmallVec<[u32; ROWS]> = rows.clone().map(id).collect();
            let Scratch { stream, branch, .. } = &mut *self.scratch;
            let own = branch.range_mut(rows.clone());
            self.compute.embed(&table.of(&self.model.gguf), &ids, own);
            self.compute.add(stream.range_mut(rows.clone()), own);
        }
        self.cursor.step(total)
    }

    /// The norm of that.
    pub(super) fn norm_placed(&mut self) {
        if let Some(begin) = &self.model.weights.begin {
            self.layer_norm(&begin.norm);
        }
    }

    /// The norm behind the sum with what the mixer gives (0), or the feed-forward (1).
    pub(super) fn norm_behind(&mut self, half: usize) {
        if let Some(norm) = self.layer.behind.as_ref().and_then(|behind| behind.get(half)) {
            self.layer_norm(norm);
        }
    }

    fn layer_norm(&mut self, norm: &LayerNorm) {
        let (rows, epsilon) = (self.rows(), self.model.config.epsilon);
        let stream = self.scratch.stream.first_mut(rows);
        self.compute.layer_norm_in_place(stream, &norm.weight, &norm.bias, epsilon);
    }

    /// The feed-forward in progress, if it has no gate.
    pub(super) fn ungated(&self) -> Option<&'a Ungated> {
        self.layer.feed.ungated()
    }

    /// Up, of a feed-forward without a gate.
    pub(super) fn up(&mut self) -> Step {
        let Some(ungated) = self.ungated() else { return Step::Done };
        let rows = self.rows();
        let Scratch { inner, activations, .. } = &mut *self.scratch;
        let Some(out) = inner.first_mut(rows).get_mut(..rows * ungated.up.rows) else { return Step::Done };
        let product = Product::new(ungated.up.of(&self.model.gguf), out);
        let mut products = [Product { bias: ungated.biases[0].as_deref(), ..product }];
        self.compute.products(&mut products, activations, &mut self.cursor.unit, &self.pace)
    }

    /// GELU of what it gives.
    pub(super) fn activate(&mut self) {
        let rows = self.rows();
        let inner = &mut self.scratch.inner;
        let width = inner.width;
        self.compute.gelu_erf(inner.first_mut(rows), width);
    }
}
