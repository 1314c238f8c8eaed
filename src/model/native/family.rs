//! What an architecture does that its file does not say: one row of data each. Knows no file and no
//! arithmetic.

use crate::kernel::{Gate, RopeStyle};

/// What an embedding is multiplied by before the first layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EmbeddingScale {
    /// Nothing.
    One,
    /// The root of its width.
    RootOfWidth,
    /// What the file says (`embedding_scale`).
    Given,
}

/// Where a layer norms, counted at both of its halves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Norms {
    /// Before the projections: x + f(norm(x)).
    Before,
    /// Before them, and again before the sum: x + norm(f(norm(x))).
    Around,
    /// Before the sum only: x + norm(f(x)).
    After,
}

/// How queries and keys are normed before rope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum QkNorm {
    /// Not at all.
    None,
    /// Each head by itself, all with the same weights.
    PerHead,
    /// All heads as one vector.
    WholeRow,
}

/// Which layers look back over a sliding window only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Windows {
    /// None, whatever the file says.
    None,
    /// All, if the file has a window.
    All,
    /// All but each `n`-th; the file must have a window.
    AllButEach(usize),
    /// The same, if the file has a window.
    AllButEachIfAny(usize),
}

/// The rope of layers with a window.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum LocalRope {
    /// That of the others.
    Same,
    /// The base of the others and no scaling.
    Unscaled,
    /// This base, unless the file has another (`rope.freq_base_swa`), and no scaling.
    Base(f32),
}

/// How the router's scores become the weights of experts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Routing {
    /// The weights of the chosen experts are made to add up to one.
    pub(super) normalised: bool,
    /// An expert that always runs, behind a sigmoid gate of its own.
    pub(super) shared: bool,
    /// The file must have experts.
    pub(super) required: bool,
}

/// One architecture.
#[derive(Debug)]
pub(super) struct Family {
    /// As in `general.architecture`.
    pub(super) name: &'static str,
    pub(super) rope: RopeStyle,
    pub(super) gate: Gate,
    pub(super) embedding: EmbeddingScale,
    pub(super) norms: Norms,
    pub(super) qk_norm: QkNorm,
    /// One tensor holds gate and up (one may hold q, k and v in any architecture).
    pub(super) fused_gate: bool,
    pub(super) windows: Windows,
    pub(super) local_rope: LocalRope,
    /// Each `n`-th layer has no rope; 0: all have.
    pub(super) no_rope_each: usize,
    /// No layer has rope if the file says that it is not finetuned (`rope.scaling.finetuned`).
    pub(super) rope_if_finetuned: bool,
    /// Projections of q, k and v must have biases (elsewhere they may).
    pub(super) qkv_bias: bool,
    /// `residual_scale` and `logit_scale` of the file count.
    pub(super) multipliers: bool,
    /// The layer count at which the attention scale is the root of width / heads, not of the head: 0 for
    /// none.
    pub(super) wide_scale_layers: usize,
    /// Experts, where the file has them; `None`: a file with experts is not this architecture.
    pub(super) experts: Option<Routing>,
}

/// The plain one; every other is written as what differs.
const LLAMA: Family = Family {
    name: "llama",
    rope: RopeStyle::Interleaved,
    gate: Gate::Silu,
    embedding: EmbeddingScale::One,
    norms: Norms::Before,
    qk_norm: QkNorm::None,
    fused_gate: false,
    windows: Windows::None,
    local_rope: LocalRope::Same,
    no_rope_each: 0,
    rope_if_finetuned: false,
    qkv_bias: false,
    multipliers: false,
    wide_scale_layers: 0,
    experts: Some(Routing { normalised: true, shared: false, required: false }),
};

const QWEN2: Family =
    Family { name: "qwen2", rope: RopeStyle::Halves, qkv_bias: true, experts: None, ..LLAMA };

const QWEN3: Family =
    Family { name: "qwen3", rope: RopeStyle::Halves, qk_norm: QkNorm::PerHead, experts: None, ..LLAMA };

const GEMMA: Family = Family {
    name: "gemma",
    rope: RopeStyle::Halves,
    gate: Gate::Gelu,
    embedding: EmbeddingScale::RootOfWidth,
    experts: None,
    ..LLAMA
};

const GEMMA2: Family = Family {
    name: "gemma2",
    norms: Norms::Around,
    windows: Windows::AllButEach(2),
    wide_scale_layers: 46,
    ..GEMMA
};

/// Every architecture that the native decoder computes.
pub(super) const FAMILIES: &[Family] = &[
    LLAMA,
    QWEN2,
    QWEN3,
    Family {
        name: "qwen2moe",
        experts: Some(Routing { normalised: false, shared: true, required: true }),
        ..QWEN2
    },
    Family {
        name: "qwen3moe",
        experts: Some(Routing { normalised: true, shared: false, required: true }),
        ..QWEN3
    },
    GEMMA,
    GEMMA2,
    Family {
        name: "gemma3",
        qk_norm: QkNorm::PerHead,
        // Rnj-1 writes itself as gemma3 without.
        windows: Windows::AllButEachIfAny(6),
        local_rope: LocalRope::Base(10_000.0),
        wide_scale_layers: 62,
        ..GEMMA2
    },
    Family {
        name: "phi3",
        rope: RopeStyle::Halves,
        fused_gate: true,
        windows: Windows::All,
        experts: None,
        ..LLAMA
    },
    Family {
        name: "olmo2",
        rope: RopeStyle::Halves,
        norms: Norms::After,
        qk_norm: QkNorm::WholeRow,
        // OLMo 3 writes itself as olmo2 with windows.
        windows: Windows::AllButEachIfAny(4),
        local_rope: LocalRope::Unscaled,
        experts: None,
        ..LLAMA
    },
    Family {
        name: "granite",
        embedding: EmbeddingScale::Given,
        rope_if_finetuned: true,
        multipliers: true,
        experts: None,
        ..LLAMA
    },
    Family { name: "smollm3", no_rope_each: 4, experts: None, ..LLAMA },
    Family { name: "exaone", rope: RopeStyle::Halves, experts: None, ..LLAMA },
];

impl Family {
    /// The architecture called `name`.
    pub(super) fn named(name: &str) -> Option<&'static Self> {
        FAMILIES.iter().find(|family| family.name == name)
    }
}
