//! The forward pass: operation after operation, each resumable, until the time of a slice is over. Knows the
//! order and who comes next; the operations are in the files below.

mod attention;
mod behind;
mod delta_net;
mod experts;
mod feed_forward;
mod inputs;
mod mamba;
mod output;
mod pooling;
mod recurrent;
mod short_conv;

use super::adapted::{Adapters, Additions, Runs};
use super::kv::KvMemory;
use super::pass::{Cursor, Pass};
use super::scratch::{Scratch, forms};
use crate::compute::{self, Compute};
use crate::error::Result;
use crate::gguf::Gguf;
use crate::kernel::{Form, Forms, Rope};
use crate::model::description::{Config, Layer, LayerWeights, Matrix, ModelWeights, RopeKeys};
use crate::model::program::{Operation, Program};
use crate::model::{Pace, Step, VectorSpec};
use smallvec::SmallVec;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

/// A loaded model: its file, its numbers, its weights.
pub(super) struct Model {
    gguf: Arc<Gguf>,
    config: Config,
    weights: ModelWeights,
    /// As in the configuration.
    ropes: SmallVec<[Rope; 2]>,
    /// The last layer that keeps anything of tokens: behind it only rows whose logits are wanted go on.
    last_kept: usize,
}

/// A model, the memory that its passes work in, and what computes.
pub(super) struct Forward {
    model: Model,
    scratch: Scratch,
    compute: Arc<Mutex<Compute>>,
}

/// One operation of a pass on its way: what it reads, writes and computes with.
struct Slice<'a> {
    model: &'a Model,
    layer: &'a LayerWeights,
    scratch: &'a mut Scratch,
    compute: &'a mut Compute,
    pass: &'a mut Pass,
    memory: &'a mut KvMemory,
    /// The pass' own.
    adapters: &'a Adapters,
    pace: compute::Pace,
    /// The pass' cursor, while the operation moves it.
    cursor: Cursor,
}

impl Forward {
    /// Ready to compute.
    ///
    /// # Errors
    /// `ModelInvalid` for rope frequencies that are not finite.
    pub(super) fn new(
        gguf: Arc<Gguf>,
        config: Config,
        weights: ModelWeights,
        compute: Arc<Mutex<Compute>>,
    ) -> Result<Self> {
        let rope = |rope: &RopeKeys| rope.build(weights.rope_factors.as_deref());
        let ropes = config.ropes.iter().map(rope).collect::<Result<_>>()?;
        let scratch = Scratch::new(&config, &weights);
        let last_kept = config.layers.iter().rposition(Layer::keeps).unwrap_or(0);
        Ok(Self { model: Model { gguf, config, weights, ropes, last_kept }, scratch, compute })
    }

    /// The file with the weights.
    pub(super) fn gguf(&self) -> &Gguf {
        &self.model.gguf
    }

    /// What vectors of texts are.
    ///
    /// # Errors
    /// `Unsupported`: the model's file gives none.
    pub(super) fn vectors(&self) -> Result<VectorSpec> {
        let mut spec = self.model.config.vectors()?;
        // Who has one kind of parts has RoBERTa's pairs: `<s> query </s></s> text </s>`.
        let kinds = self.model.weights.begin.as_ref().and_then(|begin| begin.kinds.as_ref());
        spec.separators += usize::from(kinds.is_none_or(|kinds| kinds.rows < 2));
        Ok(spec)
    }

    /// How many layers the model has.
    pub(super) fn layers(&self) -> usize {
        self.model.weights.layers.len()
    }

    /// Memory for passes.
    pub(super) fn scratch(&self) -> &Scratch {
        &self.scratch
    }

    /// Memory for passes, to be taken or given back.
    pub(super) fn scratch_mut(&mut self) -> &mut Scratch {
        &mut self.scratch
    }

