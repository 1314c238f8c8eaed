//! Equality, order and hashes of values, as Python has them, without recursion. Knows no syntax.

use std::cmp::Ordering;
use std::hash::{DefaultHasher, Hasher};

use super::costs::{Costs, fault};
use super::number::Number;
use super::value::Value;
use crate::error::{Error, Result};

/// How deep tuples may be in a map's key.
const MAX_KEY_DEPTH: u16 = 16;

/// Whether `a == b`.
///
/// # Errors
/// `Template` once the fuel is used up.
pub(super) fn equal(costs: &mut Costs, a: &Value, b: &Value) -> Result<bool> {
    if let Some(equal) = equal_flat(costs, a, b)? {
        return Ok(equal);
    }
    let mut pairs = vec![(a, b)];
    while let Some((a, b)) = pairs.pop() {
        costs.spend(1)?;
        match (a, b) {
            (Value::List(a), Value::List(b)) | (Value::Tuple(a), Value::Tuple(b)) => {
                if std::sync::Arc::ptr_eq(a, b) {
                    continue;
                }
                if a.len() != b.len() {
                    return Ok(false);
                }
                pairs.extend(a.iter().zip(b.iter()));
            }
            (Value::Dict(a), Value::Dict(b)) => {
                if a.len() != b.len() {
                    return Ok(false);
                }
                for (key, value) in a.pairs() {
                    costs.spend(1)?;
                    match b.get(costs, key)? {
                        Some(other) => pairs.push((value, other)),
                        None => return Ok(false),
                    }
                }
            }
            (a, b) => {
                if !equal_flat(costs, a, b)?.unwrap_or(false) {
                    return Ok(false);
                }
            }
        }
    }
    Ok(true)
}

/// `None` for what has to be looked into.
fn equal_flat(costs: &mut Costs, a: &Value, b: &Value) -> Result<Option<bool>> {
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
        (Value::View(a, x), Value::View(b, y)) => a == b && std::sync::Arc::ptr_eq(x, y),
        (Value::Object(a), Value::Object(b)) => a == b,
        (Value::Function(a), Value::Function(b)) => a == b,
        (a, b) => match (Number::of(a), Number::of(b)) {
            (Some(a), Some(b)) => a.compare(&b) == Some(Ordering::Equal),
            _ => matches!((a, b), (Value::Big(a), Value::Big(b)) if a == b),
        },
    }))
}

/// How `a` and `b` are ordered; `None` where none of `<`, `==` and `>` holds (NaN).
///
/// # Errors
/// `Template` for values that have no order, and once the fuel is used up.
pub(super) fn compare(costs: &mut Costs, a: &Value, b: &Value) -> Result<Option<Ordering>> {
    let mut pair = (a, b);
    loop {
        costs.spend(1)?;
        return match pair {
            (Value::List(a), Value::List(b)) | (Value::Tuple(a), Value::Tuple(b)) => {
                // The first items that differ decide; behind the last common ones the length does.
                if std::sync::Arc::ptr_eq(a, b) {
                    return Ok(Some(Ordering::Equal));
                }
                let mut differ = None;
                for (at, (a, b)) in a.iter().zip(b.iter()).enumerate() {
                    if at % 8 == 7 {
                        costs.spend(1)?;
                    }
                    if !equal(costs, a, b)? {
                        differ = Some((a, b));
                        break;
                    }
                }
                if let Some(next) = differ {
                    pair = next;
                    continue;
                }
                Ok(Some(a.len().cmp(&b.len())))
            }
            (Value::Text(a), Value::Text(b)) => {
                costs.read(a.len().min(b.len()))?;
                Ok(Some(a.as_str().cmp(b.as_str())))
            }
            (a, b) => match (Number::of(a), Number::of(b)) {
                (Some(a), Some(b)) => Ok(a.compare(&b)),
                _ => Err(no_order(a, b)),
            },
        };
    }
}

fn no_order(a: &Value, b: &Value) -> Error {
    let (a, b) = (a.type_name(), b.type_name());
    fault(format!("'<' not supported between instances of '{a}' and '{b}'"))
}

/// The hash of a map's key: equal for equal values, `1`, `1.0` and `true` too.
///
/// # Errors
/// `Template` for what has none.
pub(super) fn hash(costs: &mut Costs, key: &Value) -> Result<u64> {
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

pub(super) fn hash_str(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write_u8(1);
    hasher.write(text.as_bytes());
    hasher.finish()
}
