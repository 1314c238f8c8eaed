//! A rendering's input as the values that templates see, prepared as transformers (5.23 and later) prepares
//! it. Knows messages and values; no template.

use serde_json::{Map, Value as Json};

use super::costs::{Costs, InputSize};
use super::values::{Builder, Dict, Text, Value, integer_of};
use crate::error::Result;
use crate::text::json::digits;
use crate::text::vocab::{Message, RenderInput, Rendered};

/// Names that a message's reasoning is given under, the first found counts (`_REASONING_FIELDS` in
/// transformers).
const REASONING: [&str; 3] = ["reasoning_content", "thinking", "reasoning"];

/// How large the input is.
pub(super) fn size(input: &RenderInput<'_>) -> InputSize {
    let mut size = InputSize { messages: input.messages.len() as u64, ..InputSize::default() };
    for message in input.messages {
        size.nodes += 3;
        size.bytes += (message.role.len() + message.content.len()) as u64;
        message.extra.iter().for_each(|extra| measure_object(extra, &mut size));
    }
    input.spoken.iter().for_each(|spoken| size.bytes += spoken.content.text.len() as u64);
    input.tools.iter().for_each(|tools| measure(tools, &mut size));
    input.variables.iter().for_each(|variables| measure_object(variables, &mut size));
    size
}

fn measure_object(object: &Map<String, Json>, size: &mut InputSize) {
    for (key, value) in object {
        size.bytes += key.len() as u64;
        measure(value, size);
    }
}

fn measure(value: &Json, size: &mut InputSize) {
    let mut open = vec![value];
    while let Some(value) = open.pop() {
        size.nodes += 1;
        match value {
            Json::String(text) => size.bytes += text.len() as u64,
            Json::Array(items) => open.extend(items),
            Json::Object(items) => {
                for (key, value) in items {
                    size.bytes += key.len() as u64;
                    open.push(value);
                }
            }
            _ => {}
        }
    }
}

/// A message as templates see it: without fields that are null, its reasoning under all names that templates
/// look for.
pub(super) fn message(costs: &mut Costs, message: &Message, spoken: Option<&Rendered>) -> Result<Value> {
    let extra = message.extra.as_ref();
    let field = |name: &str| extra.and_then(|extra| extra.get(name)).filter(|value| !value.is_null());
    let reasoning = REASONING.iter().find_map(|name| field(name));
    let mut pairs = Vec::new();
    if let Some(reasoning) = reasoning.filter(|_| field("thinking").is_none()) {
        put(costs, &mut pairs, "thinking", reasoning)?;
    }
    pairs.push((text(costs, "role")?, text(costs, &message.role)?));
    if extra.is_none_or(|extra| !extra.contains_key("content")) {
        let content = match spoken {
            Some(spoken) => said(costs, spoken)?,
            None => text(costs, &message.content)?,
        };
        pairs.push((text(costs, "content")?, content));
    }
    for (key, value) in extra.into_iter().flatten() {
        if key != "role" && !value.is_null() {
            put(costs, &mut pairs, key, value)?;
        }
    }
    if let Some(reasoning) = reasoning {
        put(costs, &mut pairs, "reasoning_content", reasoning)?;
    }
    Dict::new(costs, pairs).map(Value::Dict)
}

/// What the model itself said: its control tokens are as good as the template's.
fn said(costs: &mut Costs, spoken: &Rendered) -> Result<Value> {
    let mut out = Builder::new(costs);
    out.reserve(spoken.text.len())?;
    let mut done = 0;
    for span in &spoken.control {
        out.push(costs, spoken.text.get(done..span.start).unwrap_or_default(), true)?;
        out.push(costs, spoken.text.get(span.start..span.end).unwrap_or_default(), false)?;
        done = span.end;
    }
    out.push(costs, spoken.text.get(done..).unwrap_or_default(), true)?;
    out.finish().map(Value::Text)
}

fn put(costs: &mut Costs, pairs: &mut Vec<(Value, Value)>, key: &str, json: &Json) -> Result<()> {
    let value = value(costs, json)?;
    pairs.push((text(costs, key)?, value));
    Ok(())
}

fn text(costs: &mut Costs, text: &str) -> Result<Value> {
    Text::said(costs, text).map(Value::Text)
}

/// A list or an object whose items are being made.
enum Open<'j> {
    List(std::slice::Iter<'j, Json>, Vec<Value>),
    Object(serde_json::map::Iter<'j>, Vec<(Value, Value)>, &'j str),
}

/// JSON as templates see it; its strings are the conversation's, keys too.
pub(super) fn value(costs: &mut Costs, json: &Json) -> Result<Value> {
    let mut open: Vec<Open<'_>> = Vec::new();
    let mut next = Some(json);
    loop {
        let mut made = match next.take() {
            Some(Json::Array(items)) => {
                let mut values = Vec::new();
                values.try_reserve_exact(items.len())?;
                open.push(Open::List(items.iter(), values));
                None
            }
            Some(Json::Object(items)) if digits(items).is_none() => {
                let mut pairs = Vec::new();
                pairs.try_reserve_exact(items.len())?;
                open.push(Open::Object(items.iter(), pairs, ""));
                None
            }
            Some(flat) => Some(self::flat(costs, flat)?),
            None => None,
        };
        // Puts what is made where it belongs, and finds what comes next.
        loop {
            match open.last_mut() {
                None => match made {
                    Some(made) => return Ok(made),
                    None => break,
                },
                Some(Open::List(rest, values)) => {
                    values.extend(made.take());
                    next = rest.next();
                }
                Some(Open::Object(rest, pairs, key)) => {
                    if let Some(made) = made.take() {
                        pairs.push((text(costs, key)?, made));
                    }
                    next = rest.next().map(|(name, value)| {
                        *key = name;
                        value
                    });
                }
            }
            if next.is_some() {
                break;
            }
            made = Some(match open.pop() {
                Some(Open::List(_, values)) => Value::list(costs, values)?,
                Some(Open::Object(_, pairs, _)) => Dict::new(costs, pairs).map(Value::Dict)?,
                None => break,
            });
        }
    }
}

fn flat(costs: &mut Costs, json: &Json) -> Result<Value> {
    Ok(match json {
        Json::Bool(yes) => Value::Bool(*yes),
        Json::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(integer), _) => Value::Int(integer),
            (_, Some(integer)) => integer_of(&integer.to_string()).unwrap_or(Value::None),
            _ => Value::Float(number.as_f64().unwrap_or(f64::NAN)),
        },
        Json::String(plain) => text(costs, plain)?,
        // An integer beyond 64 bits.
        Json::Object(object) => digits(object).and_then(integer_of).unwrap_or(Value::None),
        _ => Value::None,
    })
}
