//! Embeddings that tokens have for each layer (Gemma 3n's and 4's per-layer embeddings), and the end of a
//! layer, where a gate lets its own into the residual stream.

use super::Slice;
use crate::compute::{Product, Step};
use crate::error::Result;
use crate::model::description::LayerInput;
use crate::model::native::scratch::Scratch;

impl<'a> Slice<'a> {
    /// The embeddings as the right-hand side of the projection to the layers' own.
    pub(super) fn quantise_embedded(&mut self) -> Result<Step> {
        let Some(weights) = &self.model.weights.inputs else { return Ok(Step::Done) };
        self.scratch.normed = false;
        self.quantise_stream(self.forms([&weights.projection]))
    }

    /// Their projection to embeddings for each layer.
    pub(super) fn project_inputs(&mut self) -> Step {
        let model = self.model;
        let Some(weights) = &model.weights.inputs else { return Step::Done };
        let rows = self.rows();
        if self.cursor.unit == 0 {
            // They come from the disk, perhaps, while the product is computed.
            let own = weights.embedding.of(&self.model.gguf);
            let rows = self.pass.tokens.iter().filter_map(|&id| own.row(id as usize));
            rows.for_each(|row| self.model.gguf.will_need(row));
        }
        let additions = self.additions([&weights.projection]);
        self.sweep(additions, |slice, additions, at| {
            let Scratch { inputs, activations, lowered, .. } = &mut *slice.scratch;
            let added = additions.of(0, lowered);
            let product = Product::new(weights.projection.of(&model.gguf), inputs.rows.first_mut(rows));
            slice.compute.products(&mut [Product { added, ..product }], activations, at, &slice.pace)
        })
    }

    /// (norm(projection / √width) + √input · the token's own) / √2, some rows at a time. Of the table of the
    /// tokens' own only these rows are read.
    pub(super) fn inputs(&mut self) -> Step {
        let Some(weights) = &self.model.weights.inputs else { return Step::Done };
        let (all, config) = (self.pass.tokens.len(), &self.model.config);
        let block = self.cursor.block(all);
        let ids = self.pass.tokens.get(block.clone()).unwrap_or(&[]);
        let (own, sum) =
            (self.scratch.inputs.own.first_mut(ids.len()), self.scratch.inputs.rows.range_mut(block));
        self.compute.embed(&weights.embedding.of(&self.model.gguf), ids, own);
        self.compute.scale(sum, 1.0 / (config.width as f32).sqrt());
        self.compute.rms_norm_in_place(sum, &weights.norm, config.epsilon);
        self.compute.add_scaled(sum, own, (config.input_width() as f32).sqrt());
        self.compute.scale(sum, std::f32::consts::FRAC_1_SQRT_2);
        self.cursor.step(all)
    }

    fn layer_input(&self) -> Option<&'a LayerInput> {
        self.layer.end.input.as_ref()
    }

    /// The stream as the right-hand side of the gate.
    pub(super) fn quantise_end(&mut self) -> Result<Step> {
        let Some(input) = self.layer_input() else { return Ok(Step::Done) };
        self.scratch.normed = false;
        self.quantise_stream(self.forms([&input.gate]))
    }

    /// act(gate · stream) ⊙ the layer's own embedding.
    pub(super) fn gate_input(&mut self) -> Step {
        let Some(input) = self.layer_input() else { return Step::Done };
        let (rows, layer, gguf) = (self.rows(), self.layer_index(), &self.model.gguf);
        let additions = self.additions([&input.gate]);
        let step = self.sweep(additions, |slice, additions, at| {
            let Scratch { inputs, activations, lowered, .. } = &mut *slice.scratch;
            let added = additions.of(0, lowered);
            let product = Product::new(input.gate.of(gguf), inputs.gated.first_mut(rows));
            slice.compute.products(&mut [Product { added, ..product }], activations, at, &slice.pace)
        });
        if step == Step::Done {
            let inputs = &mut self.scratch.inputs;
            let (width, act) = (input.gate.rows, self.model.config.family.gate);
            let place = (layer * width, inputs.rows.width);
            let gated = inputs.gated.first_mut(rows);
            self.compute.gate(act, gated, width, inputs.rows.first(rows), place);
        }
        step
    }

    /// Its result as the right-hand side of the projection back.
    pub(super) fn quantise_input(&mut self) -> Result<Step> {
        let Some(input) = self.layer_input() else { return Ok(Step::Done) };
        let rows = self.rows();
        let forms = self.forms([&input.projection]);
        let Scratch { inputs, activations, .. } = &mut *self.scratch;
        let (right, width) = (inputs.gated.first(rows), inputs.gated.width);
        let (at, pace) = (&mut self.cursor.unit, &self.pace);
        self.compute.activations_from(right, width, forms, activations, at, pace)
    }

    /// The projection back, beside the stream.
    pub(super) fn project_input(&mut self) -> Step {
        let Some(input) = self.layer_input() else { return Step::Done };
        let (rows, gguf) = (self.rows(), &self.model.gguf);
        let additions = self.additions([&input.projection]);
        self.sweep(additions, |slice, additions, at| {
            let Scratch { branch, activations, lowered, .. } = &mut *slice.scratch;
            let added = additions.of(0, lowered);
            let product = Product::new(input.projection.of(gguf), branch.first_mut(rows));
            slice.compute.products(&mut [Product { added, ..product }], activations, at, &slice.pace)
        })
    }

    /// Adds it to the stream, normed.
    pub(super) fn add_input(&mut self) {
        self.add_branch(self.layer_input().map(|input| &*input.norm));
    }

    /// The stream times the layer's number, if it has one.
    pub(super) fn scale_end(&mut self) {
        let rows = self.rows();
        if let Some(&scale) = self.layer.end.scale.as_ref().and_then(|scale| scale.first()) {
            self.compute.scale(self.scratch.stream.first_mut(rows), scale);
        }
    }
}
