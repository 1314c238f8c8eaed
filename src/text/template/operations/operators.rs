//! What the operators do with values: arithmetic, joining, comparing, looking inside. Knows no syntax.

use std::cmp::Ordering;

use super::percent;
use crate::error::{Error, Result};
use crate::text::template::costs::{Costs, fault};
use crate::text::template::rendering::Rendering;
use crate::text::template::strings::escape;
use crate::text::template::values::{
    Arithmetic, Builder, Comparison, Items, Missing, Number, ObjectKind, Text, Value, View, compare, equal,
    integer,
};

/// `-value`
pub(crate) fn negate(rendering: &Rendering<'_>, value: &Value) -> Result<Value> {
    match Number::of(value) {
        Some(Number::Float(number)) => Ok(Value::Float(-number)),
        Some(number) => Number::Int(0).calculate(Arithmetic::Subtract, number),
        None => Err(bad_operand(rendering, value)),
    }
}

/// `+value`
pub(crate) fn plus(rendering: &Rendering<'_>, value: &Value) -> Result<Value> {
    match Number::of(value) {
        Some(Number::Int(number)) => Ok(integer(number)),
        Some(Number::Float(number)) => Ok(Value::Float(number)),
        None => Err(bad_operand(rendering, value)),
    }
}

fn bad_operand(rendering: &Rendering<'_>, value: &Value) -> Error {
    match value {
        Value::Undefined(missing) => rendering.undefined(*missing),
        other => fault(format!("bad operand type for unary operator: '{}'", other.type_name())),
    }
}

/// `left operator right`.
pub(crate) fn calculate(
    rendering: &mut Rendering<'_>,
    operator: Arithmetic,
    left: &Value,
    right: &Value,
) -> Result<Value> {
    if let (Some(left), Some(right)) = (Number::of(left), Number::of(right)) {
        return left.calculate(operator, right);
    }
    let costs = &mut rendering.costs;
    match (operator, left, right) {
        (Arithmetic::Add, Value::Text(left), Value::Text(right)) => {
            add_texts(costs, left, right).map(Value::Text)
        }
        (Arithmetic::Add, Value::List(left), Value::List(right)) => {
            joined(costs, left, right).map(Value::List)
        }
        (Arithmetic::Add, Value::Tuple(left), Value::Tuple(right)) => {
            joined(costs, left, right).map(Value::Tuple)
        }
        (
            Arithmetic::Multiply,
            Value::Text(_) | Value::List(_) | Value::Tuple(_),
            Value::Int(_) | Value::Bool(_),
        ) => repeat(costs, left, right),
        (
            Arithmetic::Multiply,
            Value::Int(_) | Value::Bool(_),
            Value::Text(_) | Value::List(_) | Value::Tuple(_),
        ) => repeat(costs, right, left),
        (Arithmetic::Remainder, Value::Text(format), _) => percent::format(rendering, format, right),
        (_, Value::Undefined(missing), _) | (_, _, Value::Undefined(missing)) => {
            Err(rendering.undefined(*missing))
        }
        _ => Err(fault(format!(
            "unsupported operand type(s) for {}: '{}' and '{}'",
            operator.sign(),
            left.type_name(),
            right.type_name()
        ))),
    }
}

/// `left + right`; what is added to something escaped is escaped too.
fn add_texts(costs: &mut Costs, left: &Text, right: &Text) -> Result<Text> {
    let markup = left.is_markup() || right.is_markup();
    let mut out = Builder::new(costs);
    for side in [left, right] {
        if markup && !side.is_markup() {
            let side = escape(costs, side)?;
            out.text(costs, &side)?;
        } else {
            out.text(costs, side)?;
        }
    }
    if markup {
        out.set_markup();
    }
    out.finish()
}

fn joined(costs: &mut Costs, left: &Items, right: &Items) -> Result<std::sync::Arc<Items>> {
    let count = left.len() + right.len();
    costs.spend(count / 4)?;
    let mut items = costs.room(count)?;
    items.extend_from_slice(left);
    items.extend_from_slice(right);
    Items::new(costs, items)
}

/// Bytes that a repeated text is copied by.
const REPEATED: usize = 256;

