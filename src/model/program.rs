//! The operations of a pass, in order: a constant list for each kind of mixer, of feed-forward, and for both
//! ends. Knows no arithmetic and no backend.

use super::description::{Attention, Config, Encoder, Feed, LayerEnd, Mixer};
use std::ops::Range;

/// One operation on the rows of a pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    /// Rope's angles of all positions.
    Angles,
    /// Token ids to rows of the residual stream.
    Embed,
    /// What positions and kinds of parts have is added to the embeddings.
    Places,
    /// The norm of that.
    NormPlaced,
    /// The embeddings in the form that the projection to the layers' own is multiplied with.
    QuantiseEmbedded,
    /// Their projection to embeddings for each layer.
    ProjectInputs,
    /// Its sum with those that tokens have by themselves.
    Inputs,
    /// The norm before the mixer.
    MixerNorm,
    /// Its result in the forms that the mixer's first matrices are multiplied with.
    QuantiseStream,
    /// Queries, and keys and values unless they are another layer's.
    Qkv,
    /// Norms and rope of queries and keys.
    Rope,
    /// Keys and values into their blocks.
    Store,
    /// In the last layer that keeps anything, only rows whose logits are wanted go on: the past has what it
    /// needs of the others.
    Narrow,
    /// Gates and inputs of a convolution.
    ConvInput,
    /// The convolution; the states that it leaves behind.
    Convolve,
    /// Queries, keys and values of a delta net before its convolution, gates, and what decays and strengths
    /// hang on.
    DeltaInput,
    /// The convolution and the delta rule; the states that they leave behind.
    Delta,
    /// Gates, inputs of the convolution and steps of Mamba-2.
    MambaInput,
    /// The convolution and the recurrence; the states that they leave behind.
    Mamba,
    /// Softmax of queries times keys, times values.
    Attend,
    /// What was mixed times the sigmoid of its gates.
    GateMixed,
    /// What was mixed in the form that comes next.
    QuantiseMixed,
    /// The mixer's output projection.
    MixerOutput,
    /// What the mixer has given, normed, to the residual stream, where it is beside it.
    AddMixed,
    /// The norm behind the sum with what the mixer gives.
    NormMixed,
    /// The norm before the feed-forward.
    FeedNorm,
    /// That before the router of experts which run beside a dense feed-forward,
    RouterNorm,
    /// that before those experts,
    ExpertNorm,
    /// and that of what they give.
    NormExperts,
    /// Its result in the forms that come next.
    QuantiseHidden,
    /// Which experts each row runs through.
    Route,
    /// The rows of one expert.
    Gather,
    /// Gate and up, multiplied.
    GateUp,
    /// Up alone, of a feed-forward without a gate,
    Up,
    /// and what is done to its result.
    Activate,
    /// Their result in the form that comes next.
    QuantiseInner,
    /// The projection back.
    Down,
    /// The norm behind the sum with what the feed-forward gives.
    NormFed,
    /// One expert's results to the sums of their rows.
    Scatter,
    /// The sum with the residual stream.
    Add,
    /// The same of the dense feed-forward and the experts beside it.
    AddBoth,
    /// The residual stream in the form that the gate of the layer's own embedding is multiplied with.
    QuantiseEnd,
    /// What the gate lets through of that embedding.
    GateInput,
    /// Its result in the form that comes next.
    QuantiseInput,
    /// Its projection back.
    ProjectInput,
    /// Its sum with the residual stream.
    AddInput,
    /// The residual stream times a number.
    ScaleEnd,
    /// The residual stream, normed as behind the last layer.
    NormEnd,
    /// The norm behind the last layer.
    OutputNorm,
    /// Its result in the form that the output matrix is multiplied with.
    QuantiseOutput,
    /// The rows of each sequence to one vector.
    Pool,
    /// The vectors in the form that the first matrix behind is multiplied with.
    QuantisePooled,
    /// That matrix.
    Widen,
    /// Its tanh.
    Squash,
    /// Its result in the form that the second one is multiplied with.
    QuantiseWidened,
    /// The second one.
    Vector,
    /// Rows of logits.
    Output,
    /// Scale and cap of the logits.
    Finish,
}

/// Operations in order.
#[derive(Debug)]
pub(crate) struct Program {
    pub(crate) operations: &'static [Operation],
    /// Of them, those that come once for each expert; empty for none.
    pub(crate) repeated: Range<usize>,
}

