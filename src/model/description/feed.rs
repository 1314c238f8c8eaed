//! What a token goes through by itself: one feed-forward, a few of many, or both. Reads their numbers, each
//! with its range; knows no tensor.

use super::family::Family;
use super::keys::{Keys, MAX_WIDTH, invalid, unsupported};
use super::kinds::{Routing, Scoring, Shared};
use crate::error::Result;

const MAX_EXPERTS: usize = 1024;

/// A layer's second half.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Feed {
    /// down(gate(x) · up(x)), so wide inside.
    Dense(usize),
    /// A few of many such.
    Experts(Experts),
    /// Both beside each other, each with norms of its own: their results are added.
    Both(usize, Experts),
}

/// The numbers of a feed-forward of experts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Experts {
    pub(crate) count: usize,
    /// Experts that a token runs through.
    pub(crate) used: usize,
    /// Inner width of one expert.
    pub(crate) feed_forward: usize,
    /// Inner width of the expert that always runs; 0 for none.
    pub(crate) shared_feed_forward: usize,
    /// That one has a gate.
    pub(crate) shared_gate: bool,
    pub(crate) normalised: bool,
    pub(crate) weighted_by: WeightedBy,
    /// A bias helps to choose.
    pub(crate) biased: bool,
    /// The router and every expert's matrices have biases.
    pub(crate) biases: bool,
}

/// What the weights of chosen experts are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WeightedBy {
    /// Their part of the softmax of all scores.
    Softmax,
    /// The sigmoids of their scores.
    Sigmoid,
    /// The softmax of their scores, without those of the others.
    SoftmaxOfChosen,
}

impl Feed {
    /// Reads those of all layers.
    pub(super) fn read(keys: &Keys<'_>, family: &Family, layers: usize) -> Result<Vec<Self>> {
        let Some(experts) = Experts::read(keys, family)? else {
            let dense = keys.require_by_layer("feed_forward_length", layers, 1..=MAX_WIDTH)?;
            return Ok(dense.into_iter().map(Self::Dense).collect());
        };
        let leading = match family.experts {
            Some(Routing { leading_dense: true, .. }) => {
                keys.count("leading_dense_block_count", 0..=layers)?
            }
            _ => None,
        };
        let (leading, beside) =
            (leading.unwrap_or(0), family.experts.is_some_and(|routing| routing.beside_dense));
        let dense = match leading {
            0 if !beside => keys.by_layer("feed_forward_length", layers, 0..=MAX_WIDTH)?.unwrap_or_default(),
            _ => keys.require_by_layer("feed_forward_length", layers, 1..=MAX_WIDTH)?,
        };
        if beside {
            return Ok(dense.into_iter().map(|width| Self::Both(width, experts)).collect());
        }
        let leading = dense.into_iter().take(leading).map(Self::Dense);
        Ok(leading.chain(std::iter::repeat(Self::Experts(experts))).take(layers).collect())
    }

    /// Its greatest inner width.
    pub(crate) fn inner_width(&self) -> usize {
        let of_experts = |experts: &Experts| experts.feed_forward.max(experts.shared_feed_forward);
        match self {
            Self::Dense(width) => *width,
            Self::Experts(experts) => of_experts(experts),
            Self::Both(width, experts) => of_experts(experts).max(*width),
        }
    }

    /// Its experts, where it has any.
    pub(crate) fn experts(&self) -> Option<&Experts> {
        match self {
            Self::Dense(_) => None,
            Self::Experts(experts) | Self::Both(_, experts) => Some(experts),
        }
    }
}

impl Experts {
    fn read(keys: &Keys<'_>, family: &Family) -> Result<Option<Self>> {
        let count = keys.count("expert_count", 0..=MAX_EXPERTS)?.unwrap_or(0);
        let routing = match (family.experts, count) {
            (Some(Routing { required: true, .. }), 0) => {
                let name = family.name;
                return Err(invalid(format!("\"{name}.expert_count\" is 0 or missing: {name} has experts")));
            }
            (_, 0) => return Ok(None),
            (Some(routing), _) => routing,
            (None, _) => {
                return Err(unsupported(format!("{} with {count} experts (expert_count)", family.name)));
            }
        };
        let used = keys.require("expert_used_count", 1..=count)?;
        let weighted_by = match routing.scoring {
            Scoring::Softmax => WeightedBy::Softmax,
            Scoring::OfChosen => WeightedBy::SoftmaxOfChosen,
            Scoring::Given => match keys.require("expert_gating_func", 1..=2)? {
                1 => WeightedBy::Softmax,
                _ => WeightedBy::Sigmoid,
            },
        };
        let feed_forward = match keys.count("expert_feed_forward_length", 1..=MAX_WIDTH)? {
            Some(width) => width,
            None if routing.divided => divided(keys, used)?,
            None => keys.require("feed_forward_length", 1..=MAX_WIDTH)?,
        };
        let shared_feed_forward = match routing.shared {
            Shared::None => 0,
            Shared::IfGiven => keys.count("expert_shared_feed_forward_length", 0..=MAX_WIDTH)?.unwrap_or(0),
            Shared::Gated => keys
                .count("expert_shared_feed_forward_length", 1..=MAX_WIDTH)?
                .map_or_else(|| keys.require("feed_forward_length", 1..=MAX_WIDTH), Ok)?,
        };
        let shared_gate = routing.shared == Shared::Gated;
        let Routing { normalised, biased, biases, .. } = routing;
        Ok(Some(Self {
            count,
            used,
            feed_forward,
            shared_feed_forward,
            shared_gate,
            normalised,
            weighted_by,
            biased,
            biases,
        }))
    }
}

/// `feed_forward_length` over the experts that a token runs through.
fn divided(keys: &Keys<'_>, used: usize) -> Result<usize> {
    match keys.require("feed_forward_length", 1..=MAX_WIDTH)? {
        width if width.is_multiple_of(used) => Ok(width / used),
        width => Err(invalid(format!(
            "feed_forward_length {width} is no multiple of expert_used_count {used}: how wide is an expert?"
        ))),
    }
}
