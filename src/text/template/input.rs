//! A rendering's input as the values that templates see. Knows messages; not the engine.

use minijinja::Value;
use serde_json::{Map, Value as Json};

use crate::text::vocab::{Message, RenderInput};

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

/// A message as templates see it, with `change` applied to every string.
pub(super) fn message(message: &Message, change: &dyn Fn(&str) -> String) -> Value {
    let fixed = [("role", &message.role), ("content", &message.content)];
    let fixed = fixed.into_iter().map(|(key, text)| (key.to_owned(), Value::from(change(text))));
    let extra = message.extra.iter().flatten().filter(|(key, _)| *key != "role");
    Value::from_pairs(fixed.chain(extra.map(|(key, item)| (change(key), value(item, change)))))
}

/// A value as templates see it, with `change` applied to every string, keys too.
pub(super) fn value(item: &Json, change: &dyn Fn(&str) -> String) -> Value {
    match item {
        Json::Null => Value::from(()),
        Json::Bool(yes) => Value::from(*yes),
        Json::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(integer), _) => Value::from(integer),
            (_, Some(integer)) => Value::from(integer),
            _ => Value::from(number.as_f64().unwrap_or(f64::NAN)),
        },
        Json::String(text) => Value::from(change(text)),
        Json::Array(items) => items.iter().map(|item| value(item, change)).collect(),
        Json::Object(items) => {
            Value::from_pairs(items.iter().map(|(key, item)| (change(key), value(item, change))))
        }
    }
}
