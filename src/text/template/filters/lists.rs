//! Filters of lists and of what can be gone through. Knows no strings' filters.

use crate::error::Result;
use crate::text::template::arguments::{Arguments, integer, missing};
use crate::text::template::costs::fault;
use crate::text::template::operations::attributes::path;
use crate::text::template::operations::checks;
use crate::text::template::operations::operators::calculate;
use crate::text::template::rendering::Rendering;
use crate::text::template::values::{Arithmetic, Builder, ObjectKind, Source, Text, Value};

/// The first item; an iterator's is taken from it.
pub(crate) fn first(rendering: &mut Rendering<'_>, value: &Value, arguments: Arguments) -> Result<Value> {
    arguments.none("first")?;
    let item = match value {
        Value::Object(object) if object.kind == ObjectKind::Iterator => {
            rendering.objects.first(&rendering.costs.meter, object)
        }
        value => match Source::of(&mut rendering.costs, value)? {
            Some(mut source) => source.next(&mut rendering.costs)?,
            None => return Err(rendering.unfit(value, "first")),
        },
    };
    Ok(item.unwrap_or(Value::UNDEFINED))
}

/// The last item.
pub(crate) fn last(rendering: &mut Rendering<'_>, value: &Value, arguments: Arguments) -> Result<Value> {
    arguments.none("last")?;
    let item = match value {
        Value::List(items) | Value::Tuple(items) => items.last().cloned(),
        Value::Text(text) => match text.as_str().char_indices().next_back() {
            Some((at, _)) => Some(Value::Text(text.part(&mut rendering.costs, at..text.len())?)),
            None => None,
        },
        Value::Range(steps) => steps.len().checked_sub(1).and_then(|at| steps.get(at)).map(Value::Int),
        Value::Undefined(_) => None,
        Value::Dict(_) | Value::View(..) => rendering.items(value)?.pop(),
        other => return Err(fault(format!("'{}' object is not reversible", other.type_name()))),
    };
    Ok(item.unwrap_or(Value::UNDEFINED))
}

/// An item by the time, not by chance.
pub(crate) fn random(rendering: &mut Rendering<'_>, value: &Value, arguments: Arguments) -> Result<Value> {
    arguments.none("random")?;
    let items = rendering.items(value)?;
    let at = rendering.now.rem_euclid(items.len().max(1) as i64) as usize;
    Ok(items.get(at).cloned().unwrap_or(Value::UNDEFINED))
}

/// `list(value)`
pub(crate) fn list(rendering: &mut Rendering<'_>, value: &Value, arguments: Arguments) -> Result<Value> {
    arguments.none("list")?;
    let items = rendering.items(value)?;
    Value::list(&mut rendering.costs, items)
}

/// `join(value, d, attribute)`
pub(crate) fn join(rendering: &mut Rendering<'_>, value: &Value, arguments: Arguments) -> Result<Value> {
    let [separator, attribute] = arguments.bind("join", ["d", "attribute"])?;
    let separator = match separator {
        Some(separator) => rendering.string(&separator)?,
        None => Text::literal(String::new()),
    };
    let attribute = attribute.filter(|attribute| !attribute.is_none());
    let mut out = Builder::new(&rendering.costs);
    for (at, item) in rendering.items(value)?.into_iter().enumerate() {
        rendering.costs.spend(1)?;
        if at > 0 {
            out.text(&mut rendering.costs, &separator)?;
        }
        let item = match &attribute {
            Some(attribute) => path(rendering, item, attribute, None)?,
            None => item,
        };
        rendering.write(&mut out, &item)?;
    }
    out.finish().map(Value::Text)
}

