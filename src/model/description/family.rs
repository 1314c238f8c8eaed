//! What an architecture does that its file does not say: one row of data each. Knows no file and no
//! arithmetic.

use super::kinds::{
    EmbeddingScale, LocalRope, Multipliers, Norms, QkNorm, Recurrent, Routing, Scoring, Sections, Shared,
    Windows,
};
use crate::kernel::{Gate, RopeStyle};
use crate::model::closest::closest;

/// One architecture.
#[derive(Debug)]
pub(crate) struct Family {
    /// As in `general.architecture`.
    pub(crate) name: &'static str,
    pub(crate) rope: RopeStyle,
    pub(crate) gate: Gate,
    pub(crate) embedding: EmbeddingScale,
    pub(crate) norms: Norms,
    pub(crate) qk_norm: QkNorm,
    pub(crate) recurrent: Recurrent,
    /// Behind each head's query its projection has a gate, and attention's result is multiplied with the
    /// gate's sigmoid.
    pub(crate) gated_queries: bool,
    /// The tensor of the norm before the feed-forward.
    pub(crate) feed_norm: &'static str,
    /// The tensor of the norm behind the last layer.
    pub(crate) output_norm: &'static str,
    /// The feed-forward has no gate: down(gelu(up(x))), with biases.
    pub(crate) ungated: bool,
    /// The embedding of its position is added to a token's (`position_embd.weight`).
    pub(crate) positions: bool,
    /// One tensor holds gate and up (one may hold q, k and v in any architecture).
    pub(crate) fused_gate: bool,
    pub(crate) windows: Windows,
    pub(crate) local_rope: LocalRope,
    /// Heads of layers with a window have a width of their own (`attention.key_length_swa`), and rope turns a
    /// part of its own of them (`rope.dimension_count_swa`).
    pub(crate) local_heads: bool,
    /// Rope's frequencies must be divided by the file's factors where a layer has no window.
    pub(crate) rope_factors: bool,
    /// Each `n`-th layer has no rope; 0: all have.
    pub(crate) no_rope_each: usize,
    /// In models with windows, only layers with one have rope.
    pub(crate) rope_in_windows: bool,
    /// No layer has rope if the file says that it is not finetuned (`rope.scaling.finetuned`).
    pub(crate) rope_if_finetuned: bool,
    /// The file may say which layers have rope (`attention.rope_pattern`).
    pub(crate) rope_by_layer: bool,
    /// The layers of the file may run several times (`num_loops`), each time with keys and values of their
    /// own; between two times the stream is normed as behind the last, unless the file says no
    /// (`skip_loop_final_norm`).
    pub(crate) loops: bool,
    /// Projections of q, k and v must have biases (elsewhere they may).
    pub(crate) qkv_bias: bool,
    pub(crate) multipliers: Multipliers,
    /// Rope's YaRN and a temperature of queries that grows with their position follow keys that others ignore
    /// (Mistral 3).
    pub(crate) tempered: bool,
    /// The file may stretch rope's base (`rope.scaling.alpha`).
    pub(crate) rope_alpha: bool,
    pub(crate) sections: Sections,
    /// The last layers of `block_count` may be for drafting (`nextn_predict_layers`).
    pub(crate) drafts: bool,
    /// The layer count at which the attention scale is the root of width / heads, not of the head: 0 for
    /// none.
    pub(crate) wide_scale_layers: usize,
    /// Each head has a score without a value (`attn_sinks`), which takes a share of the weights.
    pub(crate) sinks: bool,
    /// Scores are multiplied by nothing, whatever the file says.
    pub(crate) plain_scores: bool,
    /// Values are normed by head too, without weights; where a layer has no matrix of its own for them, they
    /// are its keys before norm and rope.
    pub(crate) value_norm: bool,
    /// The file may say that its last layers read the keys and values of layers in front of them
    /// (`attention.shared_kv_layers`).
    pub(crate) shared_kv: bool,
    /// The file says how wide the embedding is that a token has of its own for each layer
    /// (`embedding_length_per_layer_input`), and layers may be scaled at their end.
    pub(crate) layer_inputs: bool,
    /// Every token sees those behind it too, as far as those before it, and what comes out is one vector of a
    /// text (`pooling_type`).
    pub(crate) encodes: bool,
    /// Experts, where the file has them; `None`: a file with experts is not this architecture.
    pub(crate) experts: Option<Routing>,
}

