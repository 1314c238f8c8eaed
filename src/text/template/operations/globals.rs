//! Functions that every template has: `range`, `dict`, `namespace`, `cycler`, `joiner`, and those of
//! transformers. Knows no syntax.

use std::sync::Arc;

use super::time;
use crate::error::Result;
use crate::text::template::arguments::{Arguments, missing};
use crate::text::template::costs::fault;
use crate::text::template::rendering::Rendering;
use crate::text::template::values::{Dict, Function, Object, ObjectId, Steps, Text, Value};

/// The most items of a `range`, as Jinja's sandbox has it.
const MAX_RANGE: usize = 100_000;

/// The function with this name.
pub(crate) fn find(name: &str) -> Option<Function> {
    Some(match name {
        "range" => Function::Range,
        "dict" => Function::Dict,
        "namespace" => Function::Namespace,
        "cycler" => Function::Cycler,
        "joiner" => Function::Joiner,
        "raise_exception" => Function::RaiseException,
        "strftime_now" => Function::StrftimeNow,
        _ => return None,
    })
}

/// What a function gives.
pub(crate) fn call(rendering: &mut Rendering<'_>, function: Function, arguments: Arguments) -> Result<Value> {
    match function {
        Function::Range => range(arguments),
        Function::Dict => {
            let pairs = pairs(rendering, arguments, "dict")?;
            Dict::new(&mut rendering.costs, pairs).map(Value::Dict)
        }
        Function::Namespace => {
            let pairs = pairs(rendering, arguments, "namespace")?;
            let dict = Dict::new(&mut rendering.costs, pairs)?;
            let mut attributes = Vec::new();
            for (key, value) in dict.pairs() {
                let Value::Text(key) = key else { return Err(fault("namespace: names are strings")) };
                attributes.push((key.clone(), value.clone()));
            }
            rendering.objects.add(&mut rendering.costs, Object::Namespace(attributes)).map(Value::Object)
        }
        Function::Cycler => {
            let items = arguments.positional;
            if items.is_empty() {
                return Err(fault("at least one item has to be provided"));
            }
            rendering.objects.add(&mut rendering.costs, Object::Cycler { items, at: 0 }).map(Value::Object)
        }
        Function::Joiner => {
            let [separator] = arguments.bind("joiner", ["sep"])?;
            let separator = separator.unwrap_or_else(|| Value::Text(Text::literal(", ".to_owned())));
            rendering
                .objects
                .add(&mut rendering.costs, Object::Joiner { separator, used: false })
                .map(Value::Object)
        }
        Function::RaiseException => {
            let message = arguments.one("raise_exception", "message")?;
            let message = rendering.string(&message)?;
            Err(fault(message.as_str()))
        }
        Function::StrftimeNow => {
            let format = arguments.one("strftime_now", "format")?;
            let Value::Text(format) = format else {
                return Err(fault("strftime_now: the format is a string"));
            };
            let text = time::strftime(rendering.now, format.as_str())?;
            let said = format.has_said(0..format.len());
            Text::copied(&mut rendering.costs, &text, said).map(Value::Text)
        }
    }
}

/// What calling an object gives that is neither a macro nor a loop.
pub(crate) fn call_object(
    rendering: &mut Rendering<'_>,
    object: Arc<ObjectId>,
    arguments: Arguments,
) -> Result<Value> {
    match rendering.objects.get_mut(object.at) {
        Object::Joiner { separator, used } => {
            arguments.none("joiner")?;
            if std::mem::replace(used, true) {
                Ok(separator.clone())
            } else {
                Ok(Value::Text(Text::literal(String::new())))
            }
        }
        _ => Err(fault(format!("'{}' object is not callable", Value::Object(object).type_name()))),
    }
}

fn range(arguments: Arguments) -> Result<Value> {
    let given = arguments.positional.len();
    let [first, second, step] = arguments.bind("range", ["start", "stop", "step"])?;
    let integer = |value: Option<Value>| match value {
        None => Ok(None),
        Some(Value::Int(value)) => Ok(Some(value)),
        Some(Value::Bool(value)) => Ok(Some(i64::from(value))),
        Some(other) => {
            Err(fault(format!("'{}' object cannot be interpreted as an integer", other.type_name())))
        }
    };
    let (first, second, step) = (integer(first)?, integer(second)?, integer(step)?.unwrap_or(1));
    let first = first.ok_or_else(|| missing("range", "stop"))?;
    let (start, stop) = if given == 1 { (0, first) } else { (first, second.unwrap_or(0)) };
    if step == 0 {
        return Err(fault("range() arg 3 must not be zero"));
    }
    let steps = Steps { start, stop, step };
    if steps.len() > MAX_RANGE {
        return Err(fault(format!("a range of {} items; at most {MAX_RANGE} are possible", steps.len())));
    }
    Ok(Value::Range(Arc::new(steps)))
}

/// `(pairs or a map, name=value, …)`
fn pairs(rendering: &mut Rendering<'_>, arguments: Arguments, what: &str) -> Result<Vec<(Value, Value)>> {
    let mut pairs = Vec::new();
    if arguments.positional.len() > 1 {
        return Err(fault(format!("{what} expected at most 1 argument")));
    }
    match arguments.positional.into_iter().next() {
        None => {}
        Some(Value::Dict(dict)) => {
            rendering.costs.spend(dict.len())?;
            pairs.extend(dict.pairs().map(|(key, value)| (key.clone(), value.clone())));
        }
        Some(Value::Undefined(missing)) => return Err(rendering.undefined(missing)),
        Some(other) => {
            for item in rendering.items(&other)? {
                rendering.costs.spend(2)?;
                let mut pair = rendering.items(&item)?;
                let (Some(value), Some(key), true) = (pair.pop(), pair.pop(), pair.is_empty()) else {
                    return Err(fault(format!("{what}: an item is no pair")));
                };
                pairs.push((key, value));
            }
        }
    }
    for (name, value) in arguments.named {
        pairs.push((Value::Text(name.text(&mut rendering.costs)?), value));
    }
    Ok(pairs)
}