    /// Moves the pass on until it is done or `pace` is over.
    pub(super) fn run_slice(&mut self, pass: &mut Pass, memory: &mut KvMemory, pace: Pace) -> Result<Step> {
        let Some(cursor) = pass.cursor else { return Ok(Step::Done) };
        // A panic of an earlier pass left the compute threads usable, and nothing half-written that is ever
        // read.
        let mut compute = self.compute.lock().unwrap_or_else(PoisonError::into_inner);
        let layers = &self.model.weights.layers;
        let layer = layers.get(cursor.stage.layer().unwrap_or(0));
        let Some(layer) = layer else { return Ok(Step::Done) };
        // Apart from what operations change; back behind the slice, or gone with a pass that fails.
        let adapters = std::mem::take(&mut pass.adapters);
        let mut slice = Slice {
            model: &self.model,
            layer,
            scratch: &mut self.scratch,
            compute: &mut compute,
            pass,
            memory,
            adapters: &adapters,
            pace: compute::Pace::until(pace.until),
            cursor,
        };
        let step = slice.run();
        pass.adapters = adapters;
        step
    }
}

impl<'a> Slice<'a> {
    /// Operation after operation, until the pass is done or the time is over.
    fn run(&mut self) -> Result<Step> {
        while !self.pass.done {
            let program = self.cursor.stage.program(&self.model.config, self.pass.pooling.is_some());
            let Some(operation) = program.operations.get(self.cursor.index) else {
                self.next_stage();
                continue;
            };
            let step = self.step(*operation);
            if matches!(step, Ok(compute::Step::Done)) {
                self.cursor.unit = 0;
                self.advance(program);
            }
            self.pass.cursor = Some(self.cursor);
            if step? == compute::Step::Paused || (self.pace.is_over() && !self.pass.done) {
                return Ok(Step::More);
            }
        }
        Ok(Step::Done)
    }

    /// One operation, from where it was paused.
    fn step(&mut self, operation: Operation) -> Result<compute::Step> {
        use Operation::*;
        match operation {
            Angles => return self.angles(),
            Embed => return Ok(self.embed()),
            Places => return Ok(self.places()),
            NormPlaced => self.norm_placed(),
            QuantiseEmbedded => return self.quantise_embedded(),
            ProjectInputs => return Ok(self.project_inputs()),
            Inputs => return Ok(self.inputs()),
            MixerNorm => self.norm_stream(self.layer.norm.as_deref()),
            QuantiseStream => return self.quantise_stream(self.mixer_forms()),
            Qkv => return Ok(self.qkv()),
            Rope => self.rope(),
            Store => return Ok(self.store()),
            Narrow => self.narrow(),
            ConvInput => return Ok(self.conv_input()),
            Convolve => return Ok(self.convolve()),
            DeltaInput => return Ok(self.delta_input()),
            Delta => return Ok(self.delta()),
            MambaInput => return Ok(self.mamba_input()),
            Mamba => return Ok(self.mamba()),
            Attend => return Ok(self.attend()),
            GateMixed => self.gate_mixed(),
            QuantiseMixed => return self.quantise_mixed(),
            MixerOutput => return Ok(self.mixer_output()),
            AddMixed => self.add_branch(self.layer.post_norm.as_deref()),
            NormMixed => self.norm_behind(0),
            NormFed => self.norm_behind(1),
            FeedNorm => self.norm_stream(self.layer.feed_norm.as_deref()),
            RouterNorm => self.router_norm(),
            ExpertNorm => self.expert_norm(),
            NormExperts => self.norm_experts(),
            QuantiseHidden => return self.quantise_hidden(),
            Route => return self.route(),
            Gather => return self.gather(),
            GateUp => return Ok(self.gate_up()),
            Up => return Ok(self.up()),
            Activate => self.activate(),
            QuantiseInner => return self.quantise_inner(),
            Down => return Ok(self.down()),
            Scatter => self.scatter(),
            Add => self.add_feed(),
            AddBoth => self.add_both(),
            QuantiseEnd => return self.quantise_end(),
            GateInput => return Ok(self.gate_input()),
            QuantiseInput => return self.quantise_input(),
            ProjectInput => return Ok(self.project_input()),
            AddInput => self.add_input(),
            ScaleEnd => self.scale_end(),
            NormEnd => self.norm_end(),
            OutputNorm => self.norm_stream(self.model.weights.output_norm.as_deref()),
            QuantiseOutput => return self.quantise_output(),
            Pool => return Ok(self.pool()),
            QuantisePooled => return self.quantise_pooled(),
            Widen => return Ok(self.widen()),
            Squash => self.squash(),
            QuantiseWidened => return self.quantise_widened(),
            Vector => return Ok(self.vector()),
            Output => return Ok(self.output()),
            Finish => self.finish(),
        }
        Ok(compute::Step::Done)
    }