/// The plain one; every other is written as what differs.
const LLAMA: Family = Family {
    name: "llama",
    rope: RopeStyle::Interleaved,
    gate: Gate::Silu,
    embedding: EmbeddingScale::One,
    norms: Norms::Before,
    qk_norm: QkNorm::None,
    recurrent: Recurrent::None,
    gated_queries: false,
    feed_norm: "ffn_norm.weight",
    output_norm: "output_norm.weight",
    ungated: false,
    positions: false,
    fused_gate: false,
    windows: Windows::None,
    local_rope: LocalRope::Same,
    local_heads: false,
    rope_factors: false,
    no_rope_each: 0,
    rope_in_windows: false,
    rope_if_finetuned: false,
    rope_by_layer: false,
    loops: false,
    qkv_bias: false,
    multipliers: Multipliers::None,
    tempered: false,
    rope_alpha: false,
    sections: Sections::Ignored,
    drafts: false,
    wide_scale_layers: 0,
    sinks: false,
    plain_scores: false,
    value_norm: false,
    shared_kv: false,
    layer_inputs: false,
    encodes: false,
    experts: Some(NORMALISED),
};

const NORMALISED: Routing = Routing {
    scoring: Scoring::Softmax,
    biased: false,
    leading_dense: false,
    beside_dense: false,
    biases: false,
    normalised: true,
    shared: Shared::None,
    required: false,
    divided: false,
};

const QWEN2: Family =
    Family { name: "qwen2", rope: RopeStyle::Halves, qkv_bias: true, experts: None, ..LLAMA };

const QWEN3: Family =
    Family { name: "qwen3", rope: RopeStyle::Halves, qk_norm: QkNorm::PerHead, experts: None, ..LLAMA };

const QWEN35: Family = Family {
    name: "qwen35",
    recurrent: Recurrent::DeltaNet,
    gated_queries: true,
    feed_norm: "post_attention_norm.weight",
    sections: Sections::Interleaved,
    drafts: true,
    ..QWEN3
};

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

const GEMMA3: Family = Family {
    name: "gemma3",
    qk_norm: QkNorm::PerHead,
    // Rnj-1 writes itself as gemma3 without.
    windows: Windows::AllButEachIfAny(6),
    local_rope: LocalRope::Base(10_000.0),
    wide_scale_layers: 62,
    ..GEMMA2
};

const GRANITE: Family = Family {
    name: "granite",
    embedding: EmbeddingScale::Given(1.0),
    rope_if_finetuned: true,
    multipliers: Multipliers::Given,
    experts: None,
    ..LLAMA
};

const LFM2: Family = Family {
    name: "lfm2",
    rope: RopeStyle::Halves,
    qk_norm: QkNorm::PerHead,
    recurrent: Recurrent::ShortConv,
    // llama.cpp's name for it.
    output_norm: "token_embd_norm.weight",
    windows: Windows::All,
    experts: None,
    ..LLAMA
};

const BERT: Family = Family {
    name: "bert",
    norms: Norms::Behind,
    ungated: true,
    positions: true,
    no_rope_each: 1,
    encodes: true,
    experts: None,
    ..LLAMA
};

