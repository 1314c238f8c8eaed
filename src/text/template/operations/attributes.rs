//! What a value has: attributes, items, slices. Knows methods by name only.

use super::names::is_method;
use crate::error::Result;
use crate::text::template::costs::{Costs, fault};
use crate::text::template::rendering::Rendering;
use crate::text::template::values::{Builder, Loop, Missing, Number, Object, Steps, Text, Value, integer_of};

/// `object.name`: an attribute, or an item with that name.
pub(crate) fn attribute(rendering: &mut Rendering<'_>, object: Value, name: u32) -> Result<Value> {
    let text = rendering.name(name);
    let missing = Missing::Attribute(name);
    named(rendering, object, text, missing)
}

/// The attribute of this name; `missing` if there is none.
pub(crate) fn named(
    rendering: &mut Rendering<'_>,
    object: Value,
    name: &str,
    missing: Missing,
) -> Result<Value> {
    let found = match &object {
        // A key goes before a method of the same name: `schema.items` is what the schema has.
        Value::Dict(dict) => dict.get_str(name).cloned(),
        Value::Undefined(missing) => return Err(rendering.undefined(*missing)),
        Value::Object(object) => object_attribute(rendering, object.at, name)?,
        Value::Tuple(pair) if pair.is_group => match name {
            "grouper" => pair.first().cloned(),
            "list" => pair.get(1).cloned(),
            _ => None,
        },
        Value::Range(steps) => match name {
            "start" => Some(Value::Int(steps.start)),
            "stop" => Some(Value::Int(steps.stop)),
            "step" => Some(Value::Int(steps.step)),
            _ => None,
        },
        Value::Int(_) | Value::Bool(_) => match name {
            "real" | "numerator" => Some(object.clone()),
            "imag" => Some(Value::Int(0)),
            "denominator" => Some(Value::Int(1)),
            _ => None,
        },
        _ => None,
    };
    if let Some(found) = found {
        return Ok(found);
    }
    if name.starts_with('_') {
        return Ok(Value::Undefined(Missing::Unsafe));
    }
    if is_method(&object, name) {
        rendering.costs.spend(1)?;
        return Ok(Value::Method(std::sync::Arc::new((object, name.to_owned()))));
    }
    Ok(Value::Undefined(missing))
}

fn object_attribute(rendering: &mut Rendering<'_>, at: u32, name: &str) -> Result<Option<Value>> {
    let costs = &mut rendering.costs;
    match rendering.objects.get(at) {
        Object::Namespace(_) => rendering.objects.attribute(costs, at, name),
        Object::Loop(state) => {
            let ahead = || rendering.objects.ahead(state) as i64;
            let Loop { index, depth, .. } = **state;
            Ok(Some(match name {
                "index" => Value::Int(index + 1),
                "index0" => Value::Int(index),
                "first" => Value::Bool(index == 0),
                "last" => Value::Bool(ahead() == 0),
                "length" => Value::Int(index + 1 + ahead()),
                "revindex" => Value::Int(ahead() + 1),
                "revindex0" => Value::Int(ahead()),
                "depth" => Value::Int(i64::from(depth) + 1),
                "depth0" => Value::Int(i64::from(depth)),
                "previtem" => state.before.clone().unwrap_or(Value::UNDEFINED),
                "nextitem" => rendering.objects.peek(costs, state)?.unwrap_or(Value::UNDEFINED),
                _ => return Ok(None),
            }))
        }
        Object::Macro(made) => {
            let Some(signature) = rendering.signatures.get(made.signature as usize) else {
                return Ok(None);
            };
            let names = rendering.names;
            let text = |number: u32| {
                let name = names.get(number as usize).map_or("", |name| name);
                Value::Text(Text::literal(name.to_owned()))
            };
            Ok(Some(match name {
                "name" => text(signature.name),
                "arguments" => {
                    let parameters = signature.parameters.iter().map(|name| text(*name)).collect();
                    Value::tuple(costs, parameters)?
                }
                "caller" => Value::Bool(signature.caller),
                "catch_kwargs" => Value::Bool(signature.kwargs),
                "catch_varargs" => Value::Bool(signature.varargs),
                _ => return Ok(None),
            }))
        }
        Object::Cycler { items, at } if name == "current" => Ok(items.get(*at).cloned()),
        _ => Ok(None),
    }
}

/// `object[index]`: an item, or the attribute with that name.
pub(crate) fn item(rendering: &mut Rendering<'_>, object: Value, index: &Value) -> Result<Value> {
    let costs = &mut rendering.costs;
    let at = match Number::of(index) {
        Some(Number::Int(at)) => Some(at),
        _ => None,
    };
    let found = match &object {
        Value::Dict(dict) => match index {
            // What cannot be a key is not there.
            Value::List(_) | Value::Dict(_) | Value::View(..) => None,
            index => dict.get(costs, index)?.cloned(),
        },
        Value::List(items) | Value::Tuple(items) => {
            at.and_then(|at| position(at, items.len())).and_then(|at| items.get(at).cloned())
        }
        Value::Range(steps) => {
            at.and_then(|at| position(at, steps.len())).and_then(|at| steps.get(at)).map(Value::Int)
        }
        Value::Text(text) => match at {
            None => None,
            Some(at) => {
                let letters = text.letters(costs)?;
                match position(at, letters) {
                    None => None,
                    Some(at) => {
                        let start = text.offset(costs, at)?;
                        let length = text.as_str()[start..].chars().next().map_or(0, char::len_utf8);
                        Some(Value::Text(text.part(costs, start..start + length)?))
                    }
                }
            }
        },
        Value::Undefined(missing) => return Err(rendering.undefined(*missing)),
        _ => None,
    };
    match (found, index) {
        (Some(found), _) => Ok(found),
        (None, Value::Text(name))
            if !matches!(object, Value::Dict(_)) || is_method(&object, name.as_str()) =>
        {
            named(rendering, object, name.as_str(), Missing::Item)
        }
        _ => Ok(Value::Undefined(Missing::Item)),
    }
}

