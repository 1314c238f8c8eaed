//! The memory that a pass works in: taken once for the largest pass so far, kept for the next. Knows widths;
//! not what is computed.

use super::adapted::{SWEEP, Spare};
use crate::compute::{Zeroed, attention_work};
use crate::error::Result;
use crate::kernel::{Activations, Form, Forms, RopeTable};
use crate::model::description::{Attention, Config, DeltaNet, Layer, Mamba2, Matrix, Mixer, ModelWeights};
use smallvec::SmallVec;
use std::ops::Range;

/// Rows that an operation on the driving thread takes at a time: tens of microseconds.
pub(super) const ROWS: usize = 32;

/// Rows of one width at a time: (rows, width).
#[derive(Default)]
pub(super) struct Rows {
    data: Zeroed<f32>,
    pub(super) width: usize,
    /// The greatest width of them.
    most: usize,
}

impl Rows {
    fn new(most: usize) -> Self {
        Self { data: Zeroed::default(), width: most, most }
    }

    /// Makes them so wide; what they held is lost.
    pub(super) fn set_width(&mut self, width: usize) {
        debug_assert!(width <= self.most, "{width} of {}", self.most);
        self.width = width.min(self.most);
    }

    fn reserve(&mut self, rows: usize) -> Result<()> {
        let len = rows.saturating_mul(self.most);
        if len > self.data.len() {
            self.data = Zeroed::new(len)?;
        }
        Ok(())
    }

    /// The first `rows` rows.
    pub(super) fn first(&self, rows: usize) -> &[f32] {
        self.data.get(..rows * self.width).unwrap_or(&[])
    }

    /// The first `rows` rows, to be written.
    pub(super) fn first_mut(&mut self, rows: usize) -> &mut [f32] {
        self.data.get_mut(..rows * self.width).unwrap_or(&mut [])
    }

    /// Some rows.
    pub(super) fn range(&self, rows: Range<usize>) -> &[f32] {
        self.data.get(rows.start * self.width..rows.end * self.width).unwrap_or(&[])
    }

    /// Some rows, to be written.
    pub(super) fn range_mut(&mut self, rows: Range<usize>) -> &mut [f32] {
        self.data.get_mut(rows.start * self.width..rows.end * self.width).unwrap_or(&mut [])
    }

    /// Row `row`.
    pub(super) fn row(&self, row: usize) -> &[f32] {
        self.data.get(row * self.width..(row + 1) * self.width).unwrap_or(&[])
    }

    /// Row `row`, to be written.
    pub(super) fn row_mut(&mut self, row: usize) -> &mut [f32] {
        self.data.get_mut(row * self.width..(row + 1) * self.width).unwrap_or(&mut [])
    }

    /// Adds row `from` to row `to`, which is in front of it.
    pub(super) fn add_row(&mut self, from: usize, to: usize) {
        let (front, back) = self.data.split_at_mut(from * self.width);
        let (Some(to), Some(from)) = (front.get_mut(to * self.width..), back.get(..self.width)) else {
            return;
        };
        to.iter_mut().zip(from).for_each(|(to, from)| *to += from);
    }

    /// Moves row `from` to row `to`.
    pub(super) fn move_row(&mut self, from: usize, to: usize) {
        if from != to && (from.max(to) + 1) * self.width <= self.data.len() {
            self.data.copy_within(from * self.width..(from + 1) * self.width, to * self.width);
        }
    }
}

