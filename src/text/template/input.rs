//! A rendering's input as the values that templates see. Knows messages; not the engine.

use minijinja::Value;
use serde_json::{Map, Value as Json};

use crate::error::Result;
use crate::text::vocab::{Message, RenderInput, Rendered};

/// What is done to every string before a template sees it.
pub(super) type Change<'a> = &'a dyn Fn(&str) -> Result<String>;

/// Calls `visit` with every string of the input, keys too.
pub(crate) fn for_each_string(input: &RenderInput<'_>, visit: &mut dyn FnMut(&str)) {
    for message in input.messages {
        visit(&message.role);
        visit(&message.content);
        message.extra.iter().for_each(|extra| visit_object(extra, visit));
    }
    input.tools.iter().for_each(|tools| visit_value(tools, visit));
    input.variables.iter().for_each(|variables| visit_object(variables, visit));
}

fn visit_object(object: &Map<String, Json>, visit: &mut dyn FnMut(&str)) {
    for (key, value) in object {
        visit(key);
        visit_value(value, visit);
    }
}

fn visit_value(value: &Json, visit: &mut dyn FnMut(&str)) {
    match value {
        Json::String(text) => visit(text),
        Json::Array(items) => items.iter().for_each(|item| visit_value(item, visit)),
        Json::Object(object) => visit_object(object, visit),
        _ => {}
    }
}

/// A message as templates see it, with `change` applied to every string, but to the control tokens that the
/// model itself said.
pub(super) fn message(message: &Message, spoken: Option<&Rendered>, change: Change<'_>) -> Result<Value> {
    let content = spoken.map_or_else(|| change(&message.content), |spoken| said(spoken, change))?;
    let mut pairs = vec![("role".to_owned(), Value::from(change(&message.role)?))];
    pairs.push(("content".to_owned(), Value::from(content)));
    for (key, item) in message.extra.iter().flatten().filter(|(key, _)| *key != "role") {
        pairs.push((change(key)?, value(item, change)?));
    }
    Ok(Value::from_pairs(pairs))
}

fn said(spoken: &Rendered, change: Change<'_>) -> Result<String> {
    let (mut text, mut done) = (String::new(), 0);
    for span in &spoken.control {
        text.push_str(&change(spoken.text.get(done..span.start).unwrap_or_default())?);
        text.push_str(spoken.text.get(span.start..span.end).unwrap_or_default());
        done = span.end;
    }
    text.push_str(&change(spoken.text.get(done..).unwrap_or_default())?);
    Ok(text)
}

/// A value as templates see it, with `change` applied to every string, keys too.
pub(super) fn value(item: &Json, change: Change<'_>) -> Result<Value> {
    Ok(match item {
        Json::Null => Value::from(()),
        Json::Bool(yes) => Value::from(*yes),
        Json::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(integer), _) => Value::from(integer),
            (_, Some(integer)) => Value::from(integer),
            _ => Value::from(number.as_f64().unwrap_or(f64::NAN)),
        },
        Json::String(text) => Value::from(change(text)?),
        Json::Array(items) => {
            Value::from(items.iter().map(|item| value(item, change)).collect::<Result<Vec<_>>>()?)
        }
        Json::Object(items) => {
            let pairs = items.iter().map(|(key, item)| Ok((change(key)?, value(item, change)?)));
            Value::from_pairs(pairs.collect::<Result<Vec<_>>>()?)
        }
    })
}