impl Program {
    const fn once(operations: &'static [Operation]) -> Self {
        Self { operations, repeated: 0..0 }
    }
}

use Operation::*;

static BEGIN: Program = Program::once(&[Angles, Embed]);

static BEGIN_WITH_INPUTS: Program = Program::once(&[Angles, Embed, QuantiseEmbedded, ProjectInputs, Inputs]);

static BEGIN_NORMED: Program = Program::once(&[Angles, Embed, Places, NormPlaced]);

static ATTENTION: Program =
    Program::once(&[MixerNorm, QuantiseStream, Qkv, Rope, Store, Narrow, Attend, QuantiseMixed, MixerOutput]);

/// Of keys and values of another layer.
static SHARING: Program =
    Program::once(&[MixerNorm, QuantiseStream, Qkv, Rope, Attend, QuantiseMixed, MixerOutput]);

/// Of keys and values on both sides: all rows go on, since those behind need them.
static BOTH_WAYS: Program =
    Program::once(&[MixerNorm, QuantiseStream, Qkv, Rope, Store, Attend, QuantiseMixed, MixerOutput]);

/// The same, normed behind the sum.
static NORMED_BOTH_WAYS: Program = Program::once(&[
    MixerNorm,
    QuantiseStream,
    Qkv,
    Rope,
    Store,
    Attend,
    QuantiseMixed,
    MixerOutput,
    NormMixed,
]);

/// Of queries with gates.
static GATED_ATTENTION: Program = Program::once(&[
    MixerNorm,
    QuantiseStream,
    Qkv,
    Rope,
    Store,
    Narrow,
    Attend,
    GateMixed,
    QuantiseMixed,
    MixerOutput,
]);

static DELTA_NET: Program =
    Program::once(&[MixerNorm, QuantiseStream, DeltaInput, Delta, Narrow, QuantiseMixed, MixerOutput]);

static MAMBA2: Program =
    Program::once(&[MixerNorm, QuantiseStream, MambaInput, Mamba, Narrow, QuantiseMixed, MixerOutput]);

static SHORT_CONV: Program =
    Program::once(&[MixerNorm, QuantiseStream, ConvInput, Convolve, Narrow, QuantiseMixed, MixerOutput]);

static DENSE: Program =
    Program::once(&[AddMixed, FeedNorm, QuantiseHidden, GateUp, QuantiseInner, Down, Add]);

/// The same, normed behind the sum; and without a gate.
static NORMED_DENSE: Program =
    Program::once(&[FeedNorm, QuantiseHidden, GateUp, QuantiseInner, Down, NormFed]);

static NORMED_UNGATED: Program =
    Program::once(&[FeedNorm, QuantiseHidden, Up, Activate, QuantiseInner, Down, NormFed]);

static EXPERTS: Program = Program {
    operations: &[
        AddMixed,
        FeedNorm,
        QuantiseHidden,
        Route,
        Gather,
        GateUp,
        QuantiseInner,
        Down,
        Scatter,
        Add,
    ],
    repeated: 4..9,
};

/// Experts beside a dense feed-forward, which comes after them.
static EXPERTS_BESIDE: Program = Program {
    operations: &[
        AddMixed,
        RouterNorm,
        QuantiseHidden,
        Route,
        ExpertNorm,
        Gather,
        GateUp,
        QuantiseInner,
        Down,
        Scatter,
        NormExperts,
    ],
    repeated: 5..10,
};

/// The dense one.
static DENSE_BESIDE: Program =
    Program::once(&[FeedNorm, QuantiseHidden, GateUp, QuantiseInner, Down, AddBoth]);

static PLAIN: Program = Program::once(&[]);

static SCALED: Program = Program::once(&[ScaleEnd]);

static NORMED: Program = Program::once(&[NormEnd]);

static INPUT: Program =
    Program::once(&[QuantiseEnd, GateInput, QuantiseInput, ProjectInput, AddInput, ScaleEnd]);

static END: Program = Program::once(&[OutputNorm, QuantiseOutput, Output, Finish]);

static POOLED: Program = Program::once(&[OutputNorm, Pool]);

static POOLED_DENSE: Program =
    Program::once(&[OutputNorm, Pool, QuantisePooled, Widen, QuantiseWidened, Vector]);

