//! The forward pass: operation after operation, each resumable, until the time of a slice is over. Knows the
//! order and who comes next; the operations are in the files below.

mod attention;
mod experts;
mod feed_forward;
mod output;

use super::config::Config;
use super::kv::Sequences;
use super::pass::{Cursor, Operation, Pass};
use super::scratch::{Scratch, forms};
use super::weights::{FeedForwardKind, Layer, ModelWeights};
use crate::compute::{self, Compute};
use crate::error::Result;
use crate::gguf::Gguf;
use crate::kernel::{KvLayout, Rope};
use crate::model::{Pace, Step};
use std::sync::{Arc, Mutex, PoisonError};

/// A loaded model: its file, its numbers, its weights.
pub(super) struct Model {
    gguf: Arc<Gguf>,
    config: Config,
    weights: ModelWeights,
    rope: Rope,
    /// Of layers with a window, where it differs.
    local_rope: Option<Rope>,
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
    layer: &'a Layer,
    scratch: &'a mut Scratch,
    compute: &'a mut Compute,
    pass: &'a mut Pass,
    sequences: &'a mut Sequences,
    layout: &'a KvLayout,
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
        let rope = config.attention.rope.build(weights.rope_factors.as_deref())?;
        let local_rope = config.attention.local_rope.as_ref().map(|rope| rope.build(None)).transpose()?;
        let scratch = Scratch::new(&config, &weights);
        Ok(Self { model: Model { gguf, config, weights, rope, local_rope }, scratch, compute })
    }

    /// The file with the weights.
    pub(super) fn gguf(&self) -> &Gguf {
        &self.model.gguf
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
    pub(super) fn run_slice(
        &mut self,
        pass: &mut Pass,
        sequences: &mut Sequences,
        layout: &KvLayout,
        pace: Pace,
    ) -> Result<Step> {
        let Some(cursor) = pass.cursor else { return Ok(Step::Done) };
        // A panic of an earlier pass left the compute threads usable, and nothing half-written that is ever
        // read.
        let mut compute = self.compute.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(first) = self.model.weights.layers.first() else { return Ok(Step::Done) };
        let mut slice = Slice {
            model: &self.model,
            layer: first,
            scratch: &mut self.scratch,
            compute: &mut compute,
            pass,
            sequences,
            layout,
            pace: compute::Pace::until(pace.until),
            cursor,
        };
        slice.run()
    }
}

impl Slice<'_> {
    /// Operation after operation, until the pass is done or the time is over.
    fn run(&mut self) -> Result<Step> {
        while self.cursor.operation != Operation::Done {
            if let Some(layer) = self.model.weights.layers.get(self.cursor.layer) {
                self.layer = layer;
            }
            let step = self.step();
            if matches!(step, Ok(compute::Step::Done)) {
                self.cursor.unit = 0;
                self.advance();
            }
            self.pass.cursor = Some(self.cursor);
            if step? == compute::Step::Paused
                || (self.pace.is_over() && self.cursor.operation != Operation::Done)
            {
                return Ok(Step::More);
            }
        }
        Ok(Step::Done)
    }

    /// One operation, from where it was paused.
    fn step(&mut self) -> Result<compute::Step> {
        use Operation::*;
        match self.cursor.operation {
            Angles => return self.angles(),
            Embed => return Ok(self.embed()),
            AttentionNorm => self.norm_stream(self.layer.attention.norm.as_deref()),
            QuantiseStream => return self.quantise_stream(forms(&self.layer.attention.qkv)),
            Qkv => return Ok(self.qkv()),
            Rope => self.rope(),
            Store => return Ok(self.store()),
            Attend => return Ok(self.attend()),
            QuantiseAttended => return self.quantise_attended(),
            AttentionOutput => return Ok(self.attention_output()),
            FeedForwardNorm => self.feed_forward_norm(),
            QuantiseHidden => return self.quantise_hidden(),
            Route => return self.route(),
            Gather => return self.gather(),
            GateUp => return Ok(self.gate_up()),
            QuantiseInner => return self.quantise_inner(),
            Down => return Ok(self.down()),
            Scatter => self.scatter(),
            Add => self.add_feed_forward(),
            OutputNorm => self.norm_stream(Some(&self.model.weights.output_norm)),
            QuantiseOutput => return self.quantise_output(),
            Output => return Ok(self.output()),
            Finish => self.finish(),
            Done => {}
        }
        Ok(compute::Step::Done)
    }

    /// Moves the cursor to the operation that follows.
    fn advance(&mut self) {
        use Operation::*;
        let dense = matches!(self.layer.feed_forward.kind, FeedForwardKind::Dense(_));
        let normed_after = self.model.config.norms_after();
        self.cursor.operation = match self.cursor.operation {
            Angles => Embed,
            Embed => AttentionNorm,
            AttentionNorm => QuantiseStream,
            QuantiseStream => Qkv,
            Qkv => Rope,
            Rope => Store,
            Store if self.rows() == 0 => Done,
            Store => Attend,
            Attend => QuantiseAttended,
            QuantiseAttended => AttentionOutput,
            AttentionOutput => FeedForwardNorm,
            FeedForwardNorm => QuantiseHidden,
            QuantiseHidden if dense => GateUp,
            QuantiseHidden => Route,
            Route => Gather,
            // Experts without a row are passed over.
            Gather if self.expert_rows() == 0 => return self.next_expert(),
            Gather => GateUp,
            GateUp => QuantiseInner,
            QuantiseInner => Down,
            Down if !dense => Scatter,
            Down if normed_after => Add,
            Scatter => return self.next_expert(),
            Down | Add => return self.next_layer(),
            OutputNorm => QuantiseOutput,
            QuantiseOutput => Output,
            Output => Finish,
            Finish | Done => Done,
        };
    }

    fn next_expert(&mut self) {
        self.cursor.expert += 1;
        let left = self.cursor.expert < self.expert_count();
        self.cursor.operation = if left { Operation::Gather } else { Operation::Add };
    }

    fn next_layer(&mut self) {
        self.cursor.expert = 0;
        let last = self.cursor.layer + 1 == self.model.weights.layers.len();
        self.cursor.operation = if last { Operation::OutputNorm } else { Operation::AttentionNorm };
        self.cursor.layer += usize::from(!last);
    }

    /// Rows that are still computed: all tokens, then only those whose logits are wanted.
    fn rows(&self) -> usize {
        if self.pass.narrowed { self.pass.outputs() } else { self.pass.tokens.len() }
    }

    fn is_last_layer(&self) -> bool {
        self.cursor.layer + 1 == self.model.weights.layers.len()
    }
}