    /// Moves the cursor behind the operation that is computed.
    fn advance(&mut self, program: &Program) {
        let Range { start, end } = program.repeated;
        let index = self.cursor.index;
        // Experts without a row are passed over.
        let idle = index == start && start < end && self.expert_rows() == 0;
        self.cursor.index += 1;
        if idle || self.cursor.index == end {
            self.cursor.expert += 1;
            let left = self.cursor.expert < self.expert_count();
            self.cursor.index = if left { start } else { end };
        }
        if self.cursor.index >= program.operations.len() {
            self.next_stage();
        }
        // Nobody wants logits, and the past has all of it.
        self.pass.done |= self.rows() == 0;
    }

    fn next_stage(&mut self) {
        let layers = &self.model.weights.layers;
        let Some(stage) = self.cursor.stage.next(layers.len()) else {
            self.pass.done = true;
            return;
        };
        self.cursor = Cursor { stage, ..Cursor::BEGIN };
        self.layer = stage.layer().and_then(|layer| layers.get(layer)).unwrap_or(self.layer);
        if let Some(layer) = stage.layer().and_then(|layer| self.model.config.layers.get(layer)) {
            self.scratch.fit(layer);
        }
    }

    /// The forms that `matrices` are multiplied with, and what adapters add to them.
    fn forms<'b>(&self, matrices: impl IntoIterator<Item = &'b Matrix>) -> Forms {
        let forms = forms(matrices);
        if self.adapters.rank() > 0 { forms.with(Form::F32) } else { forms }
    }

    /// What adapters add to products of the pass' rows with `matrices`.
    fn additions(&mut self, matrices: impl IntoIterator<Item = &'a Matrix>) -> Additions<'a> {
        self.additions_to(matrices, self.rows(), |slice| slice.pass.runs())
    }

    /// The same of `rows` rows, which `runs` says whose they are.
    fn additions_to(
        &mut self,
        matrices: impl IntoIterator<Item = &'a Matrix>,
        rows: usize,
        runs: impl FnOnce(&Self) -> Runs,
    ) -> Additions<'a> {
        if self.adapters.rank() == 0 {
            return Additions::none();
        }
        let (runs, spare) = (runs(self), std::mem::take(&mut self.scratch.spare));
        self.adapters.additions(matrices.into_iter(), &runs, rows, spare)
    }

    /// A product and what is added to it: first the activations are lowered, then `multiply` goes on from
    /// where it was paused.
    fn sweep(
        &mut self,
        additions: Additions<'a>,
        multiply: impl FnOnce(&mut Self, &Additions<'a>, &mut usize) -> compute::Step,
    ) -> compute::Step {
        let chunks = additions.chunks();
        if self.cursor.unit < chunks {
            let Scratch { activations, lowered, .. } = &mut *self.scratch;
            let (at, pace) = (&mut self.cursor.unit, &self.pace);
            let step = self.compute.lower(additions.parts(), activations, lowered, at, pace);
            if step == compute::Step::Paused {
                self.scratch.spare = additions.into_spare();
                return step;
            }
            self.cursor.unit = chunks;
        }
        let mut at = self.cursor.unit - chunks;
        let step = multiply(self, &additions, &mut at);
        self.scratch.spare = additions.into_spare();
        self.cursor.unit = if step == compute::Step::Paused { chunks + at } else { 0 };
        step
    }

    /// Rows that are still computed: all tokens, then only those whose logits are wanted.
    fn rows(&self) -> usize {
        if self.pass.narrowed { self.pass.outputs() } else { self.pass.tokens.len() }
    }

    /// The layer in progress.
    fn layer_index(&self) -> usize {
        self.cursor.stage.layer().unwrap_or(0)
    }
}