/// All buffers of a pass; rows are the pass' tokens unless said otherwise.
pub(super) struct Scratch {
    /// Rows and rows of logits that the buffers hold.
    rows: usize,
    outputs: usize,
    /// Widths that activations have, and the forms that all matrices together need.
    widest: usize,
    forms: Forms,
    /// The residual stream: (width).
    pub(super) stream: Rows,
    /// What a half of a layer begins with (the normed stream) and, where that is normed again, what it adds:
    /// (width).
    pub(super) branch: Rows,
    /// Whether `branch` holds the normed stream; else the stream itself comes next.
    pub(super) normed: bool,
    /// (query width), (kv width), (kv width).
    pub(super) queries: Rows,
    pub(super) keys: Rows,
    pub(super) values: Rows,
    /// What the mixer's output projection takes, such as attention's result: (query width).
    pub(super) attended: Rows,
    /// Queries, behind each head's its gate: (projected width), where there are any.
    pub(super) gated: Rows,
    /// Gates and inputs of a short convolution: (3 · width); inputs of a delta net's: (channels).
    pub(super) conv_input: Rows,
    pub(super) delta: DeltaScratch,
    /// What attention leaves behind between its rounds, and how many heads of queries it has.
    pub(super) attention: Zeroed<f32>,
    heads: usize,
    pub(super) inputs: InputScratch,
    /// gate · up: (inner width).
    pub(super) inner: Rows,
    /// The right-hand side of the next product.
    pub(super) activations: Activations,
    /// What adapters lower it to, of up to three matrices: (rank) each.
    pub(super) lowered: Zeroed<f32>,
    pub(super) spare: Spare,
    /// The largest rank that there is room for.
    rank: usize,
    /// Angles of each rope.
    pub(super) angles: SmallVec<[RopeTable; 2]>,
    pub(super) experts: ExpertScratch,
    /// Rows are outputs: an encoder's vectors behind the first of two matrices.
    pub(super) widened: Rows,
    /// Rows are outputs: (vocabulary), or, of a pass for vectors, (vector).
    pub(super) logits: Rows,
}

/// What embeddings for each layer need.
#[derive(Default)]
pub(super) struct InputScratch {
    /// Those of all layers: (layers × input).
    pub(super) rows: Rows,
    /// Some rows of those that tokens have by themselves: (layers × input).
    pub(super) own: Rows,
    /// What the gate of the layer in progress lets through of its own: (input).
    pub(super) gated: Rows,
}

/// What delta nets and Mamba-2 need beside.
#[derive(Default)]
pub(super) struct DeltaScratch {
    /// What results are gated with: (values).
    pub(super) gate: Rows,
    /// What decays, and strengths of writes, hang on: (value heads).
    pub(super) alpha: Rows,
    pub(super) beta: Rows,
    /// Some rows of queries, keys and values behind the convolution: (channels).
    pub(super) mixed: Rows,
}

/// What a feed-forward of experts needs beside.
#[derive(Default)]
pub(super) struct ExpertScratch {
    /// Scores, then weights of experts: (experts).
    pub(super) scores: Rows,
    /// Score, then weight, of the expert that always runs: (1).
    pub(super) shared: Rows,
    /// Expert, row and weight, ordered by expert, then row.
    pub(super) choices: Vec<Choice>,
    /// The rows of one expert: (width).
    pub(super) gathered: Rows,
    /// The sum of all experts' results: (width).
    pub(super) sum: Rows,
}

/// A row that runs through an expert.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Choice {
    pub(super) expert: usize,
    pub(super) row: usize,
    pub(super) weight: f32,
}