/// `select`, `reject` and those by an attribute (`name`).
pub(crate) fn select(
    rendering: &mut Rendering<'_>,
    name: &str,
    value: &Value,
    mut arguments: Arguments,
) -> Result<Value> {
    if value.is_undefined() {
        return rendering.objects.iterator(&mut rendering.costs, Vec::new());
    }
    let wanted = name.starts_with("select");
    let attribute = if name.ends_with("attr") {
        if arguments.positional.is_empty() {
            return Err(fault("Missing parameter for attribute name"));
        }
        Some(arguments.positional.remove(0))
    } else {
        None
    };
    let test = if arguments.positional.is_empty() { None } else { Some(arguments.positional.remove(0)) };
    let mut chosen = Vec::new();
    for item in rendering.items(value)? {
        rendering.costs.spend(2 + arguments.positional.len())?;
        let looked_at = match &attribute {
            Some(attribute) => path(rendering, item.clone(), attribute, None)?,
            None => item.clone(),
        };
        let passed = match &test {
            None => looked_at.truth(),
            Some(Value::Text(test)) => {
                let again =
                    Arguments { positional: arguments.positional.clone(), named: arguments.named.clone() };
                checks::apply(rendering, test.as_str(), &looked_at, again)?
            }
            Some(other) => {
                return Err(fault(format!("{name}: a test's name is a string, not '{}'", other.type_name())));
            }
        };
        if passed == wanted {
            chosen.push(item);
        }
    }
    rendering.objects.iterator(&mut rendering.costs, chosen)
}

/// `sum(value, attribute, start)`
pub(crate) fn sum(rendering: &mut Rendering<'_>, value: &Value, arguments: Arguments) -> Result<Value> {
    let [attribute, start] = arguments.bind("sum", ["attribute", "start"])?;
    let attribute = attribute.filter(|attribute| !attribute.is_none());
    let mut total = start.unwrap_or(Value::Int(0));
    if matches!(total, Value::Text(_)) {
        return Err(fault("sum() can't sum strings [use ''.join(seq) instead]"));
    }
    for item in rendering.items(value)? {
        rendering.costs.spend(1)?;
        let item = match &attribute {
            Some(attribute) => path(rendering, item, attribute, None)?,
            None => item,
        };
        total = calculate(rendering, Arithmetic::Add, &total, &item)?;
    }
    Ok(total)
}

/// The string backwards; an iterator over anything else from behind.
pub(crate) fn reverse(rendering: &mut Rendering<'_>, value: &Value, arguments: Arguments) -> Result<Value> {
    arguments.none("reverse")?;
    if let Value::Text(text) = value {
        let costs = &mut rendering.costs;
        costs.spend(text.len() / 4)?;
        let mut out = Builder::new(costs);
        for (at, letter) in text.as_str().char_indices().rev() {
            out.letter(letter, text.is_said(at))?;
        }
        return out.finish().map(Value::Text);
    }
    let mut items = rendering.items(value)?;
    items.reverse();
    rendering.objects.iterator(&mut rendering.costs, items)
}

/// `batch(count, fill)` and `slice(count, fill)`.
pub(crate) fn cut(
    rendering: &mut Rendering<'_>,
    name: &str,
    value: &Value,
    arguments: Arguments,
) -> Result<Value> {
    let [count, fill] = arguments.bind(name, ["count", "fill_with"])?;
    let count =
        integer(count, name)?.filter(|count| *count > 0).ok_or_else(|| missing(name, "a count above 0"))?;
    let count = count as usize;
    let fill = fill.filter(|fill| !fill.is_none());
    let items = rendering.items(value)?;
    let costs = &mut rendering.costs;
    let mut parts = Vec::new();
    if name == "batch" {
        for part in items.chunks(count) {
            let mut part = part.to_vec();
            if let Some(fill) = &fill {
                costs.spend(count - part.len())?;
                costs.meter.take((count - part.len()) * size_of::<Value>())?;
                costs.meter.give((count - part.len()) * size_of::<Value>());
                part.resize(count, fill.clone());
            }
            parts.push(Value::list(costs, part)?);
        }
    } else {
        let (each, more) = (items.len() / count, items.len() % count);
        let mut rest = items.as_slice();
        for number in 0..count {
            costs.spend(2)?;
            let (part, behind) = rest.split_at(each + usize::from(number < more));
            rest = behind;
            let mut part = part.to_vec();
            if number >= more {
                part.extend(fill.clone());
            }
            parts.push(Value::list(costs, part)?);
        }
    }
    rendering.objects.iterator(costs, parts)
}
