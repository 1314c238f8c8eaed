//! Rotary position embedding as `config.json` has it, to keys and factors. Knows no family but by what it is
//! told.
//!
//! Source: transformers' rope parameters; factors of frequencies as Llama 3.1's reference has them.

use super::config::{Config, invalid, unsupported};
use super::keys::Keys;
use crate::error::Result;
use crate::kernel::{KvLayout, exp64, ln64};
use std::f64::consts::PI;

/// Puts what turns queries and keys.
///
/// # Errors
/// `Unsupported`, by name, for a scaling that the decoder lacks; `ModelInvalid` for numbers that are missing
/// or none.
pub(super) fn put(config: &Config<'_>, keys: &mut Keys) -> Result<()> {
    let Parameters { main, local } = Parameters::read(config)?;
    let base = main.and_then(|main| main.number("rope_theta").transpose());
    let base = base.or_else(|| config.number("rope_theta").transpose()).transpose()?.unwrap_or(10_000.0);
    keys.put_number("rope.freq_base", Some(base));
    if let Some(local) = local {
        keys.put_number("rope.freq_base_swa", local.number("rope_theta")?);
    }
    let head_dim = config.head_dim()?;
    let part = main.and_then(|main| main.number("partial_rotary_factor").transpose());
    let part = part.or_else(|| config.number("partial_rotary_factor").transpose()).transpose()?;
    let dims = part.map_or(head_dim, |part| (head_dim as f64 * part) as u64);
    if part.is_some() {
        keys.put_count("rope.dimension_count", Some(dims));
    }
    let Some(scaling) = main.or(config.inner("rope_scaling")?) else { return Ok(()) };
    let scaling = Scaling { config, scaling, base, dims };
    let kind = match scaling.scaling.text("rope_type")? {
        None => scaling.scaling.text("type")?,
        some => some,
    };
    match kind.unwrap_or("default") {
        "default" | "none" => Ok(()),
        "linear" => {
            keys.put("rope.scaling.type", "linear");
            keys.put_number("rope.scaling.factor", Some(scaling.number("factor")?));
            Ok(())
        }
        "llama3" => scaling.llama3(keys),
        "yarn" => scaling.yarn(keys),
        "longrope" | "su" => scaling.longrope(keys),
        // Hunyuan's: one base for all lengths.
        "dynamic" if scaling.scaling.has("alpha") => {
            keys.put_number("rope.scaling.alpha", scaling.scaling.number("alpha")?);
            Ok(())
        }
        other => {
            let shown: String = other.chars().take(64).collect();
            Err(unsupported(format!(
                "config.json: rope scaling {shown:?}; there are default, linear, llama3, yarn, longrope"
            )))
        }
    }
}

/// `rope_parameters`, which newer files have: of layers without a window, and of those with one where they
/// are written apart.
struct Parameters<'a> {
    main: Option<Config<'a>>,
    local: Option<Config<'a>>,
}

impl<'a> Parameters<'a> {
    fn read(config: &Config<'a>) -> Result<Self> {
        let Some(all) = config.inner("rope_parameters")? else { return Ok(Self { main: None, local: None }) };
        let local = all.inner("sliding_attention")?;
        Ok(Self { main: all.inner("full_attention")?.or(Some(all)), local })
    }
}

/// One scaling, and what it scales.
struct Scaling<'a> {
    config: &'a Config<'a>,
    scaling: Config<'a>,
    base: f64,
    /// Elements of a head that turn.
    dims: u64,
}