/// Where the item `at` is, which counts from the end if it is negative.
fn position(at: i128, length: usize) -> Option<usize> {
    let at = if at < 0 { at + length as i128 } else { at };
    usize::try_from(at).ok().filter(|at| *at < length)
}

/// `object[start:stop:step]`.
pub(crate) fn slice(rendering: &mut Rendering<'_>, object: &Value, parts: [Value; 3]) -> Result<Value> {
    let costs = &mut rendering.costs;
    let length = match object {
        Value::Text(text) => text.letters(costs)?,
        Value::List(items) | Value::Tuple(items) => items.len(),
        Value::Range(steps) => steps.len(),
        Value::Undefined(missing) => return Err(rendering.undefined(*missing)),
        // No such item, then.
        _ => return Ok(Value::Undefined(Missing::Item)),
    };
    let Some((start, step, count)) = bounds(&parts, length)? else {
        return Ok(Value::Undefined(Missing::Item));
    };
    let places = (0..count).map(|number| (start + step * number as i64) as usize);
    match object {
        Value::Text(text) => {
            if step == 1 {
                let from = text.offset(costs, start as usize)?;
                let to = text.offset(costs, start as usize + count)?;
                return text.part(costs, from..to).map(Value::Text);
            }
            stepped(costs, text, start, (step, length, count)).map(Value::Text)
        }
        Value::Range(steps) => {
            let first = steps.start.saturating_add(steps.step.saturating_mul(start));
            let by = steps.step.saturating_mul(step);
            let stop = first.saturating_add(by.saturating_mul(count as i64));
            Ok(Value::Range(std::sync::Arc::new(Steps { start: first, stop, step: by })))
        }
        Value::List(items) | Value::Tuple(items) => {
            costs.spend(count / 4)?;
            let mut chosen = costs.room(count)?;
            chosen.extend(places.map(|place| items[place].clone()));
            if matches!(object, Value::List(_)) {
                Value::list(costs, chosen)
            } else {
                Value::tuple(costs, chosen)
            }
        }
        _ => Ok(Value::UNDEFINED),
    }
}

/// Every letter of a slice, without a list of the text's letters.
fn stepped(
    costs: &mut Costs,
    text: &Text,
    start: i64,
    (step, length, count): (i64, usize, usize),
) -> Result<Text> {
    costs.spend(length)?;
    let mut out = Builder::new(costs);
    let (skipped, by) = (if step > 0 { start } else { length as i64 - 1 - start }, step.unsigned_abs());
    let (mut ahead, mut back) = (text.as_str().char_indices(), text.as_str().char_indices().rev());
    let letters = std::iter::from_fn(|| if step > 0 { ahead.next() } else { back.next() });
    for (at, letter) in letters.skip(skipped.max(0) as usize).step_by(by as usize).take(count) {
        out.letter(letter, text.is_said(at))?;
    }
    out.finish()
}

/// Where a slice begins, its step, and how many items it has; `None` for bounds that are no integers.
fn bounds(parts: &[Value; 3], length: usize) -> Result<Option<(i64, i64, usize)>> {
    let mut numbers = [None; 3];
    for (number, part) in numbers.iter_mut().zip(parts) {
        *number = match part {
            Value::None => None,
            Value::Int(value) => Some(*value),
            Value::Bool(value) => Some(i64::from(*value)),
            _ => return Ok(None),
        };
    }
    let [start, stop, step] = numbers;
    let (step, length) = (step.unwrap_or(1), length as i64);
    if step == 0 {
        return Err(fault("slice step cannot be zero"));
    }
    let (low, high) = if step > 0 { (0, length) } else { (-1, length - 1) };
    let clamp = |at: i64| (if at < 0 { at.saturating_add(length) } else { at }).clamp(low, high);
    let start = start.map_or(if step > 0 { low } else { high }, clamp);
    let stop = stop.map_or(if step > 0 { high } else { low }, clamp);
    let span = if step > 0 { stop - start } else { start - stop };
    let count = if span <= 0 { 0 } else { (span as u64).div_ceil(step.unsigned_abs()) as usize };
    // A step beyond the ends is never taken twice.
    Ok(Some((start, if count > 1 { step } else { 1 }, count)))
}

/// A path such as `a.b.0`, as filters take it: each part an item's name or number. What is not there is the
/// default, if there is one.
pub(crate) fn path(
    rendering: &mut Rendering<'_>,
    value: Value,
    path: &Value,
    default: Option<&Value>,
) -> Result<Value> {
    let parts: Vec<Value> = match path {
        Value::Text(text) => {
            let mut parts = Vec::new();
            for part in text.as_str().split('.') {
                rendering.costs.spend(1)?;
                parts.push(if !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()) {
                    integer_of(part).unwrap_or(Value::None)
                } else {
                    Value::text(&mut rendering.costs, part)?
                });
            }
            parts
        }
        other => vec![other.clone()],
    };
    let mut value = value;
    for part in parts {
        rendering.costs.spend(1)?;
        value = item(rendering, value, &part)?;
        if value.is_undefined()
            && let Some(default) = default
        {
            value = default.clone();
        }
    }
    Ok(value)
}
