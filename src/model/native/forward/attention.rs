//! The first half of a layer: from the residual stream to what attention adds to it.

use super::Slice;
use crate::compute::{Attention, Output, Product, Span, Step};
use crate::error::Result;
use crate::kernel::{Forms, Weights};
use crate::model::native::config::{self, LayerKind};
use crate::model::native::kv::Block;
use crate::model::native::scratch::{Scratch, forms};
use smallvec::SmallVec;

/// Spans that a pass has room for without allocating.
type Spans<'a> = SmallVec<[Span<'a, Block>; 64]>;

impl Slice<'_> {
    /// Rope's angles of the pass' positions, some rows at a time.
    pub(super) fn angles(&mut self) -> Result<Step> {
        let Scratch { angles, local_angles, .. } = &mut *self.scratch;
        let rows = self.cursor.block(self.pass.tokens.len());
        let positions = || rows.clone().filter_map(|row| self.pass.position(row));
        if rows.start == 0 {
            // An empty fill begins anew.
            self.model.rope.fill(std::iter::empty(), angles)?;
        }
        self.model.rope.extend(positions(), angles)?;
        if let Some(rope) = &self.model.local_rope {
            if rows.start == 0 {
                rope.fill(std::iter::empty(), local_angles)?;
            }
            rope.extend(positions(), local_angles)?;
        }
        Ok(self.cursor.step(self.pass.tokens.len()))
    }

    /// Token ids to the residual stream, some rows at a time.
    pub(super) fn embed(&mut self) -> Step {
        let rows = self.cursor.block(self.pass.tokens.len());
        let (gguf, weights) = (&self.model.gguf, &self.model.weights);
        let ids = self.pass.tokens.get(rows.clone()).unwrap_or(&[]);
        let stream = self.scratch.stream.range_mut(rows);
        self.compute.embed(&weights.embedding.of(gguf), ids, stream);
        let scale = self.model.config.embedding_scale;
        if scale != 1.0 {
            self.compute.scale(stream, scale);
        }
        self.cursor.step(self.pass.tokens.len())
    }

    /// The stream, normed with `weight` if there is one.
    pub(super) fn norm_stream(&mut self, weight: Option<&[f32]>) {
        let (rows, epsilon) = (self.rows(), self.model.config.epsilon);
        let Scratch { stream, branch, normed, .. } = &mut *self.scratch;
        *normed = weight.is_some();
        if let Some(weight) = weight {
            self.compute.rms_norm(stream.first(rows), weight, epsilon, branch.first_mut(rows));
        }
    }

    /// What [`norm_stream`](Self::norm_stream) came to as the right-hand side of the next matrices.
    pub(super) fn quantise_stream(&mut self, forms: Forms) -> Result<Step> {
        let rows = self.rows();
        let Scratch { stream, branch, normed, activations, .. } = &mut *self.scratch;
        let (right, width) = (if *normed { branch.first(rows) } else { stream.first(rows) }, stream.width);
        let (at, pace) = (&mut self.cursor.unit, &self.pace);
        self.compute.activations_from(right, width, forms, activations, at, pace)
    }

    /// Queries, keys and values in one sweep.
    pub(super) fn qkv(&mut self) -> Step {
        let (rows, gguf) = (self.rows(), &self.model.gguf);
        let attention = &self.layer.attention;
        let [q, k, v] = &attention.qkv;
        let [q_bias, k_bias, v_bias] = &attention.qkv_bias;
        let scratch = &mut *self.scratch;
        let mut products = [
            Product { bias: q_bias.as_deref(), ..Product::new(q.of(gguf), scratch.queries.first_mut(rows)) },
            Product { bias: k_bias.as_deref(), ..Product::new(k.of(gguf), scratch.keys.first_mut(rows)) },
            Product { bias: v_bias.as_deref(), ..Product::new(v.of(gguf), scratch.values.first_mut(rows)) },
        ];
        self.compute.products(&mut products, &scratch.activations, &mut self.cursor.unit, &self.pace)
    }

    /// Norms and turns queries and keys.
    pub(super) fn rope(&mut self) {
        let rows = self.pass.tokens.len();
        let kind = self.kind();
        self.norm_heads(rows);
        if !kind.rope {
            return;
        }
        let Scratch { queries, keys, angles, local_angles, .. } = &mut *self.scratch;
        let local = kind.windowed && self.model.local_rope.is_some();
        let angles = if local { local_angles } else { angles };
        let head_dim = self.model.config.attention.head_dim;
        self.compute.rope(queries.first_mut(rows), head_dim, angles);
        self.compute.rope(keys.first_mut(rows), head_dim, angles);
    }

    /// Writes keys and values into the sequences' blocks, some rows at a time, and, in the last layer, keeps
    /// only the rows whose logits are wanted.
    pub(super) fn store(&mut self) -> Step {
        let total = self.pass.tokens.len();
        let rows = self.cursor.block(total);
        let to = (self.compute.kernels(), self.layout);
        for span in &self.pass.spans {
            let Some(state) = self.sequences.get_mut(span.sequence) else { continue };
            let (first, end) = (rows.start.max(span.row), rows.end.min(span.row + span.count));
            for row in first..end {
                let (keys, values) = (self.scratch.keys.row(row), self.scratch.values.row(row));
                state.store(to, self.cursor.layer, span.position + row - span.row, keys, values);
            }
        }
        let step = self.cursor.step(total);
        if step == Step::Done && self.is_last_layer() {
            self.narrow();
        }
        step
    }

    /// The norms of queries and keys, where the architecture has them.
    fn norm_heads(&mut self, rows: usize) {
        let Some([q, k]) = &self.layer.attention.qk_norm else { return };
        // The weights' length says what is normed: heads, or whole rows.
        let epsilon = self.model.config.epsilon;
        self.compute.rms_norm_in_place(self.scratch.queries.first_mut(rows), q, epsilon);
        self.compute.rms_norm_in_place(self.scratch.keys.first_mut(rows), k, epsilon);
    }

    /// Moves the rows whose logits are wanted to the front.
    fn narrow(&mut self) {
        for span in self.pass.spans.iter() {
            let Some(to) = span.logits else { continue };
            let last = span.row + span.count - 1;
            self.scratch.stream.move_row(last, to);
            self.scratch.queries.move_row(last, to);
        }
        self.pass.narrowed = true;
    }

    /// Softmax of queries times keys, times values.
    pub(super) fn attend(&mut self) -> Step {
        let rows = self.rows();
        let config = &self.model.config.attention;
        let spans: Spans<'_> = self
            .pass
            .spans
            .iter()
            .filter_map(|span| {
                let blocks = &self.sequences.get(span.sequence)?.blocks;
                // Of a narrowed pass, only each last token is left.
                match (self.pass.narrowed, span.logits) {
                    (false, _) => Some(Span { blocks, position: span.position, tokens: span.count }),
                    (true, Some(_)) => {
                        Some(Span { blocks, position: span.position + span.count - 1, tokens: 1 })
                    }
                    (true, None) => None,
                }
            })
            .collect();
        let scratch = &mut *self.scratch;
        let attention = Attention {
            layout: self.layout,
            layer: self.cursor.layer,
            heads: config.heads,
            scale: config.scale,
            window: config.window.filter(|_| kind_of(config, self.cursor.layer).windowed),
            soft_cap: config.cap,
            queries: scratch.queries.first(rows),
            spans: &spans,
        };
        self.compute.attention(
            &attention,
            scratch.attended.first_mut(rows),
            &mut self.cursor.unit,
            &self.pace,
        )
    }

    /// Attention's result as the right-hand side of the output projection.
    pub(super) fn quantise_attended(&mut self) -> Result<Step> {
        let rows = self.rows();
        let Scratch { attended, activations, .. } = &mut *self.scratch;
        let forms = forms([&self.layer.attention.output]);
        let (at, pace) = (&mut self.cursor.unit, &self.pace);
        self.compute.activations_from(attended.first(rows), attended.width, forms, activations, at, pace)
    }

    /// The output projection: onto the stream, or beside it where it is normed first.
    pub(super) fn attention_output(&mut self) -> Step {
        let attention = &self.layer.attention;
        let (weights, bias) = (attention.output.of(&self.model.gguf), attention.output_bias.as_deref());
        self.project(weights, bias)
    }

    /// Adds a projection of the activations to the stream, or writes it beside the stream where it is normed
    /// first.
    pub(super) fn project(&mut self, weights: Weights<'_>, bias: Option<&[f32]>) -> Step {
        let rows = self.rows();
        let scratch = &mut *self.scratch;
        let config = &self.model.config;
        let (output, to) = match (config.norms_after(), config.residual_scale) {
            (true, _) => (Output::Store, &mut scratch.branch),
            (false, 1.0) => (Output::Add, &mut scratch.stream),
            (false, scale) => (Output::AddScaled(scale), &mut scratch.stream),
        };
        let mut products = [Product { weights, bias, output, out: to.first_mut(rows) }];
        self.compute.products(&mut products, &scratch.activations, &mut self.cursor.unit, &self.pace)
    }

    /// Adds what was written beside the stream, normed with `weight`.
    pub(super) fn add_branch(&mut self, weight: Option<&[f32]>) {
        let Some(weight) = weight else { return };
        let rows = self.rows();
        let (scratch, config) = (&mut *self.scratch, &self.model.config);
        self.compute.rms_norm_in_place(scratch.branch.first_mut(rows), weight, config.epsilon);
        self.add_to_stream(rows);
    }

    fn add_to_stream(&mut self, rows: usize) {
        let scratch = &mut *self.scratch;
        match self.model.config.residual_scale {
            1.0 => self.compute.add(scratch.stream.first_mut(rows), scratch.branch.first(rows)),
            scale => {
                self.compute.add_scaled(scratch.stream.first_mut(rows), scratch.branch.first(rows), scale)
            }
        }
    }

    fn kind(&self) -> LayerKind {
        kind_of(&self.model.config.attention, self.cursor.layer)
    }
}

fn kind_of(attention: &config::Attention, layer: usize) -> LayerKind {
    attention.kinds.get(layer).copied().unwrap_or(LayerKind { windowed: false, rope: true })
}
