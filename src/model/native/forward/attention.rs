//! The first half of a layer: from the residual stream to what attention adds to it.

use super::Slice;
use crate::compute::{Attention, Output, Product, Span, Step};
use crate::error::Result;
use crate::kernel::{Forms, Weights};
use crate::model::native::config::{self, LayerKind};
use crate::model::native::kv::Block;
use crate::model::native::scratch::forms;
use smallvec::SmallVec;

/// Spans that a pass has room for without allocating.
type Spans<'a> = SmallVec<[Span<'a, Block>; 64]>;

impl Slice<'_> {
    /// Token ids to the residual stream.
    pub(super) fn embed(&mut self) {
        let rows = self.rows();
        let table = self.model.weights.embedding.of(&self.model.gguf);
        let stream = self.scratch.stream.first_mut(rows);
        self.compute.embed(&table, &self.pass.tokens, stream);
        let scale = self.model.config.embedding_scale;
        if scale != 1.0 {
            self.compute.scale(stream, scale);
        }
    }

    /// The stream, normed where the architecture does so, as the right-hand side of q, k and v.
    pub(super) fn attention_norm(&mut self) -> Result<Step> {
        let attention = &self.layer.attention;
        self.norm_stream(attention.norm.as_deref(), forms(&attention.qkv))
    }

    /// The stream, normed with `weight` if there is one, in the forms that the next matrices need.
    pub(super) fn norm_stream(&mut self, weight: Option<&[f32]>, forms: Forms) -> Result<Step> {
        let rows = self.rows();
        let scratch = &mut *self.scratch;
        let mut right = scratch.stream.first(rows);
        if let Some(weight) = weight {
            let epsilon = self.model.config.epsilon;
            self.compute.rms_norm(right, weight, epsilon, scratch.branch.first_mut(rows));
            right = scratch.branch.first(rows);
        }
        self.compute.activations(right, scratch.stream.width, forms, &mut scratch.activations)?;
        Ok(Step::Done)
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

    /// Norms and turns queries and keys, writes keys and values into the sequences' blocks, and, in the last layer, keeps only the rows
    /// whose logits are wanted.
    pub(super) fn store(&mut self) {
        let rows = self.pass.tokens.len();
        let kind = self.kind();
        self.norm_heads(rows);
        let scratch = &mut *self.scratch;
        if kind.rope {
            let local = kind.windowed && self.model.local_rope.is_some();
            let angles = if local { &scratch.local_angles } else { &scratch.angles };
            let head_dim = self.model.config.attention.head_dim;
            self.compute.rope(scratch.queries.first_mut(rows), head_dim, angles);
            self.compute.rope(scratch.keys.first_mut(rows), head_dim, angles);
        }
        for span in &self.pass.spans {
            let Some(state) = self.sequences.get_mut(span.sequence) else { continue };
            for token in 0..span.count {
                let (keys, values) =
                    (scratch.keys.row(span.row + token), scratch.values.row(span.row + token));
                state.store(self.layout, self.cursor.layer, span.position + token, keys, values);
            }
        }
        if self.is_last_layer() {
            self.narrow();
        }
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
        let scratch = &mut *self.scratch;
        let (attended, width) = (scratch.attended.first(rows), scratch.attended.width);
        let forms = forms([&self.layer.attention.output]);
        self.compute.activations(attended, width, forms, &mut scratch.activations)?;
        Ok(Step::Done)
    }

    /// The output projection: onto the stream, or beside it where it is normed first.
    pub(super) fn attention_output(&mut self) -> Step {
        let attention = &self.layer.attention;
        let (weights, bias) = (attention.output.of(&self.model.gguf), attention.output_bias.as_deref());
        self.project(weights, bias)
    }

    /// Adds a projection of the activations to the stream, or writes it beside the stream where it is normed first.
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
