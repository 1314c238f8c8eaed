//! What this backend computes of what a description may ask for, in one place: all else is refused by name,
//! before a tensor is read. Knows operations and numbers; computes nothing.

use super::linear::dtype;
use crate::error::{Error, ErrorKind, Result};
use crate::gguf::Header;
use crate::kernel::Gate;
use crate::model::description::{
    Attention, AttentionWeights, Config, Matrix, Mixer, MixerWeights, ModelWeights,
};
use crate::model::program::{Operation, Stage};

/// Refuses a model that asks for anything that is not computed here. `weights` may be an outline.
///
/// # Errors
/// `Unsupported`, naming the operation and its layer, or the tensor and its type, and the backend that has
/// it.
pub(super) fn check(header: &Header, config: &Config, weights: &ModelWeights) -> Result<()> {
    let layers = config.layers.len();
    for stage in std::iter::successors(Some(Stage::Begin), |stage| stage.next(layers)) {
        let layer = stage.layer();
        let operations = stage.program(config, false).operations;
        let lacking = operations.iter().find_map(|operation| lacking(*operation));
        let lacking = lacking.or_else(|| match stage {
            Stage::Mixer(index) => lacking_of_attention(config, weights, index),
            _ => None,
        });
        if let Some(what) = lacking {
            return Err(refused(config, layer, what));
        }
    }
    if let Some(what) = lacking_of_gate(config.family.gate) {
        return Err(refused(config, None, what));
    }
    let mut refused = Ok(());
    let mut judge = |matrix: &Matrix| {
        if refused.is_ok() && dtype(matrix.ty).is_none() {
            refused = Err(of_type(header, matrix));
        }
    };
    judge(&weights.embedding);
    weights.each_matrix(&mut judge);
    refused
}

/// What an operation is for, where this backend has not got it. Every operation stands here, so that a new
/// one is judged before it compiles.
fn lacking(operation: Operation) -> Option<&'static str> {
    use Operation::*;
    match operation {
        Angles | Embed | MixerNorm | Qkv | Rope | Store | Narrow | Attend | MixerOutput | AddMixed
        | FeedNorm | GateUp | Down | Add | NormEnd | OutputNorm | Output | Finish => None,
        // Candle's products round what they are given themselves.
        QuantiseStream | QuantiseMixed | QuantiseHidden | QuantiseInner | QuantiseOutput => None,
        ConvInput | Convolve => Some("a short convolution"),
        DeltaInput | Delta => Some("a gated delta net"),
        MambaInput | Mamba => Some("Mamba-2"),
        GateMixed => Some("gates behind attention"),
        RouterNorm | ExpertNorm | NormExperts | Route | Gather | Scatter | AddBoth => Some("experts"),
        QuantiseEmbedded | ProjectInputs | Inputs | QuantiseEnd | GateInput | QuantiseInput
        | ProjectInput | AddInput => Some("embeddings for each layer"),
        Places | NormPlaced | NormMixed | NormFed => Some("norms behind the sums"),
        Up | Activate => Some("a feed-forward without a gate"),
        ScaleEnd => Some("a number that the residual stream is multiplied by behind a layer"),
        Pool | QuantisePooled | Widen | Squash | QuantiseWidened | Vector => {
            Some("pooling: it is an encoder")
        }
    }
}

/// The same of what attention may have beside. Every number stands here.
fn lacking_of_attention(config: &Config, weights: &ModelWeights, layer: usize) -> Option<&'static str> {
    let (numbers, of) = match (config.layers.get(layer)?.mixer, &weights.layers.get(layer)?.mixer) {
        (Mixer::Attention(numbers), MixerWeights::Attention(of)) => (numbers, of),
        _ => return Some("a mixer that is no attention"),
    };
    let Attention {
        heads: _,
        kv_heads: _,
        head_dim: _,
        scale: _,
        cap: _,
        window: _,
        both_ways,
        rope: _,
        turned_first: _,
        temperature: _,
        shares,
        value_norm,
        gated,
    } = numbers;
    let AttentionWeights {
        numbers: _,
        queries: _,
        keys: _,
        values,
        qk_norm: _,
        output: _,
        output_bias: _,
        sinks,
    } = of;
    let all = [
        (both_ways, "attention to tokens behind"),
        (shares.is_some(), "keys and values of another layer"),
        (gated, "gates behind attention"),
        (value_norm, "norms of values"),
        (values.is_none(), "keys that are values"),
        (sinks.is_some(), "attention sinks"),
    ];
    all.into_iter().find_map(|(wanted, what)| wanted.then_some(what))
}

fn lacking_of_gate(gate: Gate) -> Option<&'static str> {
    match gate {
        Gate::Silu | Gate::Gelu => None,
        Gate::ClampedSwiglu => Some("a clamped gate"),
    }
}

fn refused(config: &Config, layer: Option<usize>, what: &str) -> Error {
    let place = layer.map_or_else(String::new, |layer| format!(" in layer {layer}"));
    let message = format!(
        "{} has {what}{place}, which the candle backend does not compute; load it with the native backend, which does",
        config.family.name
    );
    Error::new(ErrorKind::Unsupported, message)
}

fn of_type(header: &Header, matrix: &Matrix) -> Error {
    let name = header.tensors().get(matrix.tensor()).map_or("", |tensor| tensor.name());
    let message = format!(
        "tensor {name:?} is {}, a type that the candle backend lacks; load the model with the native backend, which has it",
        matrix.ty
    );
    Error::new(ErrorKind::Unsupported, message)
}
