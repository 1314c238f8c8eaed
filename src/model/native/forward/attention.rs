//! The first half of a layer: from the residual stream to what attention adds to it.

use super::Slice;
use crate::compute::{Attention, Output, Product, Span, Step};
use crate::error::Result;
use crate::kernel::{Forms, KV_BLOCK, ln64};
use crate::model::Pooling;
use crate::model::description::{AttentionWeights, Matrix, MixerWeights, Temperature};
use crate::model::native::scratch::Scratch;
use smallvec::SmallVec;

/// Spans that a pass has room for without allocating.
type Spans<'a> = SmallVec<[Span<'a>; 64]>;

impl<'a> Slice<'a> {
    /// Rope's angles of the pass' positions, some rows at a time.
    pub(super) fn angles(&mut self) -> Result<Step> {
        let rows = self.cursor.block(self.pass.tokens.len());
        let positions = || rows.clone().filter_map(|row| self.pass.position(row));
        for (rope, angles) in self.model.ropes.iter().zip(&mut self.scratch.angles) {
            if rows.start == 0 {
                // An empty fill begins anew.
                rope.fill(std::iter::empty(), angles)?;
            }
            rope.extend(positions(), angles)?;
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

    /// The forms that the mixer's first matrices are multiplied with.
    pub(super) fn mixer_forms(&self) -> Forms {
        match &self.layer.mixer {
            MixerWeights::Attention(attention) => {
                self.forms(attention.projections().map(|part| &part.matrix))
            }
            MixerWeights::ShortConv(conv) => self.forms([&conv.input]),
            MixerWeights::DeltaNet(net) => self.forms([&net.input, &net.gate, &net.alpha, &net.beta]),
            MixerWeights::Mamba2(net) => self.forms([&net.input]),
        }
    }

    fn attention(&self) -> Option<&'a AttentionWeights> {
        match &self.layer.mixer {
            MixerWeights::Attention(attention) => Some(attention),
            MixerWeights::ShortConv(_) | MixerWeights::DeltaNet(_) | MixerWeights::Mamba2(_) => None,
        }
    }

    /// Queries, and the layer's own keys and values, in one sweep.
    pub(super) fn qkv(&mut self) -> Step {
        let Some(attention) = self.attention() else { return Step::Done };
        let (rows, gguf) = (self.rows(), &self.model.gguf);
        let additions = self.additions(attention.projections().map(|part| &part.matrix));
        self.sweep(additions, |slice, additions, at| {
            let Scratch { queries, gated, keys, values, activations, lowered, .. } = &mut *slice.scratch;
            let queries = if attention.numbers.gated { gated } else { queries };
            let to = [queries.first_mut(rows), keys.first_mut(rows), values.first_mut(rows)];
            let mut products: SmallVec<[Product<'_>; 3]> = attention
                .projections()
                .zip(to)
                .enumerate()
                .map(|(index, (part, to))| Product {
                    bias: part.bias.as_deref(),
                    added: additions.of(index, lowered),
                    ..Product::new(part.matrix.of(gguf), to)
                })
                .collect();
            slice.compute.products(&mut products, activations, at, &slice.pace)
        })
    }

    /// Norms and turns queries and the layer's own keys, and norms its values.
    pub(super) fn rope(&mut self) {
        let Some(attention) = self.attention() else { return };
        let (rows, epsilon, numbers) = (self.rows(), self.model.config.epsilon, &attention.numbers);
        // Another layer's are there.
        let own = if attention.keys.is_some() { rows } else { 0 };
        let Scratch { queries, gated, keys, values, angles, .. } = &mut *self.scratch;
        if numbers.gated {
            let (dim, from) = (numbers.head_dim, gated.first(rows));
            for (to, from) in queries.first_mut(rows).chunks_exact_mut(dim).zip(from.chunks_exact(2 * dim)) {
                to.copy_from_slice(&from[..dim]);
            }
        }
        let (queries, keys, values) = (queries.first_mut(rows), keys.first_mut(own), values.first_mut(own));
        if attention.values.is_none() {
            values.copy_from_slice(keys);
        }
        if numbers.value_norm {
            self.compute.rms_norm_unweighted(values, numbers.head_dim, epsilon);
        }
        let angles = numbers.rope.and_then(|rope| angles.get(rope));
        let all = [queries, keys].into_iter().zip(&attention.qk_norm);
        for (rows, norm) in all.filter(|(rows, _)| !rows.is_empty()) {
            // The weights' length says what is normed: heads, or whole rows.
            let norm = norm.as_deref();
            if let Some(norm) = norm.filter(|_| !numbers.turned_first) {
                self.compute.rms_norm_in_place(rows, norm, epsilon);
            }
            if let Some(angles) = angles {
                self.compute.rope(rows, numbers.head_dim, angles);
            }
            if let Some(norm) = norm.filter(|_| numbers.turned_first) {
                self.compute.rms_norm_in_place(rows, norm, epsilon);
            }
        }
        if let Some(temperature) = numbers.temperature {
            self.temper(temperature, rows);
        }
    }

    /// Lets queries grow with their position.
    fn temper(&mut self, Temperature { scale, length }: Temperature, rows: usize) {
        for row in 0..rows {
            let rounds = self.pass.position(row).unwrap_or(0) / length;
            if rounds > 0 {
                let factor = 1.0 + f64::from(scale) * ln64((1 + rounds) as f64);
                self.compute.scale(self.scratch.queries.row_mut(row), factor as f32);
            }
        }
    }

    /// Writes keys and values into the sequences' blocks, some rows at a time.
    pub(super) fn store(&mut self) -> Step {
        let total = self.pass.tokens.len();
        let rows = self.cursor.block(total);
        let kernels = self.compute.kernels();
        let (group, layer) = self.place();
        let memory = self.memory.group_mut(group);
        for span in &self.pass.spans {
            let blocks = self.pass.blocks(span, group);
            let (first, end) = (rows.start.max(span.row), rows.end.min(span.row + span.count));
            for row in first..end {
                let (keys, values) = (self.scratch.keys.row(row), self.scratch.values.row(row));
                let position = span.position + row - span.row;
                let Some(block) = blocks.get(position / KV_BLOCK) else { continue };
                memory.store(kernels, *block, (layer, position % KV_BLOCK), keys, values);
            }
        }
        self.cursor.step(total)
    }

    /// The group of the layer in progress, and the layer's number in it.
    pub(super) fn place(&self) -> (usize, usize) {
        self.memory.place(self.layer_index())
    }

    /// In the last layer that keeps anything, moves the rows whose logits are wanted to the front: the others
    /// are done.
    pub(super) fn narrow(&mut self) {
        // A mean takes all rows.
        if self.layer_index() != self.model.last_kept || self.pass.pooling == Some(Pooling::Mean) {
            return;
        }
        let Scratch { stream, queries, gated, attended, inputs, angles, .. } = &mut *self.scratch;
        for span in self.pass.spans.iter() {
            let first = span.row + span.count - span.outputs.len();
            for (from, to) in (first..).zip(span.outputs.clone()) {
                stream.move_row(from, to);
                // Queries of attention, or what was mixed without any.
                queries.move_row(from, to);
                gated.move_row(from, to);
                attended.move_row(from, to);
                inputs.rows.move_row(from, to);
                angles.iter_mut().for_each(|angles| angles.move_token(from, to));
            }
        }
        let outputs = self.pass.outputs();
        angles.iter_mut().for_each(|angles| angles.truncate(outputs));
        self.pass.narrowed = true;
    }

    /// Softmax of queries times keys, times values.
    pub(super) fn attend(&mut self) -> Step {
        let Some(weights) = self.attention() else { return Step::Done };
        let (rows, numbers) = (self.rows(), &weights.numbers);
        let (group, layer) = self.place();
        let memory = self.memory.group(group);
        let spans: Spans<'_> = self
            .pass
            .spans
            .iter()
            .filter_map(|span| {
                // Of a narrowed pass, only tokens whose logits are wanted are left.
                let tokens = if self.pass.narrowed { span.outputs.len() } else { span.count };
                let position = span.position + span.count - tokens;
                let blocks = self.pass.blocks(span, group);
                (tokens > 0).then_some(Span { blocks, position, tokens })
            })
            .collect();
        let scratch = &mut *self.scratch;
        let attention = Attention {
            layout: &memory.layout,
            memory,
            layer,
            heads: numbers.heads,
            scale: numbers.scale,
            window: numbers.window,
            both_ways: numbers.both_ways,
            sinks: weights.sinks.as_deref().unwrap_or(&[]),
            soft_cap: numbers.cap,
            queries: scratch.queries.first(rows),
            spans: &spans,
        };
        self.compute.attention(
            &attention,
            &mut scratch.attention,
            scratch.attended.first_mut(rows),
            &mut self.cursor.unit,
            &self.pace,
        )
    }

    /// Attention's result times the sigmoid of its gates.
    pub(super) fn gate_mixed(&mut self) {
        let Some(AttentionWeights { numbers, .. }) = self.attention() else { return };
        let (rows, dim) = (self.rows(), numbers.head_dim);
        let Scratch { gated, attended, .. } = &mut *self.scratch;
        // Behind each head's query.
        let place = (dim, 2 * dim);
        self.compute.sigmoid_gate(attended.first_mut(rows), dim, gated.first(rows), place);
    }

    /// What was mixed as the right-hand side of the output projection.
    pub(super) fn quantise_mixed(&mut self) -> Result<Step> {
        let rows = self.rows();
        let (output, _) = self.output_weights();
        let forms = self.forms([output]);
        let Scratch { attended, activations, .. } = &mut *self.scratch;
        let (at, pace) = (&mut self.cursor.unit, &self.pace);
        self.compute.activations_from(attended.first(rows), attended.width, forms, activations, at, pace)
    }

    /// The output projection: onto the stream, or beside it where it is normed first.
    pub(super) fn mixer_output(&mut self) -> Step {
        let (output, bias) = self.output_weights();
        self.project(output, bias)
    }

    /// The mixer's output projection.
    fn output_weights(&self) -> (&'a Matrix, Option<&'a [f32]>) {
        match &self.layer.mixer {
            MixerWeights::Attention(attention) => (&attention.output, attention.output_bias.as_deref()),
            MixerWeights::ShortConv(conv) => (&conv.output, None),
            MixerWeights::DeltaNet(net) => (&net.output, None),
            MixerWeights::Mamba2(net) => (&net.output, None),
        }
    }

    /// Adds a projection of the activations to the stream, or writes it beside the stream where it is normed
    /// first.
    pub(super) fn project(&mut self, matrix: &'a Matrix, bias: Option<&[f32]>) -> Step {
        let (rows, model) = (self.rows(), self.model);
        let additions = self.additions([matrix]);
        self.sweep(additions, |slice, additions, at| {
            let scratch = &mut *slice.scratch;
            let (output, to) = match (model.config.norms_after(), model.config.residual_scale) {
                (true, _) => (Output::Store, &mut scratch.branch),
                (false, 1.0) => (Output::Add, &mut scratch.stream),
                (false, scale) => (Output::AddScaled(scale), &mut scratch.stream),
            };
            let added = additions.of(0, &scratch.lowered);
            let product = Product::new(matrix.of(&model.gguf), to.first_mut(rows));
            let mut products = [Product { bias, output, added, ..product }];
            slice.compute.products(&mut products, &scratch.activations, at, &slice.pace)
        })
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
}
