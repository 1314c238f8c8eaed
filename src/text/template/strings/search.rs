//! Where a string is in another. Knows strings only.

use std::ops::Range;

use crate::error::Result;
use crate::text::template::arguments::{Arguments, integer, missing, text_of};
use crate::text::template::costs::{Costs, fault};
use crate::text::template::values::{Text, Value};

/// The bytes of the letters from `start` to `end`, counted as slices are; `None` if it begins behind the
/// text.
fn window(
    costs: &mut Costs,
    text: &Text,
    start: Option<i64>,
    end: Option<i64>,
) -> Result<Option<Range<usize>>> {
    if start.is_none() && end.is_none() {
        return Ok(Some(0..text.len()));
    }
    let letters = text.letters(costs)? as i64;
    let place = |at: i64| if at < 0 { (at + letters).max(0) } else { at };
    let (start, end) = (place(start.unwrap_or(0)), place(end.unwrap_or(letters)).min(letters));
    if start > end {
        return Ok(None);
    }
    Ok(Some(text.offset(costs, start as usize)?..text.offset(costs, end as usize)?))
}

/// The methods `startswith` and `endswith` (`name`).
pub(crate) fn begins(costs: &mut Costs, text: &Text, arguments: Arguments, name: &str) -> Result<Value> {
    let [part, start, end] = arguments.bind(name, ["part", "start", "end"])?;
    let part = part.ok_or_else(|| missing(name, "part"))?;
    let window = window(costs, text, integer(start, name)?, integer(end, name)?)?;
    let parts = match &part {
        Value::Tuple(parts) => parts.to_vec(),
        other => vec![other.clone()],
    };
    let Some(window) = window else { return Ok(Value::Bool(false)) };
    let inside = &text.as_str()[window];
    let mut found = false;
    for part in parts {
        let part = text_of(&part, name)?;
        costs.spend(1)?;
        costs.read(part.len())?;
        found |= if name == "startswith" {
            inside.starts_with(part.as_str())
        } else {
            inside.ends_with(part.as_str())
        };
    }
    Ok(Value::Bool(found))
}

/// The methods `find`, `index`, their like from the right, and `count` (`name`).
pub(crate) fn search(costs: &mut Costs, text: &Text, arguments: Arguments, name: &str) -> Result<Value> {
    let [part, start, end] = arguments.bind(name, ["sub", "start", "end"])?;
    let part = text_of(&part.ok_or_else(|| missing(name, "sub"))?, name)?;
    let window = window(costs, text, integer(start, name)?, integer(end, name)?)?;
    costs.read(text.len())?;
    if name == "count" {
        let Some(window) = window else { return Ok(Value::Int(0)) };
        let inside = &text.as_str()[window];
        return Ok(Value::count(inside.matches(part.as_str()).count()));
    }
    let found = window.and_then(|window| {
        let inside = &text.as_str()[window.clone()];
        let found =
            if name.starts_with('r') { inside.rfind(part.as_str()) } else { inside.find(part.as_str()) };
        found.map(|at| window.start + at)
    });
    match found {
        Some(at) if text.is_ascii() => Ok(Value::count(at)),
        Some(at) => Ok(Value::count(text.as_str()[..at].chars().count())),
        None if name.ends_with("find") => Ok(Value::Int(-1)),
        None => Err(fault(format!("{name}: substring not found"))),
    }
}
