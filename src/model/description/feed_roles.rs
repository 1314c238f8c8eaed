//! The tensors of a feed-forward by role, each with the one shape that its numbers allow. Knows where weights
//! lie; computes nothing.

use super::config::Config;
use super::feed::{Experts, Feed};
use super::tensors::{Finder, Matrix, Vector, missing};
use crate::error::Result;

pub(crate) enum FeedWeights {
    Dense(Gated),
    Ungated(Ungated),
    Experts(ExpertWeights),
    Both(Box<Both>),
}

/// A feed-forward and experts beside it.
pub(crate) struct Both {
    pub(crate) dense: Gated,
    pub(crate) experts: ExpertWeights,
    /// Before the router: (width).
    pub(crate) router_norm: Vector,
    /// Before the experts: (width).
    pub(crate) expert_norm: Vector,
    /// Of what the experts give: (width).
    pub(crate) post_expert_norm: Vector,
    /// Of what the dense one gives: (width).
    pub(crate) post_dense_norm: Vector,
}

/// A feed-forward of experts.
pub(crate) struct ExpertWeights {
    pub(crate) numbers: Experts,
    /// (experts, width).
    pub(crate) router: Matrix,
    /// Added to scores: (experts).
    pub(crate) router_bias: Option<Vector>,
    /// Added to probabilities to choose, and for nothing else: (experts).
    pub(crate) bias: Option<Vector>,
    pub(crate) experts: Vec<Gated>,
    /// The expert that always runs, and the (1, width) row of its gate, if it has one.
    pub(crate) shared: Option<(Gated, Option<Matrix>)>,
}

/// down(gelu(up(x))).
pub(crate) struct Ungated {
    /// (inner, width).
    pub(crate) up: Matrix,
    /// (width, inner).
    pub(crate) down: Matrix,
    /// Added to what up and down give: (inner), (width).
    pub(crate) biases: [Option<Vector>; 2],
}

/// down(gate(x) · up(x)).
pub(crate) struct Gated {
    /// (inner, width).
    pub(crate) gate: Matrix,
    /// (inner, width).
    pub(crate) up: Matrix,
    /// (width, inner).
    pub(crate) down: Matrix,
    /// Added to what gate, up and down give: (inner), (inner), (width).
    pub(crate) biases: Option<[Vector; 3]>,
}

impl FeedWeights {
    pub(super) fn find(
        finder: &Finder<'_>,
        config: &Config,
        feed: &Feed,
        name: &dyn Fn(&str) -> String,
    ) -> Result<Self> {
        Ok(match *feed {
            Feed::Dense(inner) if config.family.ungated => {
                Self::Ungated(find_ungated(finder, config, inner, name)?)
            }
            Feed::Dense(inner) => Self::Dense(find_dense(finder, config, inner, name)?),
            Feed::Experts(numbers) => Self::Experts(find_experts(finder, config, numbers, name)?),
            Feed::Both(inner, numbers) => {
                let norm = |part: &str| finder.vector(&name(part), config.width);
                let mut router_norm = norm("ffn_gate_inp.scale")?;
                let root = (config.width as f32).sqrt();
                router_norm.iter_mut().for_each(|weight| *weight /= root);
                Self::Both(Box::new(Both {
                    dense: find_dense(finder, config, inner, name)?,
                    experts: find_experts(finder, config, numbers, name)?,
                    router_norm,
                    expert_norm: norm("pre_ffw_norm_2.weight")?,
                    post_expert_norm: norm("post_ffw_norm_2.weight")?,
                    post_dense_norm: norm("post_ffw_norm_1.weight")?,
                }))
            }
        })
    }

    /// The one that every token runs through, if there is one.
    pub(crate) fn dense(&self) -> Option<&Gated> {
        match self {
            Self::Dense(gated) => Some(gated),
            Self::Experts(_) | Self::Ungated(_) => None,
            Self::Both(both) => Some(&both.dense),
        }
    }

    /// The one without a gate, if that is what it is.
    pub(crate) fn ungated(&self) -> Option<&Ungated> {
        match self {
            Self::Ungated(ungated) => Some(ungated),
            Self::Dense(_) | Self::Experts(_) | Self::Both(_) => None,
        }
    }

    /// The experts, if there are any.
    pub(crate) fn experts(&self) -> Option<&ExpertWeights> {
        match self {
            Self::Dense(_) | Self::Ungated(_) => None,
            Self::Experts(experts) => Some(experts),
            Self::Both(both) => Some(&both.experts),
        }
    }

    /// What is beside what, where both are there.
    pub(crate) fn both(&self) -> Option<&Both> {
        match self {
            Self::Both(both) => Some(both),
            Self::Dense(_) | Self::Ungated(_) | Self::Experts(_) => None,
        }
    }
}

impl Ungated {
    /// Its matrices.
    pub(crate) fn matrices(&self) -> [&Matrix; 2] {
        [&self.up, &self.down]
    }
}

impl Gated {
    /// Its matrices.
    pub(crate) fn matrices(&self) -> [&Matrix; 3] {
        [&self.gate, &self.up, &self.down]
    }
}

impl ExpertWeights {
    /// The gate of the expert that always runs.
    pub(crate) fn shared_gate(&self) -> Option<&Matrix> {
        self.shared.as_ref()?.1.as_ref()
    }

