//! Methods of values: which there are, those of maps and lists. Those of strings are in `strings`. Knows no
//! syntax.

use super::string_methods;
use crate::error::Result;
use crate::text::template::arguments::{Arguments, missing};
use crate::text::template::costs::fault;
use crate::text::template::rendering::Rendering;
use crate::text::template::values::{Object, Value, View, equal};

/// What the method gives; it [exists].
pub(crate) fn call(
    rendering: &mut Rendering<'_>,
    object: &Value,
    name: &str,
    arguments: Arguments,
) -> Result<Value> {
    match (object, name) {
        (Value::Text(text), _) => string_methods::call(rendering, text, name, arguments),
        (Value::Dict(dict), "get") => {
            let [key, default] = arguments.bind("get", ["key", "default"])?;
            let key = key.ok_or_else(|| missing("get", "key"))?;
            let found = dict.get(&mut rendering.costs, &key)?.cloned();
            Ok(found.or(default).unwrap_or(Value::None))
        }
        (Value::Dict(dict), _) => {
            arguments.none(name)?;
            Ok(match name {
                "keys" => Value::View(View::Keys, dict.clone()),
                "values" => Value::View(View::Values, dict.clone()),
                "items" => Value::View(View::Items, dict.clone()),
                _ => object.clone(),
            })
        }
        (Value::List(_), "copy") => arguments.none(name).map(|()| object.clone()),
        (Value::List(_) | Value::Tuple(_) | Value::Range(_), "count") => {
            let wanted = arguments.one("count", "value")?;
            let mut count = 0;
            for item in rendering.items(object)? {
                rendering.costs.spend(1)?;
                count += usize::from(equal(&mut rendering.costs, &item, &wanted)?);
            }
            Ok(Value::count(count))
        }
        (Value::List(_) | Value::Tuple(_) | Value::Range(_), "index") => index(rendering, object, arguments),
        (Value::Float(number), _) => arguments.none(name).map(|()| Value::Bool(number.fract() == 0.0)),
        (Value::Int(_), "is_integer") => arguments.none(name).map(|()| Value::Bool(true)),
        (Value::Int(number), _) => {
            arguments.none(name)?;
            Ok(Value::Int(i64::from(64 - number.unsigned_abs().leading_zeros())))
        }
        (Value::Object(object), _) => of_object(rendering, object.at, name, arguments),
        _ => Err(fault(format!("'{}' object has no method '{name}'", object.type_name()))),
    }
}

fn index(rendering: &mut Rendering<'_>, object: &Value, arguments: Arguments) -> Result<Value> {
    let [wanted, start, stop] = arguments.bind("index", ["value", "start", "stop"])?;
    let wanted = wanted.ok_or_else(|| missing("index", "value"))?;
    let items = rendering.items(object)?;
    let bound = |value: Option<Value>, default: usize| match value {
        Some(Value::Int(at)) if at < 0 => (at + items.len() as i64).max(0) as usize,
        Some(Value::Int(at)) => at as usize,
        _ => default,
    };
    let (start, stop) = (bound(start, 0), bound(stop, usize::MAX));
    for (at, item) in items.iter().enumerate().take(stop).skip(start) {
        rendering.costs.spend(1)?;
        if equal(&mut rendering.costs, item, &wanted)? {
            return Ok(Value::count(at));
        }
    }
    Err(fault("index: the value is not in the list"))
}

fn of_object(rendering: &mut Rendering<'_>, at: u32, name: &str, arguments: Arguments) -> Result<Value> {
    match (rendering.objects.get_mut(at), name) {
        (Object::Loop(state), "cycle") => {
            let items = arguments.positional;
            if items.is_empty() {
                return Err(fault("no items for cycling given"));
            }
            let at = usize::try_from(state.index).unwrap_or(0) % items.len();
            Ok(items.into_iter().nth(at).unwrap_or(Value::UNDEFINED))
        }
        (Object::Loop(state), _) => {
            let asked = arguments.positional;
            let before = state.changed.take();
            let mut same = before.as_ref().is_some_and(|before| before.len() == asked.len());
            for (a, b) in before.iter().flatten().zip(&asked) {
                same = same && equal(&mut rendering.costs, a, b)?;
            }
            let bytes = |values: &Vec<Value>| values.capacity() * size_of::<Value>();
            rendering.objects.let_go(&rendering.costs.meter, at, before.as_ref().map_or(0, bytes));
            rendering.objects.hold(&mut rendering.costs, at, bytes(&asked))?;
            if let Object::Loop(state) = rendering.objects.get_mut(at) {
                state.changed = Some(asked);
            }
            Ok(Value::Bool(!same))
        }
        (Object::Cycler { items, at }, "next") => {
            arguments.none(name)?;
            let item = items.get(*at).cloned().unwrap_or(Value::UNDEFINED);
            *at = (*at + 1) % items.len().max(1);
            Ok(item)
        }
        (Object::Cycler { at, .. }, _) => {
            arguments.none(name)?;
            *at = 0;
            Ok(Value::None)
        }
        _ => Err(fault(format!("no method '{name}'"))),
    }
}