/// Every architecture that a backend computes.
pub(crate) const FAMILIES: &[Family] = &[
    LLAMA,
    QWEN2,
    QWEN3,
    Family {
        name: "qwen2moe",
        experts: Some(Routing { normalised: false, shared: Shared::Gated, required: true, ..NORMALISED }),
        ..QWEN2
    },
    Family { name: "qwen3moe", experts: Some(Routing { required: true, ..NORMALISED }), ..QWEN3 },
    QWEN35,
    Family {
        name: "qwen35moe",
        experts: Some(Routing { shared: Shared::Gated, required: true, divided: true, ..NORMALISED }),
        ..QWEN35
    },
    GEMMA,
    GEMMA2,
    GEMMA3,
    Family {
        name: "gemma-embedding",
        windows: Windows::AllButEach(6),
        wide_scale_layers: 0,
        encodes: true,
        ..GEMMA3
    },
    BERT,
    Family {
        name: "nomic-bert",
        rope: RopeStyle::Halves,
        ungated: false,
        positions: false,
        no_rope_each: 0,
        ..BERT
    },
    Family {
        name: "gemma4",
        norms: Norms::Around,
        qk_norm: QkNorm::PerHead,
        windows: Windows::Named,
        local_rope: LocalRope::Base(10_000.0),
        local_heads: true,
        rope_factors: true,
        plain_scores: true,
        value_norm: true,
        shared_kv: true,
        layer_inputs: true,
        experts: Some(Routing { beside_dense: true, ..NORMALISED }),
        ..GEMMA
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
    GRANITE,
    Family {
        name: "granite_swa",
        windows: Windows::Named,
        sinks: true,
        rope_by_layer: true,
        rope_if_finetuned: false,
        ..GRANITE
    },
    Family {
        name: "granitehybrid",
        recurrent: Recurrent::Mamba2,
        experts: Some(Routing { shared: Shared::IfGiven, ..NORMALISED }),
        ..GRANITE
    },
    Family { name: "nanbeige", loops: true, experts: None, ..LLAMA },
    Family { name: "smollm3", no_rope_each: 4, experts: None, ..LLAMA },
    Family { name: "exaone", rope: RopeStyle::Halves, experts: None, ..LLAMA },
    Family { name: "mistral3", tempered: true, experts: None, ..LLAMA },
    Family { name: "hunyuan-dense", qk_norm: QkNorm::PerHeadTurned, rope_alpha: true, ..QWEN3 },
    Family {
        name: "exaone4",
        norms: Norms::After,
        // EXAONE 4 32B.
        windows: Windows::AllButEachOf { layers: 64, n: 4, window: 4096 },
        rope_in_windows: true,
        ..QWEN3
    },
    Family { name: "ernie4_5", experts: None, ..LLAMA },
    Family {
        name: "minicpm",
        embedding: EmbeddingScale::Given(12.0),
        rope_if_finetuned: false,
        multipliers: Multipliers::GivenOrMiniCpm,
        ..GRANITE
    },
    Family {
        name: "granitemoe",
        rope_if_finetuned: false,
        experts: Some(Routing { required: true, ..NORMALISED }),
        ..GRANITE
    },
    Family {
        name: "olmoe",
        rope: RopeStyle::Halves,
        qk_norm: QkNorm::WholeRow,
        experts: Some(Routing { normalised: false, required: true, ..NORMALISED }),
        ..LLAMA
    },
    Family {
        name: "glm4",
        norms: Norms::Around,
        fused_gate: true,
        sections: Sections::Refused,
        experts: None,
        ..LLAMA
    },
    Family {
        name: "gpt-oss",
        rope: RopeStyle::Halves,
        gate: Gate::ClampedSwiglu,
        feed_norm: "post_attention_norm.weight",
        windows: Windows::AllButEach(2),
        local_rope: LocalRope::GivenBase,
        qkv_bias: true,
        sinks: true,
        experts: Some(Routing { scoring: Scoring::OfChosen, biases: true, required: true, ..NORMALISED }),
        ..LLAMA
    },
    LFM2,
    Family {
        name: "lfm2moe",
        windows: Windows::None,
        experts: Some(Routing {
            scoring: Scoring::Given,
            biased: true,
            leading_dense: true,
            required: true,
            ..NORMALISED
        }),
        ..LFM2
    },
];

impl Family {
    /// The architecture called `name`.
    pub(crate) fn named(name: &str) -> Option<&'static Self> {
        FAMILIES.iter().find(|family| family.name == name)
    }

    /// The name that takes the fewest changes to become `name`: the first of equals.
    pub(crate) fn nearest(name: &str) -> &'static str {
        closest(FAMILIES.iter().map(|family| family.name), name).unwrap_or(LLAMA.name)
    }
}
