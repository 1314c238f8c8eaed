//! What architectures differ in: the values that a row of the table may have. Knows no architecture, no file
//! and no arithmetic.

/// What an embedding is multiplied by before the first layer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum EmbeddingScale {
    /// Nothing.
    One,
    /// The root of its width.
    RootOfWidth,
    /// What the file says (`embedding_scale`), else this.
    Given(f32),
}

/// What residual streams and logits are multiplied by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Multipliers {
    /// Nothing.
    None,
    /// What the file says (`residual_scale`, and the inverse of `logit_scale`), else nothing.
    Given,
    /// The same, else MiniCPM's: 1.4 / root of the layers, and width / 256 (llama.cpp's behaviour with files
    /// that leave them out).
    GivenOrMiniCpm,
}

/// Where a layer norms, counted at both of its halves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Norms {
    /// Before the projections: x + f(norm(x)).
    Before,
    /// Before them, and again before the sum: x + norm(f(norm(x))).
    Around,
    /// Before the sum only: x + norm(f(x)).
    After,
    /// Behind the sum: LayerNorm(x + f(x)), which has biases (BERT).
    Behind,
}

/// How queries and keys are normed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum QkNorm {
    /// Not at all.
    None,
    /// Each head by itself before rope, all with the same weights.
    PerHead,
    /// The same, behind rope.
    PerHeadTurned,
    /// All heads as one vector, before rope.
    WholeRow,
}

/// Which layers look back over a sliding window only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Windows {
    /// None, whatever the file says.
    None,
    /// All, if the file has a window.
    All,
    /// All but each `n`-th; the file must have a window.
    AllButEach(usize),
    /// The same, if the file has a window.
    AllButEachIfAny(usize),
    /// None but in models of so many layers: there all but each `n`-th, over the file's window or this one.
    AllButEachOf { layers: usize, n: usize, window: usize },
    /// Those that the file names one by one.
    Named,
}

/// The rope of layers with a window.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum LocalRope {
    /// That of the others.
    Same,
    /// The base of the others and no scaling.
    Unscaled,
    /// The scaling of the others; and their base, unless the file has another (`rope.freq_base_swa`).
    GivenBase,
    /// This base, unless the file has another (`rope.freq_base_swa`), and no scaling.
    Base(f32),
}

/// What makes probabilities of a router's scores.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scoring {
    /// A softmax over all experts, whatever the file says.
    Softmax,
    /// What the file must say (`expert_gating_func`): 1 softmax, 2 a sigmoid of each.
    Given,
    /// A softmax over the chosen experts alone.
    OfChosen,
}

/// What layers do that do not attend, and which these are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Recurrent {
    /// There are none.
    None,
    /// A short convolution, where there are no heads of keys and values (`attention.head_count_kv` 0).
    ShortConv,
    /// Mamba-2, where there are none.
    Mamba2,
    /// A gated delta net, where the file says so (`attention.recurrent_layers`), else in all layers but each
    /// n-th (`full_attention_interval`, 4 if it is missing).
    DeltaNet,
}

/// What becomes of a file that gives tokens several positions, one for each section of pairs
/// (`rope.dimension_sections`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sections {
    /// All are the same here: it is as if there were none.
    Ignored,
    /// It turns other pairs, which is not computed.
    Refused,
    /// It must have four, whose pairs take turns: of text the first three are the token's own, the fourth is
    /// 0.
    Interleaved,
}

/// An expert that always runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shared {
    /// There is none.
    None,
    /// Behind a sigmoid gate of its own.
    Gated,
    /// Without a gate, where the file says how wide it is (`expert_shared_feed_forward_length`).
    IfGiven,
}

/// How the router's scores become the weights of experts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Routing {
    pub(crate) scoring: Scoring,
    /// Experts are chosen by their scores and a bias each (`exp_probs_b.bias`), and weighted without it.
    pub(crate) biased: bool,
    /// The file may say how many layers in front are dense (`leading_dense_block_count`).
    pub(crate) leading_dense: bool,
    /// The weights of the chosen experts are made to add up to one.
    pub(crate) normalised: bool,
    /// A dense feed-forward runs beside the experts, and each has norms of its own.
    pub(crate) beside_dense: bool,
    /// The router and every expert's matrices have biases.
    pub(crate) biases: bool,
    pub(crate) shared: Shared,
    /// The file must have experts.
    pub(crate) required: bool,
    /// Without a width of their own (`expert_feed_forward_length`) those that a token runs through share
    /// `feed_forward_length`; else each is so wide.
    pub(crate) divided: bool,
}
