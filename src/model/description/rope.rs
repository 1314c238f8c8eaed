//! What a file says about rotary position embedding: base, scaling and the rest, checked. Knows no position
//! and turns nothing.
//!
//! Source of the conventions: ggml's `ggml_rope_ext` and the converters that write the keys.

use super::family::Family;
use super::keys::{Keys, invalid, unsupported};
use super::kinds::Sections;
use crate::error::Result;
use crate::kernel::{Rope, RopeConfig, RopeScaling, RopeStyle, exp64, ln64};

/// One way to turn queries and keys, the same in every head.
#[derive(Debug, Clone)]
pub(crate) struct RopeKeys {
    style: RopeStyle,
    /// Elements of a head that are turned, its first; even.
    pub(crate) dims: usize,
    base: f32,
    scaling: RopeScaling,
    /// Multiplies cos and sin.
    magnitude: f64,
    /// Tokens of the training before it was stretched: where long factors begin to count.
    pub(crate) original_context: usize,
    /// The file's factors divide its angles, where there are any.
    has_factors: bool,
    /// Pairs of the token's three positions, and of a fourth, take turns by these counts.
    sections: Option<[usize; 4]>,
}

/// A divider that leaves no angle: for pairs whose position is 0.
const UNTURNED: f32 = f32::MAX;

impl RopeKeys {
    /// Reads `rope.*`.
    ///
    /// # Errors
    /// `ModelInvalid` for numbers out of range, `Unsupported` for an unknown scaling.
    pub(crate) fn read(
        keys: &Keys<'_>,
        family: &Family,
        head_dim: usize,
        context_length: usize,
    ) -> Result<Self> {
        let dims = keys.count("rope.dimension_count", 2..=head_dim)?.unwrap_or(head_dim);
        if !dims.is_multiple_of(2) {
            return Err(invalid(format!("rope.dimension_count is {dims}; even numbers are possible")));
        }
        let mut base = keys.number("rope.freq_base", 1.0)?.unwrap_or(10_000.0);
        if family.rope_alpha
            && dims > 2
            && let Some(alpha) = keys.number_unless_zero("rope.scaling.alpha")?
        {
            // NTK-aware scaling: all frequencies but the first are stretched, the last by alpha.
            let power = dims as f64 / (dims - 2) as f64;
            base = (f64::from(base) * exp64(power * ln64(alpha.into()))) as f32;
        }
        let sections = sections(keys, family, head_dim)?;
        let original_context =
            keys.count("rope.scaling.original_context_length", 1..=1 << 24)?.unwrap_or(context_length);
        let scaling = read_scaling(keys, family, original_context)?;
        let magnitude = keys.number_unless_zero("rope.scaling.attn_factor")?.unwrap_or(1.0).into();
        // A model in a folder has the rows of queries and keys as they were trained.
        let style = match keys.flag("rope.rotate_half")? {
            Some(true) => RopeStyle::Halves,
            _ => family.rope,
        };
        Ok(Self { style, dims, base, scaling, magnitude, original_context, has_factors: true, sections })
    }

    /// The same turn without any scaling or factors; what multiplies cos and sin stays.
    pub(crate) fn unscaled(&self) -> Self {
        Self { scaling: RopeScaling::None, has_factors: false, ..self.clone() }
    }

    /// The same turn from another base.
    pub(crate) fn with_base(self, base: f32) -> Self {
        Self { base, ..self }
    }

    /// The same turn of so many elements of a head.
    ///
    /// # Errors
    /// `ModelInvalid` for an odd number.
    pub(crate) fn with_dims(self, dims: usize, key: &str) -> Result<Self> {
        if !dims.is_multiple_of(2) {
            return Err(invalid(format!("{key} is {dims}; even numbers are possible")));
        }
        Ok(Self { dims, ..self })
    }

    /// Ready to turn; `factors` (dims / 2) divide the angles, pair by pair, where a file has them.
    pub(crate) fn build(&self, factors: Option<&[f32]>) -> Result<Rope> {
        let Self { style, dims, base, scaling, magnitude, has_factors, .. } = *self;
        let factors = factors.filter(|_| has_factors);
        let unturned: Option<Vec<f32>> = self.sections.map(|sections| {
            let own = |pair: usize| factors.and_then(|factors| factors.get(pair)).copied().unwrap_or(1.0);
            (0..dims / 2).map(|pair| if turns(sections, pair) { own(pair) } else { UNTURNED }).collect()
        });
        let factors = unturned.as_deref().or(factors);
        Rope::new(&RopeConfig { dims, base: base.into(), style, scaling, magnitude, factors })
            .map_err(|error| invalid(error.message().to_owned()))
    }
}

/// Whether the pair takes one of the first three positions, which for text are the token's own. Interleaved
/// M-RoPE as ggml's `ggml_mrope_cache_init` has it.
fn turns(sections: [usize; 4], pair: usize) -> bool {
    let pair = pair % sections.iter().sum::<usize>();
    pair < 3 * sections[pair % 3]
}

/// How many pairs each of a token's positions has, where that matters.
fn sections(keys: &Keys<'_>, family: &Family, head_dim: usize) -> Result<Option<[usize; 4]>> {
    let key = "rope.dimension_sections";
    match family.sections {
        Sections::Ignored => Ok(None),
        Sections::Refused if keys.has(key) => {
            Err(unsupported(format!("{}.{key}: several positions a token", family.name)))
        }
        Sections::Refused => Ok(None),
        Sections::Interleaved => match keys.require_array(key, 4, 0..=head_dim)?[..] {
            [a, b, c, d] if a + b + c + d > 0 => Ok(Some([a, b, c, d])),
            _ => Err(invalid(format!("{}.{key} are all 0", family.name))),
        },
    }
}

fn read_scaling(keys: &Keys<'_>, family: &Family, original_context: usize) -> Result<RopeScaling> {
    let factor = match keys.number_unless_zero("rope.scaling.factor")? {
        Some(factor) => factor,
        None => keys.number_unless_zero("rope.scale_linear")?.unwrap_or(1.0),
    };
    let factor = f64::from(factor);
    match keys.text("rope.scaling.type")? {
        None | Some("linear") => Ok(RopeScaling::Linear(factor)),
        // The long and short factors are tensors.
        Some("none" | "longrope") => Ok(RopeScaling::None),
        Some("yarn") => {
            let of_family = |key: &str| match family.tempered {
                true => keys.number_unless_zero(&format!("rope.scaling.yarn_{key}")),
                false => Ok(None),
            };
            let magnitude = match of_family("log_multiplier")? {
                Some(multiplier) => 1.0 + 0.1 * f64::from(multiplier) * ln64(factor.max(1.0)),
                None => 1.0,
            };
            Ok(RopeScaling::Yarn {
                factor,
                original_context,
                extrapolation: 1.0,
                attention: 1.0 / magnitude,
                beta_fast: of_family("beta_fast")?.unwrap_or(32.0).into(),
                beta_slow: of_family("beta_slow")?.unwrap_or(1.0).into(),
            })
        }
        Some(other) => {
            let shown: String = other.chars().take(64).collect();
            Err(unsupported(format!("rope.scaling.type {shown:?}; there are none, linear, yarn, longrope")))
        }
    }
}
