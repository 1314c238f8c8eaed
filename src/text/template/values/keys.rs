//! Equality and hashes of what can be a map's key. Knows no maps.

use std::cmp::Ordering;
use std::hash::{DefaultHasher, Hasher};
use std::sync::Arc;

use super::number::Number;
use super::value::Value;
use crate::error::Result;
use crate::text::template::costs::{Costs, fault};

/// How deep tuples may be in a map's key.
const MAX_KEY_DEPTH: u16 = 16;

/// Whether `a == b`, of which one at least is a map's key.
///
/// # Errors
/// `Template` once the fuel is used up.
pub(super) fn equal_keys(costs: &mut Costs, a: &Value, b: &Value) -> Result<bool> {
    let (Value::Tuple(a), Value::Tuple(b)) = (a, b) else {
        return Ok(equal_flat(costs, a, b)?.unwrap_or(false));
    };
    if std::sync::Arc::ptr_eq(a, b) {
        return Ok(true);
    }
    if a.len() != b.len() {
        return Ok(false);
    }
    // A key has a hash, so it is not deep.
    for (a, b) in a.iter().zip(b.iter()) {
        costs.spend(1)?;
        if !equal_keys(costs, a, b)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// `None` for what has to be looked into.
pub(super) fn equal_flat(costs: &mut Costs, a: &Value, b: &Value) -> Result<Option<bool>> {
    Ok(Some(match (a, b) {
        (Value::Text(a), Value::Text(b)) => {
            if a.len() != b.len() {
                return Ok(Some(false));
            }
            costs.read(a.len())?;
            a.as_str() == b.as_str()
        }
        (Value::None, Value::None) | (Value::Undefined(_), Value::Undefined(_)) => true,
        (Value::List(_), Value::List(_))
        | (Value::Tuple(_), Value::Tuple(_))
        | (Value::Dict(_), Value::Dict(_)) => {
            return Ok(None);
        }
        (Value::Range(a), Value::Range(b)) => a == b || (a.len() == 0 && b.len() == 0),
        (Value::View(a, x), Value::View(b, y)) => a == b && Arc::ptr_eq(x, y),
        (Value::Object(a), Value::Object(b)) => a == b,
        (Value::Function(a), Value::Function(b)) => a == b,
        (a, b) => match (Number::of(a), Number::of(b)) {
            (Some(a), Some(b)) => a.compare(&b) == Some(Ordering::Equal),
            _ => matches!((a, b), (Value::Big(a), Value::Big(b)) if a == b),
        },
    }))
}

/// The hash of a map's key: equal for equal values, `1`, `1.0` and `true` too.
///
/// # Errors
/// `Template` for what has none.
pub(crate) fn hash(costs: &mut Costs, key: &Value) -> Result<u64> {
    match key {
        Value::Text(text) => {
            costs.read(text.len())?;
            Ok(hash_str(text.as_str()))
        }
        Value::Tuple(_) if key.depth() > MAX_KEY_DEPTH => Err(fault("a map's key is nested too deep")),
        Value::Tuple(items) => {
            let mut hasher = DefaultHasher::new();
            hasher.write_u8(2);
            for item in items.iter() {
                costs.spend(1)?;
                hasher.write_u64(hash(costs, item)?);
            }
            Ok(hasher.finish())
        }
        Value::List(_) | Value::Dict(_) | Value::View(..) => {
            Err(fault(format!("unhashable type: '{}'", key.type_name())))
        }
        other => {
            let mut hasher = DefaultHasher::new();
            match Number::of(other) {
                Some(number) => hasher.write_u64((number.to_f64() + 0.0).to_bits()),
                None => hasher.write(other.type_name().as_bytes()),
            }
            Ok(hasher.finish())
        }
    }
}

pub(crate) fn hash_str(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write_u8(1);
    hasher.write(text.as_bytes());
    hasher.finish()
}