impl Scratch {
    /// Nothing taken yet.
    pub(super) fn new(config: &Config, weights: &ModelWeights) -> Self {
        let most = |of: &dyn Fn(&Layer) -> usize| config.layers.iter().map(of).max().unwrap_or(0);
        let attention = |of: fn(&Attention) -> usize| {
            most(&|layer| match &layer.mixer {
                Mixer::Attention(attention) => of(attention),
                Mixer::ShortConv(_) | Mixer::DeltaNet(_) | Mixer::Mamba2(_) => 0,
            })
        };
        let delta = |of: fn(&DeltaNet) -> usize| {
            most(&|layer| match &layer.mixer {
                Mixer::DeltaNet(net) => of(net),
                Mixer::Attention(_) | Mixer::ShortConv(_) | Mixer::Mamba2(_) => 0,
            })
        };
        let mamba = |of: fn(&Mamba2) -> usize| {
            most(&|layer| match &layer.mixer {
                Mixer::Mamba2(net) => of(net),
                Mixer::Attention(_) | Mixer::ShortConv(_) | Mixer::DeltaNet(_) => 0,
            })
        };
        let conv = most(&|layer| match &layer.mixer {
            Mixer::Attention(_) | Mixer::DeltaNet(_) | Mixer::Mamba2(_) => 0,
            Mixer::ShortConv(conv) => conv.width,
        });
        let channels = delta(DeltaNet::channels).max(mamba(Mamba2::channels));
        let delta_values = delta(DeltaNet::values).max(mamba(|net| net.inner));
        let mixed = attention(Attention::query_width).max(conv).max(delta_values);
        let gated = |numbers: &Attention| if numbers.gated { numbers.projected_width() } else { 0 };
        let (queries, kv) = (attention(Attention::query_width), attention(Attention::kv_width));
        let inner = most(&|layer| layer.feed.inner_width());
        let experts = most(&|layer| layer.feed.experts().map_or(0, |experts| experts.count));
        let widened = config.encoder.and_then(|encoder| encoder.dense).map_or(0, |[inner, _]| inner);
        // Either may be wanted of a decoder.
        let output = match config.encoder {
            Some(encoder) => encoder.vector(config.width),
            None => weights.output.rows.max(config.width),
        };
        let experts = match experts {
            0 => ExpertScratch::default(),
            count => ExpertScratch {
                scores: Rows::new(count),
                shared: Rows::new(1),
                choices: Vec::new(),
                gathered: Rows::new(config.width),
                sum: Rows::new(config.width),
            },
        };
        Self {
            rows: 0,
            outputs: 0,
            widest: config.width.max(mixed).max(inner).max(config.input_width()).max(widened),
            forms: all_forms(weights),
            stream: Rows::new(config.width),
            branch: Rows::new(config.width),
            normed: false,
            queries: Rows::new(queries),
            keys: Rows::new(kv),
            values: Rows::new(kv),
            attended: Rows::new(mixed),
            gated: Rows::new(attention(gated)),
            conv_input: Rows::new((3 * conv).max(channels)),
            delta: DeltaScratch {
                gate: Rows::new(delta_values),
                alpha: Rows::new(delta(|net| net.value_heads).max(mamba(|net| net.heads))),
                beta: Rows::new(delta(|net| net.value_heads)),
                mixed: Rows::new(channels),
            },
            attention: Zeroed::default(),
            heads: attention(|attention| attention.heads),
            inputs: InputScratch {
                rows: Rows::new(config.layers.len() * config.input_width()),
                own: Rows::new(config.layers.len() * config.input_width()),
                gated: Rows::new(config.input_width()),
            },
            inner: Rows::new(inner),
            activations: Activations::default(),
            lowered: Zeroed::default(),
            spare: Vec::new(),
            rank: 0,
            angles: config.ropes.iter().map(|_| RopeTable::default()).collect(),
            experts,
            widened: Rows::new(widened),
            logits: Rows::new(output),
        }
    }

    /// Gives rows the widths that they have in `layer`.
    pub(super) fn fit(&mut self, layer: &Layer) {
        match &layer.mixer {
            Mixer::Attention(attention) => {
                self.queries.set_width(attention.query_width());
                if attention.gated {
                    self.gated.set_width(attention.projected_width());
                }
                self.keys.set_width(attention.kv_width());
                self.values.set_width(attention.kv_width());
                self.attended.set_width(attention.query_width());
            }
            Mixer::ShortConv(conv) => {
                self.attended.set_width(conv.width);
                self.conv_input.set_width(3 * conv.width);
            }
            Mixer::DeltaNet(net) => {
                self.attended.set_width(net.values());
                self.conv_input.set_width(net.channels());
                self.delta.gate.set_width(net.values());
                self.delta.alpha.set_width(net.value_heads);
                self.delta.beta.set_width(net.value_heads);
                self.delta.mixed.set_width(net.channels());
            }
            Mixer::Mamba2(net) => {
                self.attended.set_width(net.inner);
                self.conv_input.set_width(net.channels());
                self.delta.gate.set_width(net.inner);
                self.delta.alpha.set_width(net.heads);
                self.delta.mixed.set_width(net.channels());
            }
        }
        self.inner.set_width(layer.feed.inner_width());
        if let Some(experts) = layer.feed.experts() {
            self.experts.scores.set_width(experts.count);
        }
    }

    fn buffers(&mut self) -> [&mut Rows; 18] {
        [
            &mut self.stream,
            &mut self.branch,
            &mut self.queries,
            &mut self.keys,
            &mut self.values,
            &mut self.attended,
            &mut self.inputs.rows,
            &mut self.inputs.gated,
            &mut self.gated,
            &mut self.conv_input,
            &mut self.delta.gate,
            &mut self.delta.alpha,
            &mut self.delta.beta,
            &mut self.inner,
            &mut self.experts.scores,
            &mut self.experts.shared,
            &mut self.experts.gathered,
            &mut self.experts.sum,
        ]
    }

