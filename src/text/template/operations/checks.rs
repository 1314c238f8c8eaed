//! The tests behind `is`. Knows no syntax.

use super::names;
use super::operators::{calculate, contains, holds};
use crate::error::Result;
use crate::text::template::arguments::Arguments;
use crate::text::template::costs::fault;
use crate::text::template::rendering::Rendering;
use crate::text::template::strings::case;
use crate::text::template::values::{Arithmetic, Comparison, Number, ObjectKind, Value};

/// Whether `value is name(arguments)`.
///
/// # Errors
/// `Template` for an unknown name, for values and arguments that the test cannot do anything with, and over
/// the limits of the rendering.
pub(crate) fn apply(
    rendering: &mut Rendering<'_>,
    name: &str,
    value: &Value,
    arguments: Arguments,
) -> Result<bool> {
    if let Some(comparison) = comparison(name) {
        let other = arguments.one(name, "b")?;
        return holds(rendering, comparison, value, &other);
    }
    match name {
        "in" => {
            let container = arguments.one(name, "seq")?;
            return contains(rendering, &container, value);
        }
        "sameas" => {
            let other = arguments.one(name, "other")?;
            return Ok(same(value, &other));
        }
        "divisibleby" => {
            let number = arguments.one(name, "num")?;
            let rest = calculate(rendering, Arithmetic::Remainder, value, &number)?;
            return Ok(!rest.truth());
        }
        _ => arguments.none(name)?,
    }
    alone(rendering, name, value)
}

/// The comparison that a test is.
fn comparison(name: &str) -> Option<Comparison> {
    Some(match name {
        "eq" | "==" | "equalto" => Comparison::Equal,
        "ne" | "!=" => Comparison::NotEqual,
        "lt" | "<" | "lessthan" => Comparison::Less,
        "le" | "<=" => Comparison::LessOrEqual,
        "gt" | ">" | "greaterthan" => Comparison::Greater,
        "ge" | ">=" => Comparison::GreaterOrEqual,
        _ => return None,
    })
}

/// Whether `value is name`, for a test without arguments.
fn alone(rendering: &mut Rendering<'_>, name: &str, value: &Value) -> Result<bool> {
    Ok(match name {
        "defined" => !value.is_undefined(),
        "undefined" => value.is_undefined(),
        "none" => value.is_none(),
        "boolean" => matches!(value, Value::Bool(_)),
        "true" => matches!(value, Value::Bool(true)),
        "false" => matches!(value, Value::Bool(false)),
        "integer" => matches!(value, Value::Int(_) | Value::Big(_)),
        "float" => matches!(value, Value::Float(_)),
        "number" => matches!(value, Value::Int(_) | Value::Big(_) | Value::Float(_) | Value::Bool(_)),
        "string" => matches!(value, Value::Text(_)),
        "mapping" => matches!(value, Value::Dict(_)),
        "callable" => value.is_callable(),
        "escaped" => value.as_text().is_some_and(|text| text.is_markup()),
        "iterable" => is_iterable(value),
        "sequence" => is_sequence(value),
        "odd" | "even" => {
            let rest = calculate(rendering, Arithmetic::Remainder, value, &Value::Int(2))?;
            let odd = Number::of(&rest).is_some_and(|rest| rest.to_f64() == 1.0);
            let even = !rest.truth();
            if name == "odd" { odd } else { even }
        }
        "lower" | "upper" => {
            let text = rendering.string(value)?;
            rendering.costs.spend(text.len() / 8)?;
            case::is(text.as_str(), name)
        }
        "filter" => value.as_str().is_some_and(names::is_filter),
        "test" => value.as_str().is_some_and(names::is_test),
        _ => return Err(fault(format!("No test named '{name:.64}'."))),
    })
}

/// Whether both are the very same object; small values are where they are equal and of one type.
fn same(a: &Value, b: &Value) -> bool {
    use std::sync::Arc;
    match (a, b) {
        (Value::None, Value::None) => true,
        (Value::Bool(a), Value::Bool(b)) => a == b,
        (Value::Int(a), Value::Int(b)) => a == b,
        (Value::Float(a), Value::Float(b)) => a == b,
        (Value::Text(a), Value::Text(b)) => a.same(b) || (a.len() <= 20 && a.as_str() == b.as_str()),
        (Value::List(a), Value::List(b)) => Arc::ptr_eq(a, b),
        (Value::Tuple(a), Value::Tuple(b)) => Arc::ptr_eq(a, b) || (a.is_empty() && b.is_empty()),
        (Value::Dict(a), Value::Dict(b)) => Arc::ptr_eq(a, b),
        (Value::Object(a), Value::Object(b)) => a == b,
        (Value::Function(a), Value::Function(b)) => a == b,
        _ => false,
    }
}

fn is_iterable(value: &Value) -> bool {
    match value {
        Value::Undefined(_)
        | Value::Text(_)
        | Value::List(_)
        | Value::Tuple(_)
        | Value::Dict(_)
        | Value::Range(_)
        | Value::View(..) => true,
        Value::Object(object) => matches!(object.kind, ObjectKind::Iterator | ObjectKind::Loop),
        _ => false,
    }
}

/// What has a length and items.
fn is_sequence(value: &Value) -> bool {
    matches!(
        value,
        Value::Undefined(_)
            | Value::Text(_)
            | Value::List(_)
            | Value::Tuple(_)
            | Value::Dict(_)
            | Value::Range(_)
    )
}
