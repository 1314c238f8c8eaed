//! What values look like as text: `str()` and `repr()`, without recursion. Knows no JSON.

use std::sync::Arc;

use super::dict::entry;
use super::kinds::{ObjectKind, View};
use super::number::float_text;
use super::objects::Objects;
use super::text::{Builder, Text};
use super::value::{Dict, Items, MAX_DEPTH, Value};
use crate::error::Result;
use crate::text::template::costs::{Costs, fault};
use crate::text::template::letters::is_printable;

/// `str(value)` as a string.
///
/// # Errors
/// `Template` over the limits of the rendering.
pub(crate) fn string(costs: &mut Costs, objects: &Objects, value: &Value) -> Result<Text> {
    if let Value::Text(text) = value {
        return Ok(text.clone());
    }
    let mut out = Builder::new(costs);
    write(costs, objects, &mut out, value)?;
    out.finish()
}

/// Appends `str(value)`.
///
/// # Errors
/// As [`string`]'s.
pub(crate) fn write(costs: &mut Costs, objects: &Objects, out: &mut Builder, value: &Value) -> Result<()> {
    match value {
        Value::Text(text) => out.text(costs, text),
        Value::Undefined(_) => Ok(()),
        value => repr(costs, objects, out, value),
    }
}

/// What is still to be written.
enum Open {
    Items(Arc<Items>, usize, &'static str),
    Dict(Arc<Dict>, usize),
    View(View, Arc<Dict>, usize),
    Namespace(u32, usize),
    /// A key has been written; its value comes.
    Value(Value),
    Text(&'static str),
}

/// Appends `repr(value)`.
///
/// # Errors
/// As [`string`]'s; for what is nested too deep.
pub(crate) fn repr(costs: &mut Costs, objects: &Objects, out: &mut Builder, value: &Value) -> Result<()> {
    let mut open = vec![Open::Value(value.clone())];
    while let Some(next) = open.pop() {
        costs.spend(1)?;
        if open.len() > 3 * usize::from(MAX_DEPTH) {
            return Err(fault(format!("a value is nested deeper than {MAX_DEPTH}")));
        }
        match next {
            Open::Text(text) => out.push(costs, text, false)?,
            Open::Value(value) => one(costs, objects, out, &value, &mut open)?,
            Open::Items(items, at, close) => match items.get(at) {
                None => out.push(costs, close, false)?,
                Some(item) => {
                    separate(costs, out, at)?;
                    let item = item.clone();
                    open.push(Open::Items(items, at + 1, close));
                    open.push(Open::Value(item));
                }
            },
            Open::Dict(dict, at) => match (dict.keys().get(at), dict.values().get(at)) {
                (Some(key), Some(value)) => {
                    separate(costs, out, at)?;
                    let (key, value) = (key.clone(), value.clone());
                    open.extend([
                        Open::Dict(dict, at + 1),
                        Open::Value(value),
                        Open::Text(": "),
                        Open::Value(key),
                    ]);
                }
                _ => out.push(costs, "}", false)?,
            },
            Open::View(view, dict, at) => match entry(costs, view, &dict, at)? {
                Some(item) => {
                    separate(costs, out, at)?;
                    open.extend([Open::View(view, dict, at + 1), Open::Value(item)]);
                }
                None => out.push(costs, "])", false)?,
            },
            Open::Namespace(namespace, at) => match objects.attribute_at(namespace, at) {
                Some((name, value)) => {
                    separate(costs, out, at)?;
                    quoted(costs, out, name)?;
                    open.extend([
                        Open::Namespace(namespace, at + 1),
                        Open::Value(value.clone()),
                        Open::Text(": "),
                    ]);
                }
                None => out.push(costs, "}>", false)?,
            },
        }
    }
    Ok(())
}

fn separate(costs: &mut Costs, out: &mut Builder, at: usize) -> Result<()> {
    if at > 0 { out.push(costs, ", ", false) } else { Ok(()) }
}

/// Appends a value's text, or its beginning and puts the rest on `open`.
fn one(
    costs: &mut Costs,
    objects: &Objects,
    out: &mut Builder,
    value: &Value,
    open: &mut Vec<Open>,
) -> Result<()> {
    match value {
        Value::Text(text) => return quoted(costs, out, text),
        Value::List(items) => {
            open.push(Open::Items(items.clone(), 0, "]"));
            return out.push(costs, "[", false);
        }
        Value::Tuple(items) => {
            open.push(Open::Items(items.clone(), 0, if items.len() == 1 { ",)" } else { ")" }));
            return out.push(costs, "(", false);
        }
        Value::Dict(dict) => {
            open.push(Open::Dict(dict.clone(), 0));
            return out.push(costs, "{", false);
        }
        Value::View(view, dict) => {
            open.push(Open::View(*view, dict.clone(), 0));
            return out.push(costs, &format!("{}([", value.type_name()), false);
        }
        Value::Object(object) if object.kind == ObjectKind::Namespace => {
            open.push(Open::Namespace(object.at, 0));
            return out.push(costs, "<Namespace {", false);
        }
        _ => {}
    }
    let text = match value {
        Value::None => "None".to_owned(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::Int(number) => number.to_string(),
        Value::Big(digits) => return out.push(costs, digits, false),
        Value::Float(number) => float_text(*number),
        Value::Range(steps) if steps.step == 1 => format!("range({}, {})", steps.start, steps.stop),
        Value::Range(steps) => format!("range({}, {}, {})", steps.start, steps.stop, steps.step),
        Value::Object(object) => objects.shown(object),
        other => other.type_name().to_owned(),
    };
    out.push(costs, &text, false)
}

/// Appends a string in quotes, with escapes for what cannot be printed.
fn quoted(costs: &mut Costs, out: &mut Builder, text: &Text) -> Result<()> {
    let plain = text.as_str();
    costs.spend(plain.len() / 8)?;
    let quote = if plain.contains('\'') && !plain.contains('"') { '"' } else { '\'' };
    out.letter(quote, false)?;
    for (part, said) in text.parts(0..text.len()) {
        let mut done = 0;
        for (at, letter) in part.char_indices() {
            if letter != quote && letter != '\\' && is_printable(letter) {
                continue;
            }
            out.push(costs, &part[done..at], said)?;
            done = at + letter.len_utf8();
            let escape = match letter {
                '\n' => "\\n".to_owned(),
                '\r' => "\\r".to_owned(),
                '\t' => "\\t".to_owned(),
                '\\' | '\'' | '"' => format!("\\{letter}"),
                letter => match letter as u32 {
                    number @ ..=0xff => format!("\\x{number:02x}"),
                    number @ ..=0xffff => format!("\\u{number:04x}"),
                    number => format!("\\U{number:08x}"),
                },
            };
            out.push(costs, &escape, said)?;
        }
        out.push(costs, &part[done..], said)?;
    }
    out.letter(quote, false)
}
