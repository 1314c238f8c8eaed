//! The bounds of numbers, so that llguidance keeps them: it computes with 64-bit floats. Knows no other
//! keyword.

use super::keywords::spelled;
use super::place::Place;
use super::types::Type;
use crate::error::Result;
use serde_json::{Map, Number, Value};

/// Integers up to here are exact in a float.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// Numbers are at most so far from 0: all programs read such ones, and no exponent is needed.
const FAR: f64 = 1e18;

/// `multipleOf` makes an automaton with about this many states.
const MULTIPLE: f64 = 10_000.0;

/// The schema of a number with the bounds of `schema`.
///
/// # Errors
/// `Grammar`: a bound that cannot be kept, or that leaves nothing.
pub(super) fn number(schema: &Map<String, Value>, of: Type, at: &Place<'_>) -> Result<Map<String, Value>> {
    let mut out = Map::new();
    out.insert("type".into(), of.name().into());
    let (low, low_is_out) = bound(schema, ["minimum", "exclusiveMinimum"], f64::max, at)?;
    let (high, high_is_out) = bound(schema, ["maximum", "exclusiveMaximum"], f64::min, at)?;
    let low_key = if low_is_out { "exclusiveMinimum" } else { "minimum" };
    let high_key = if high_is_out { "exclusiveMaximum" } else { "maximum" };
    if low > FAR || high < -FAR {
        let key = if low > FAR { low_key } else { high_key };
        return Err(at.refuse(key, "numbers are made up to 10^18"));
    }
    let (low, high) = (low.max(-FAR), high.min(FAR));
    if low > high || low == high && (low_is_out || high_is_out) {
        return Err(at.refuse(low_key, format_args!("no number lies between {low} and {high}")));
    }
    out.insert(low_key.into(), written(low));
    out.insert(high_key.into(), written(high));
    if let Some(of) = schema.get("multipleOf") {
        let step = of.as_f64().filter(|step| *step > 0.0);
        let step = step.ok_or_else(|| at.malformed("\"multipleOf\" is no number above 0"))?;
        // As many decimals as it is written with.
        let decimals = of.to_string().split_once('.').map_or(0, |(_, decimals)| decimals.len());
        let states = step * 10f64.powi(decimals as i32);
        if of.to_string().contains(['e', 'E']) || decimals > 6 || states > MULTIPLE {
            return Err(at.refuse("multipleOf", format_args!("{of} is beyond 10,000, or 6 decimals")));
        }
        // Beyond this a float is no multiple of it any more.
        let far = EXACT / 10f64.powi(decimals as i32);
        if low > far || high < -far {
            return Err(at.refuse("multipleOf", format_args!("multiples of {of} are made up to {far}")));
        }
        out.remove(low_key);
        out.remove(high_key);
        out.insert(if low < -far { "minimum" } else { low_key }.into(), written(low.max(-far)));
        out.insert(if high > far { "maximum" } else { high_key }.into(), written(high.min(far)));
        if step != 1.0 || out["type"] != "integer" {
            let kept = scaled(step, decimals).ok_or_else(|| {
                at.refuse("multipleOf", format_args!("no 64-bit float near {of} keeps its decimals"))
            })?;
            out.insert("multipleOf".into(), written(kept));
        }
    }
    Ok(out)
}

/// A float at `step`, which has so many decimals, that becomes whole as it should when it is multiplied by
/// ten as often: llguidance does that, and refuses what a rounding error is left of.
fn scaled(step: f64, decimals: usize) -> Option<f64> {
    let whole = (step * 10f64.powi(decimals as i32)).round();
    let holds = |near: &f64| {
        let (mut value, mut times) = (*near, 0);
        while value.fract() != 0.0 && times <= decimals {
            value *= 10.0;
            times += 1;
        }
        value == whole && times == decimals
    };
    let (mut above, mut below) = (step, step);
    std::iter::once(step)
        .chain((0..8).flat_map(|_| {
            (above, below) = (above.next_up(), below.next_down());
            [above, below]
        }))
        .find(holds)
}

/// The bound that two keywords say together, and whether it is itself left out: none is infinite.
fn bound(
    schema: &Map<String, Value>,
    [within, without]: [&str; 2],
    narrower: fn(f64, f64) -> f64,
    at: &Place<'_>,
) -> Result<(f64, bool)> {
    let far = -narrower(f64::NEG_INFINITY, f64::INFINITY);
    let read = |key: &str| -> Result<f64> {
        match schema.get(key) {
            None => Ok(far),
            Some(value) => {
                let bound =
                    value.as_f64().ok_or_else(|| at.malformed(format_args!("\"{key}\" is no number")))?;
                // What no float holds must not let through what lies beyond it.
                Ok(if bound.abs() >= EXACT && bound.abs() < FAR { inside(bound, narrower) } else { bound })
            }
        }
    };
    let bound = read(within)?;
    // Draft 4 has a boolean beside the bound.
    if let Some(Value::Bool(is_out)) = schema.get(without) {
        return Ok((bound, *is_out && bound.is_finite()));
    }
    let outside = read(without)?;
    let both = narrower(bound, outside);
    Ok((both, both == outside && outside.is_finite()))
}

/// A float that is surely no further out than the integer that became `bound`.
fn inside(bound: f64, narrower: fn(f64, f64) -> f64) -> f64 {
    narrower(bound.next_up(), bound.next_down())
}

fn written(bound: f64) -> Value {
    if bound.fract() == 0.0 && bound.abs() <= FAR {
        return Value::from(bound as i64);
    }
    Number::from_f64(bound).map_or(Value::Null, Value::Number)
}

/// Checks that all of a constant is what llguidance writes as it is.
///
/// # Errors
/// `Grammar`, naming it.
pub(super) fn constant(value: &Value, keyword: &str, at: &Place<'_>) -> Result<()> {
    match value {
        Value::Number(number) => {
            let float = number.as_f64().unwrap_or(f64::INFINITY);
            if float.abs() >= EXACT {
                return Err(at.refuse(keyword, format_args!("{number} is beyond 2^53; write it as a string")));
            }
            Ok(())
        }
        Value::String(text) => spelled(text, keyword, at),
        Value::Array(items) => items.iter().try_for_each(|item| constant(item, keyword, at)),
        Value::Object(fields) => fields.iter().try_for_each(|(name, field)| {
            spelled(name, keyword, at)?;
            constant(field, keyword, at)
        }),
        _ => Ok(()),
    }
}