    /// Bytes that a pass of `rows` tokens and `outputs` rows of logits works in, with adapters of up to
    /// `rank`.
    pub(super) fn bytes_for(&self, rows: usize, outputs: usize, rank: usize) -> u64 {
        let experts = &self.experts;
        let floats = self.stream.most * 2
            + self.queries.most
            + self.attended.most
            + self.gated.most
            + self.conv_input.most
            + self.delta.gate.most
            + self.delta.alpha.most * 2
            + self.keys.most * 2
            + self.inputs.rows.most
            + self.inputs.gated.most
            + self.inner.most
            + experts.scores.most * 4
            + experts.gathered.most * 2
            + SWEEP * rank;
        // Quantised activations take 12 bytes for 8 values at most.
        let mut per_value = 0;
        for (form, bytes) in [(Form::F32, 32), (Form::Q32, 12), (Form::Q256, 10)] {
            per_value += if self.forms(rank).contains(form) { bytes } else { 0 };
        }
        let angles = self.queries.most.min(1024) * 2;
        let row = floats * 4 + self.widest * per_value / 8 + angles * 4;
        let attention = if rows > 0 { attention_work(rows, self.heads) } else { 0 };
        let some = rows.min(ROWS) * (self.inputs.own.most + self.delta.mixed.most);
        let rest = (attention + some) as u64 * 4;
        let output = (self.logits.most + self.widened.most) as u64 * 4;
        rows as u64 * row as u64 + rest + outputs as u64 * output
    }

    /// The forms that matrices, and adapters of up to `rank`, need.
    fn forms(&self, rank: usize) -> Forms {
        if rank > 0 { self.forms.with(Form::F32) } else { self.forms }
    }

    /// Bytes taken once there is room for such a pass.
    pub(super) fn bytes_with(&self, rows: usize, outputs: usize, rank: usize) -> u64 {
        self.bytes_for(rows.max(self.rows), outputs.max(self.outputs), rank.max(self.rank))
    }

    /// Bytes taken.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes_for(self.rows, self.outputs, self.rank)
    }

    /// Takes memory for a pass of `rows` tokens and `outputs` rows of logits, with adapters of up to `rank`,
    /// unless it is there.
    pub(super) fn reserve(&mut self, rows: usize, outputs: usize, rank: usize) -> Result<()> {
        if outputs > self.outputs {
            self.logits.reserve(outputs)?;
            self.widened.reserve(outputs)?;
            self.outputs = outputs;
        }
        let (all, rank) = (rows.max(self.rows), rank.max(self.rank));
        if all > self.rows || rank > self.rank {
            self.activations.reserve(all, self.widest, self.forms(rank))?;
            self.lowered = Zeroed::new(SWEEP * all * rank)?;
            self.rank = rank;
        }
        if rows <= self.rows {
            return Ok(());
        }
        for buffer in self.buffers() {
            buffer.reserve(rows)?;
        }
        self.inputs.own.reserve(rows.min(ROWS))?;
        self.delta.mixed.reserve(rows.min(ROWS))?;
        self.attention = Zeroed::new(attention_work(rows, self.heads))?;
        self.experts.choices.try_reserve(rows * self.experts.scores.most)?;
        self.rows = rows;
        Ok(())
    }

    /// Gives the memory back.
    pub(super) fn trim(&mut self) {
        for buffer in self.buffers() {
            buffer.data = Zeroed::default();
        }
        self.logits.data = Zeroed::default();
        self.widened.data = Zeroed::default();
        self.inputs.own.data = Zeroed::default();
        self.delta.mixed.data = Zeroed::default();
        self.attention = Zeroed::default();
        self.activations = Activations::default();
        self.lowered = Zeroed::default();
        self.angles.iter_mut().for_each(|angles| *angles = RopeTable::default());
        self.experts.choices = Vec::new();
        (self.rows, self.outputs, self.rank) = (0, 0, 0);
    }
}

/// The forms that `matrices` are multiplied with.
pub(super) fn forms<'a>(matrices: impl IntoIterator<Item = &'a Matrix>) -> Forms {
    matrices.into_iter().fold(Forms::NONE, |forms, matrix| forms.with(matrix.ty.form()))
}

fn all_forms(weights: &ModelWeights) -> Forms {
    let mut all = Forms::NONE;
    weights.each_matrix(&mut |matrix| all = all.with(matrix.ty.form()));
    all
}
