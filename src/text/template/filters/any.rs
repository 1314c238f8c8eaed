//! Filters of any value. Knows no strings' and no lists' filters.

use std::sync::Arc;

use crate::error::Result;
use crate::text::template::arguments::Arguments;
use crate::text::template::costs::fault;
use crate::text::template::operations::attributes::named;
use crate::text::template::operations::names::is_method;
use crate::text::template::rendering::Rendering;
use crate::text::template::values::{Missing, ObjectKind, Text, Value, View};

/// `default(value, default_value, boolean)`
pub(crate) fn default(value: Value, arguments: Arguments) -> Result<Value> {
    let [default, boolean] = arguments.bind("default", ["default_value", "boolean"])?;
    let boolean = boolean.is_some_and(|boolean| boolean.truth());
    if value.is_undefined() || (boolean && !value.truth()) {
        return Ok(default.unwrap_or_else(|| Value::Text(Text::literal(String::new()))));
    }
    Ok(value)
}

/// `len(value)`
pub(crate) fn length(rendering: &mut Rendering<'_>, value: &Value, arguments: Arguments) -> Result<Value> {
    arguments.none("length")?;
    Ok(Value::count(match value {
        Value::Undefined(_) => 0,
        Value::Text(text) => text.letters(&mut rendering.costs)?,
        Value::List(items) | Value::Tuple(items) => items.len(),
        Value::Dict(dict) | Value::View(_, dict) => dict.len(),
        Value::Range(steps) => steps.len(),
        Value::Object(object) if object.kind == ObjectKind::Loop => {
            match named(rendering, value.clone(), "length", Missing::Item)? {
                Value::Int(length) => length.max(0) as usize,
                _ => 0,
            }
        }
        other => return Err(fault(format!("object of type '{}' has no len()", other.type_name()))),
    }))
}

/// `attr(value, name)`: items are no attributes here.
pub(crate) fn attr(rendering: &mut Rendering<'_>, value: Value, arguments: Arguments) -> Result<Value> {
    let attribute = arguments.one("attr", "name")?;
    let Value::Text(attribute) = attribute else { return Ok(Value::UNDEFINED) };
    match value {
        Value::Dict(_) if is_method(&value, attribute.as_str()) => {
            Ok(Value::Method(Arc::new((value, attribute.as_str().to_owned()))))
        }
        Value::Dict(_) => Ok(Value::Undefined(Missing::Item)),
        value => named(rendering, value, attribute.as_str(), Missing::Item),
    }
}

/// `items(value)`: an iterator over a map's pairs.
pub(crate) fn items(rendering: &mut Rendering<'_>, value: &Value, arguments: Arguments) -> Result<Value> {
    arguments.none("items")?;
    let items = match value {
        Value::Undefined(_) => Vec::new(),
        Value::Dict(dict) => rendering.items(&Value::View(View::Items, dict.clone()))?,
        _ => return Err(fault("Can only get item pairs from a mapping.")),
    };
    rendering.objects.iterator(&mut rendering.costs, items)
}