static POOLED_HEAD: Program =
    Program::once(&[OutputNorm, Pool, QuantisePooled, Widen, Squash, QuantiseWidened, Vector]);

/// A part of a pass that has a program of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    Begin,
    /// Of this layer.
    Mixer(usize),
    /// Of this layer: nothing where it has none.
    Experts(usize),
    /// The feed-forward that every token runs through, of this layer: nothing where it has none.
    Dense(usize),
    /// Behind the feed-forward of this layer.
    Behind(usize),
    End,
}

impl Stage {
    /// What is computed in it, in such a model; `vectors`: a pass that gives vectors of texts, no logits. An
    /// encoder's passes do so.
    pub(crate) fn program(self, config: &Config, vectors: bool) -> &'static Program {
        let layer = |index: usize| config.layers.get(index);
        match self {
            Self::Begin if config.norms_behind() => &BEGIN_NORMED,
            Self::Begin => match layer(0).map(|layer| layer.end) {
                Some(LayerEnd::Input(_)) => &BEGIN_WITH_INPUTS,
                Some(LayerEnd::Plain | LayerEnd::Scaled | LayerEnd::Normed) | None => &BEGIN,
            },
            Self::Mixer(index) => match layer(index).map(|layer| &layer.mixer) {
                Some(Mixer::Attention(Attention { shares: Some(_), .. })) => &SHARING,
                Some(Mixer::Attention(Attention { both_ways: true, .. })) if config.norms_behind() => {
                    &NORMED_BOTH_WAYS
                }
                Some(Mixer::Attention(Attention { both_ways: true, .. })) => &BOTH_WAYS,
                Some(Mixer::Attention(Attention { gated: true, .. })) => &GATED_ATTENTION,
                Some(Mixer::Attention(_)) | None => &ATTENTION,
                Some(Mixer::ShortConv(_)) => &SHORT_CONV,
                Some(Mixer::DeltaNet(_)) => &DELTA_NET,
                Some(Mixer::Mamba2(_)) => &MAMBA2,
            },
            Self::Experts(index) => match layer(index).map(|layer| &layer.feed) {
                Some(Feed::Dense(_)) | None => &PLAIN,
                Some(Feed::Experts(_)) => &EXPERTS,
                Some(Feed::Both(..)) => &EXPERTS_BESIDE,
            },
            Self::Dense(_) if config.family.ungated => &NORMED_UNGATED,
            Self::Dense(_) if config.norms_behind() => &NORMED_DENSE,
            Self::Dense(index) => match layer(index).map(|layer| &layer.feed) {
                Some(Feed::Dense(_)) | None => &DENSE,
                Some(Feed::Experts(_)) => &PLAIN,
                Some(Feed::Both(..)) => &DENSE_BESIDE,
            },
            Self::Behind(index) => match layer(index).map(|layer| layer.end) {
                Some(LayerEnd::Plain) | None => &PLAIN,
                Some(LayerEnd::Scaled) => &SCALED,
                Some(LayerEnd::Normed) => &NORMED,
                Some(LayerEnd::Input(_)) => &INPUT,
            },
            Self::End => match config.encoder {
                None if vectors => &POOLED,
                None => &END,
                Some(Encoder { ranks: true, .. }) => &POOLED_HEAD,
                Some(Encoder { dense: None, .. }) => &POOLED,
                Some(Encoder { dense: Some(_), .. }) => &POOLED_DENSE,
            },
        }
    }

    /// What follows in a model of `layers` layers; `None`: nothing.
    pub(crate) fn next(self, layers: usize) -> Option<Self> {
        match self {
            Self::Begin => Some(Self::Mixer(0)),
            Self::Mixer(layer) => Some(Self::Experts(layer)),
            Self::Experts(layer) => Some(Self::Dense(layer)),
            Self::Dense(layer) => Some(Self::Behind(layer)),
            Self::Behind(layer) if layer + 1 < layers => Some(Self::Mixer(layer + 1)),
            Self::Behind(_) => Some(Self::End),
            Self::End => None,
        }
    }

    /// The layer that it is of; none before the first and behind the last.
    pub(crate) fn layer(self) -> Option<usize> {
        match self {
            Self::Mixer(layer) | Self::Experts(layer) | Self::Dense(layer) | Self::Behind(layer) => {
                Some(layer)
            }
            Self::Begin | Self::End => None,
        }
    }
}
