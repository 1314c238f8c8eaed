//! Equality and order of values, as Python has them, without recursion. Knows no syntax.

use std::cmp::Ordering;
use std::iter::Zip;
use std::slice::Iter;
use std::sync::Arc;

use super::keys::equal_flat;
use super::number::Number;
use super::value::{Dict, Value};
use crate::error::{Error, Result};
use crate::text::template::costs::{Costs, fault};

/// The comparisons.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    In,
    NotIn,
}

/// Two lists or maps that are being compared: what is still to be looked at.
enum Open<'v> {
    Items(Zip<Iter<'v, Value>, Iter<'v, Value>>),
    /// The pairs of one map, and the other.
    Pairs(Zip<Iter<'v, Value>, Iter<'v, Value>>, &'v Dict),
}

/// What comes next of two values that are being compared.
enum Next<'v> {
    /// These have to be equal, too.
    Both(&'v Value, &'v Value),
    /// One has what the other has not.
    Differs,
    Over,
}

impl<'v> Open<'v> {
    fn next(&mut self, costs: &mut Costs) -> Result<Next<'v>> {
        Ok(match self {
            Self::Items(items) => items.next().map_or(Next::Over, |(a, b)| Next::Both(a, b)),
            Self::Pairs(pairs, other) => {
                let Some((key, value)) = pairs.next() else { return Ok(Next::Over) };
                costs.spend(1)?;
                other.get(costs, key)?.map_or(Next::Differs, |other| Next::Both(value, other))
            }
        })
    }
}

/// Whether `a == b`.
///
/// # Errors
/// `Template` once the fuel is used up.
pub(crate) fn equal(costs: &mut Costs, a: &Value, b: &Value) -> Result<bool> {
    if let Some(equal) = equal_flat(costs, a, b)? {
        return Ok(equal);
    }
    let (mut pair, mut open) = ((a, b), Vec::new());
    loop {
        costs.spend(1)?;
        match pair {
            (Value::List(a), Value::List(b)) | (Value::Tuple(a), Value::Tuple(b)) => {
                if a.len() != b.len() {
                    return Ok(false);
                }
                if !Arc::ptr_eq(a, b) {
                    open.push(Open::Items(a.iter().zip(b.iter())));
                }
            }
            (Value::Dict(a), Value::Dict(b)) => {
                if a.len() != b.len() {
                    return Ok(false);
                }
                open.push(Open::Pairs(a.keys().iter().zip(a.values()), b));
            }
            (a, b) => {
                if !equal_flat(costs, a, b)?.unwrap_or(false) {
                    return Ok(false);
                }
            }
        }
        pair = loop {
            let Some(innermost) = open.last_mut() else { return Ok(true) };
            match innermost.next(costs)? {
                Next::Both(a, b) => break (a, b),
                Next::Differs => return Ok(false),
                Next::Over => drop(open.pop()),
            }
        };
    }
}

/// How `a` and `b` are ordered; `None` where none of `<`, `==` and `>` holds (NaN).
///
/// # Errors
/// `Template` for values that have no order, and once the fuel is used up.
pub(crate) fn compare(costs: &mut Costs, a: &Value, b: &Value) -> Result<Option<Ordering>> {
    let mut pair = (a, b);
    loop {
        costs.spend(1)?;
        return match pair {
            (Value::List(a), Value::List(b)) | (Value::Tuple(a), Value::Tuple(b)) => {
                // The first items that differ decide; behind the last common ones the length does.
                if Arc::ptr_eq(a, b) {
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