fn repeat(costs: &mut Costs, value: &Value, times: &Value) -> Result<Value> {
    let times = match times {
        Value::Int(times) => usize::try_from(*times).unwrap_or(0),
        times => usize::from(times.truth()),
    };
    match value {
        Value::Text(text) => {
            if text.is_empty() || times == 0 {
                return Text::new(costs, "").map(Value::Text);
            }
            // Copied in larger pieces.
            let each = (REPEATED / text.len()).clamp(1, times);
            let mut piece = Builder::new(costs);
            for _ in 0..each {
                costs.spend(1)?;
                piece.text(costs, text)?;
            }
            let piece = piece.finish()?;
            costs.spend(times / each)?;
            let mut out = Builder::new(costs);
            out.reserve(text.len().saturating_mul(times))?;
            for _ in 0..times / each {
                out.text(costs, &piece)?;
            }
            out.part(costs, &piece, 0..times % each * text.len())?;
            out.finish().map(Value::Text)
        }
        Value::List(items) | Value::Tuple(items) => {
            let count = items.len().saturating_mul(times);
            costs.spend(count)?;
            let mut copies = costs.room(count)?;
            if !items.is_empty() {
                (0..times).for_each(|_| copies.extend_from_slice(items));
            }
            let copies = Items::new(costs, copies)?;
            Ok(if matches!(value, Value::List(_)) { Value::List(copies) } else { Value::Tuple(copies) })
        }
        _ => Ok(Value::UNDEFINED),
    }
}

/// Whether a comparison holds.
pub(crate) fn holds(
    rendering: &mut Rendering<'_>,
    comparison: Comparison,
    left: &Value,
    right: &Value,
) -> Result<bool> {
    let costs = &mut rendering.costs;
    Ok(match comparison {
        Comparison::Equal => equal(costs, left, right)?,
        Comparison::NotEqual => !equal(costs, left, right)?,
        Comparison::In => contains(rendering, right, left)?,
        Comparison::NotIn => !contains(rendering, right, left)?,
        ordered => {
            for side in [left, right] {
                if let Value::Undefined(missing) = side {
                    return Err(rendering.undefined(*missing));
                }
            }
            let order = compare(costs, left, right)?;
            match ordered {
                Comparison::Less => order == Some(Ordering::Less),
                Comparison::LessOrEqual => order.is_some_and(Ordering::is_le),
                Comparison::Greater => order == Some(Ordering::Greater),
                _ => order.is_some_and(Ordering::is_ge),
            }
        }
    })
}

/// `item in container`.
pub(crate) fn contains(rendering: &mut Rendering<'_>, container: &Value, item: &Value) -> Result<bool> {
    let costs = &mut rendering.costs;
    match container {
        Value::Text(text) => match item {
            Value::Text(part) => {
                costs.read(text.len() + part.len())?;
                Ok(text.as_str().contains(part.as_str()))
            }
            other => {
                let kind = other.type_name();
                Err(fault(format!("'in <string>' requires string as left operand, not {kind}")))
            }
        },
        Value::List(items) | Value::Tuple(items) => any_equal(costs, items, item),
        Value::Dict(dict) => Ok(dict.get(costs, item)?.is_some()),
        Value::View(View::Keys, dict) => Ok(dict.get(costs, item)?.is_some()),
        Value::Range(steps) => Ok(match Number::of(item) {
            Some(number) => {
                let whole = match number {
                    Number::Int(whole) => i64::try_from(whole).ok(),
                    Number::Float(float) if float.fract() == 0.0 && float.abs() < 9e15 => Some(float as i64),
                    Number::Float(_) => None,
                };
                whole.is_some_and(|whole| {
                    let past = i128::from(whole) - i128::from(steps.start);
                    past % i128::from(steps.step) == 0
                        && usize::try_from(past / i128::from(steps.step)).is_ok_and(|at| at < steps.len())
                })
            }
            None => false,
        }),
        Value::View(..) => {
            let items = rendering.items(container)?;
            any_equal(&mut rendering.costs, &items, item)
        }
        // Looking takes what it passes over out of the iterator, as Python does.
        Value::Object(object) if object.kind == ObjectKind::Iterator => {
            while let Some(next) = rendering.objects.next(&rendering.costs.meter, object.at) {
                rendering.costs.spend(1)?;
                if equal(&mut rendering.costs, &next, item)? {
                    return Ok(true);
                }
            }
            Ok(false)
        }
        Value::Undefined(Missing::Unsafe) => Err(rendering.undefined(Missing::Unsafe)),
        Value::Undefined(_) => Ok(false),
        other => Err(fault(format!("argument of type '{}' is not iterable", other.type_name()))),
    }
}

fn any_equal(costs: &mut Costs, items: &[Value], wanted: &Value) -> Result<bool> {
    for (at, item) in items.iter().enumerate() {
        if at % 8 == 7 {
            costs.spend(1)?;
        }
        if equal(costs, item, wanted)? {
            return Ok(true);
        }
    }
    Ok(false)
}