    /// A matrix of each kind: those of all experts are of the same types.
    pub(crate) fn matrices(&self) -> impl Iterator<Item = &Matrix> {
        let gates = self.shared_gate();
        let gated = self.experts.iter().take(1).chain(self.shared.iter().map(|(gated, _)| gated));
        gated.flat_map(Gated::matrices).chain([&self.router]).chain(gates)
    }
}

fn find_dense(
    finder: &Finder<'_>,
    config: &Config,
    inner: usize,
    name: &dyn Fn(&str) -> String,
) -> Result<Gated> {
    let width = config.width;
    let down = finder.matrix(&name("ffn_down.weight"), width, inner)?;
    if config.family.fused_gate {
        let both = finder.matrix(&name("ffn_up.weight"), 2 * inner, width)?;
        return Ok(Gated { gate: both.part(0, inner), up: both.part(inner, inner), down, biases: None });
    }
    let gate = finder.matrix(&name("ffn_gate.weight"), inner, width)?;
    Ok(Gated { gate, up: finder.matrix(&name("ffn_up.weight"), inner, width)?, down, biases: None })
}

fn find_ungated(
    finder: &Finder<'_>,
    config: &Config,
    inner: usize,
    name: &dyn Fn(&str) -> String,
) -> Result<Ungated> {
    let width = config.width;
    Ok(Ungated {
        up: finder.matrix(&name("ffn_up.weight"), inner, width)?,
        down: finder.matrix(&name("ffn_down.weight"), width, inner)?,
        biases: [
            finder.optional(&name("ffn_up.bias"), inner)?,
            finder.optional(&name("ffn_down.bias"), width)?,
        ],
    })
}

/// The matrix `part` of each of `count` experts, (rows, cols): from one tensor, or, as folders have it, each
/// from its own.
fn of_each(
    finder: &Finder<'_>,
    count: usize,
    (rows, cols): (usize, usize),
    part: &str,
    name: &dyn Fn(&str) -> String,
) -> Result<Option<Vec<Matrix>>> {
    if let Some(stack) = finder.stack(&name(&format!("{part}_exps.weight")), count, rows, cols)? {
        return Ok(Some((0..count).map(|index| stack.part(index, rows)).collect()));
    }
    let own = |index: usize| name(&format!("{part}.{index}.weight"));
    let Some(first) = finder.if_there(&own(0), rows, cols)? else { return Ok(None) };
    let others = (1..count).map(|index| finder.matrix(&own(index), rows, cols));
    std::iter::once(Ok(first)).chain(others).collect::<Result<_>>().map(Some)
}

fn find_experts(
    finder: &Finder<'_>,
    config: &Config,
    numbers: Experts,
    name: &dyn Fn(&str) -> String,
) -> Result<ExpertWeights> {
    let (count, inner, width) = (numbers.count, numbers.feed_forward, config.width);
    let each = |part: &str, rows: usize, cols: usize| of_each(finder, count, (rows, cols), part, name);
    let required = |part: &str, rows: usize, cols: usize| {
        each(part, rows, cols)?.ok_or_else(|| missing(&name(&format!("{part}_exps.weight"))))
    };
    let downs = required("ffn_down", width, inner)?;
    // Gate and up may be in one tensor, the gate's rows first.
    let (gates, ups) = match each("ffn_gate_up", 2 * inner, width)? {
        Some(both) => both.iter().map(|both| (both.part(0, inner), both.part(inner, inner))).unzip(),
        None => (required("ffn_gate", inner, width)?, required("ffn_up", inner, width)?),
    };
    let biases = match numbers.biases {
        false => None,
        true => Some([
            finder.grid(&name("ffn_gate_exps.bias"), count, inner)?,
            finder.grid(&name("ffn_up_exps.bias"), count, inner)?,
            finder.grid(&name("ffn_down_exps.bias"), count, width)?,
        ]),
    };
    let bias = |index: usize, all: &Vector| {
        let len = all.len() / count;
        Vector::from(all.get(index * len..(index + 1) * len).unwrap_or(&[]))
    };
    let matrices = gates.into_iter().zip(ups).zip(downs);
    let experts = matrices.enumerate().map(|(index, ((gate, up), down))| {
        let biases = biases.as_ref().map(|biases| biases.each_ref().map(|all| bias(index, all)));
        Gated { gate, up, down, biases }
    });
    let shared = match numbers.shared_feed_forward {
        0 => None,
        inner => {
            let gated = Gated {
                gate: finder.matrix(&name("ffn_gate_shexp.weight"), inner, width)?,
                up: finder.matrix(&name("ffn_up_shexp.weight"), inner, width)?,
                down: finder.matrix(&name("ffn_down_shexp.weight"), width, inner)?,
                biases: None,
            };
            let gate = match numbers.shared_gate {
                true => Some(finder.plain_matrix(&name("ffn_gate_inp_shexp.weight"), 1, width)?),
                false => None,
            };
            Some((gated, gate))
        }
    };
    let vector = |wanted: bool, part: &str| wanted.then(|| finder.vector(&name(part), count)).transpose();
    Ok(ExpertWeights {
        numbers,
        router: finder.plain_matrix(&name("ffn_gate_inp.weight"), count, width)?,
        router_bias: vector(numbers.biases, "ffn_gate_inp.bias")?,
        bias: vector(numbers.biased, "exp_probs_b.bias")?,
        experts: experts.collect(),
        shared,
    })
}