impl Scaling<'_> {
    fn number(&self, field: &str) -> Result<f64> {
        let number = self.scaling.number(field)?.filter(|number| *number > 0.0 && number.is_finite());
        number.ok_or_else(|| {
            invalid(format!("config.json: rope scaling: {field:?} is missing, or no number over 0"))
        })
    }

    fn or(&self, field: &str, default: f64) -> Result<f64> {
        if self.scaling.has(field) { self.number(field) } else { Ok(default) }
    }

    /// Tokens of the training before it was stretched.
    fn original(&self) -> Result<u64> {
        let field = "original_max_position_embeddings";
        match self.scaling.count(field)? {
            Some(original) => Ok(original),
            None => match self.config.count(field)? {
                Some(original) => Ok(original),
                None => self.config.require("max_position_embeddings"),
            },
        }
    }

    /// Dividers of frequencies.
    fn llama3(&self, keys: &mut Keys) -> Result<()> {
        let (factor, original) = (self.number("factor")?, self.original()? as f64);
        let (low, high) = (self.number("low_freq_factor")?, self.number("high_freq_factor")?);
        if high <= low {
            return Err(invalid(format!(
                "config.json: rope scaling: high_freq_factor {high} is not over low_freq_factor {low}"
            )));
        }
        // Wider heads are refused by who reads the keys.
        let dims = self.dims.min(KvLayout::MAX_DIM as u64);
        let divider = |pair: u64| {
            let frequency = exp64(-ln64(self.base) * (2 * pair) as f64 / dims as f64);
            let turns = original * frequency / (2.0 * PI);
            let smooth = ((turns - low) / (high - low)).clamp(0.0, 1.0);
            (1.0 / ((1.0 - smooth) / factor + smooth)) as f32
        };
        let dividers: Vec<f32> = (0..dims / 2).map(divider).collect();
        keys.put_vector("rope_freqs.weight", &dividers);
        Ok(())
    }

    fn yarn(&self, keys: &mut Keys) -> Result<()> {
        let factor = self.number("factor")?;
        keys.put("rope.scaling.type", "yarn");
        keys.put_number("rope.scaling.factor", Some(factor));
        keys.put_count("rope.scaling.original_context_length", Some(self.original()?));
        let (fast, slow) = (self.or("beta_fast", 32.0)?, self.or("beta_slow", 1.0)?);
        if self.scaling.flag("truncate")? == Some(false) {
            return Err(self
                .scaling
                .refuse("truncate", "YaRN's range is always rounded to whole dimensions"));
        }
        let magnitude = |scale: f64| 1.0 + 0.1 * scale * ln64(factor.max(1.0));
        let (own, all) = (self.or("mscale", 1.0)?, self.or("mscale_all_dim", 0.0)?);
        if keys.is_tempered() {
            keys.put_number("rope.scaling.yarn_beta_fast", Some(fast));
            keys.put_number("rope.scaling.yarn_beta_slow", Some(slow));
            keys.put_number("attention.temperature_scale", self.scaling.number("llama_4_scaling_beta")?);
            if own == 1.0 && !self.scaling.has("attention_factor") {
                keys.put_number("rope.scaling.yarn_log_multiplier", Some(all));
                return Ok(());
            }
        } else if (fast, slow) != (32.0, 1.0) {
            let why = "YaRN's bounds are 32 and 1 (beta_slow) in this family";
            return Err(self.scaling.refuse("beta_fast", why));
        }
        let attention = match self.scaling.number("attention_factor")? {
            Some(attention) => attention,
            None if self.scaling.has("mscale") && self.scaling.has("mscale_all_dim") => {
                magnitude(own) / magnitude(all)
            }
            None => magnitude(1.0),
        };
        if attention != magnitude(1.0) {
            keys.put_number("rope.scaling.attn_factor", Some(attention / magnitude(1.0)));
        }
        Ok(())
    }

    fn longrope(&self, keys: &mut Keys) -> Result<()> {
        let original = self.original()?;
        let length = self.config.require("max_position_embeddings")?;
        let factor = self.or("factor", length as f64 / original.max(1) as f64)?;
        let attention = match factor {
            _ if self.scaling.has("attention_factor") => self.number("attention_factor")?,
            factor if factor > 1.0 => (1.0 + ln64(factor) / ln64(original.max(2) as f64)).sqrt(),
            _ => 1.0,
        };
        keys.put("rope.scaling.type", "longrope");
        keys.put_number("rope.scaling.attn_factor", Some(attention));
        keys.put_count("rope.scaling.original_context_length", Some(original));
        for (field, tensor) in
            [("long_factor", "rope_factors_long.weight"), ("short_factor", "rope_factors_short.weight")]
        {
            let list = self.scaling.list(field)?.unwrap_or_default();
            let values = list.iter().map(|value| value.as_f64().map(|value| value as f32));
            let values: Option<Vec<f32>> = values.collect();
            let values = values.filter(|values| !values.is_empty()).ok_or_else(|| {
                invalid(format!("config.json: rope scaling: {field:?} is missing, or no list of numbers"))
            })?;
            keys.put_vector(tensor, &values);
        }
        Ok(())
    }
}
