//! The filters by name, and those of single values. Those of strings are in `filters_text`, those of lists in
//! `filters_list`.

use super::arguments::{Arguments, missing};
use super::attributes;
use super::costs::fault;
use super::filters_list;
use super::filters_text;
use super::json;
use super::machine::Machine;
use super::methods;
use super::number::{Arithmetic, Number, integer, parse_float, parse_int};
use super::print;
use super::text::Text;
use super::value::{Missing, ObjectKind, Value};
use crate::error::Result;

/// What `value|name(arguments)` gives.
pub(super) fn apply(
    machine: &mut Machine<'_>,
    name: &str,
    value: Value,
    arguments: Arguments,
) -> Result<Value> {
    match name {
        "tojson" => json::tojson(machine, value, arguments),
        "default" | "d" => {
            let [default, boolean] = arguments.bind(name, ["default_value", "boolean"])?;
            let boolean = boolean.is_some_and(|boolean| boolean.truth());
            if value.is_undefined() || (boolean && !value.truth()) {
                return Ok(default.unwrap_or_else(|| Value::Text(Text::literal(String::new()))));
            }
            Ok(value)
        }
        "length" | "count" => {
            arguments.none(name)?;
            length(machine, &value).map(Value::count)
        }
        "int" => int(value, arguments),
        "float" => {
            let [default] = arguments.bind(name, ["default"])?;
            Ok(match &value {
                Value::Text(text) => parse_float(text.as_str()),
                Value::Undefined(missing) => return Err(machine.undefined(*missing)),
                value => Number::of(value).map(Number::to_f64),
            }
            .map_or_else(|| default.unwrap_or(Value::Float(0.0)), Value::Float))
        }
        "abs" => {
            arguments.none(name)?;
            match Number::of(&value) {
                Some(Number::Float(number)) => Ok(Value::Float(number.abs())),
                Some(Number::Int(number)) => Ok(match number.checked_abs() {
                    Some(number) => integer(number),
                    None => Value::Big(std::sync::Arc::new(number.unsigned_abs().to_string())),
                }),
                None => Err(bad(machine, &value, name)),
            }
        }
        "round" => round(machine, value, arguments),
        "attr" => {
            let attribute = arguments.one(name, "name")?;
            let Value::Text(attribute) = attribute else { return Ok(Value::UNDEFINED) };
            // Items are no attributes here.
            match value {
                Value::Dict(_) if methods::exists(&value, attribute.as_str()) => {
                    Ok(Value::Method(std::sync::Arc::new((value, attribute.as_str().to_owned()))))
                }
                Value::Dict(_) => Ok(Value::Undefined(Missing::Item)),
                value => attributes::named(machine, value, attribute.as_str(), Missing::Item),
            }
        }
        "string" => {
            arguments.none(name)?;
            if let Value::Text(text) = &value
                && !text.is_markup()
            {
                return Ok(value);
            }
            print::string(&mut machine.costs, &machine.objects, &value).map(Value::Text)
        }
        "filesizeformat" => filesize(machine, &value, arguments),
        "pprint" => {
            arguments.bind(name, ["verbose"])?;
            super::percent::repr(machine, &value).map(Value::Text)
        }
        "items" => {
            arguments.none(name)?;
            let items = match &value {
                Value::Undefined(_) => Vec::new(),
                Value::Dict(dict) => machine.items(&Value::View(super::value::View::Items, dict.clone()))?,
                _ => return Err(fault("Can only get item pairs from a mapping.")),
            };
            machine.objects.iterator(&mut machine.costs, items)
        }
        _ => match filters_text::apply(machine, name, &value, arguments)? {
            Ok(made) => Ok(made),
            Err(arguments) => match filters_list::apply(machine, name, value, arguments)? {
                Some(made) => Ok(made),
                None => Err(fault(format!("No filter named '{name:.64}'."))),
            },
        },
    }
}

/// Whether there is a filter with this name.
pub(super) fn exists(name: &str) -> bool {
    const OWN: [&str; 14] = [
        "tojson",
        "default",
        "d",
        "length",
        "count",
        "int",
        "float",
        "abs",
        "round",
        "attr",
        "string",
        "filesizeformat",
        "pprint",
        "items",
    ];
    OWN.contains(&name) || filters_text::NAMES.contains(&name) || filters_list::NAMES.contains(&name)
}

/// A value that a filter cannot do anything with.
pub(super) fn bad(machine: &Machine<'_>, value: &Value, name: &str) -> crate::error::Error {
    match value {
        Value::Undefined(missing) => machine.undefined(*missing),
        other => fault(format!("{name}: a '{}' is not what it can work on", other.type_name())),
    }
}

/// `len(value)`
pub(super) fn length(machine: &mut Machine<'_>, value: &Value) -> Result<usize> {
    Ok(match value {
        Value::Undefined(_) => 0,
        Value::Text(text) => text.letters(&mut machine.costs)?,
        Value::List(items) | Value::Tuple(items) => items.len(),
        Value::Dict(dict) | Value::View(_, dict) => dict.len(),
        Value::Range(steps) => steps.len(),
        Value::Object(object) if object.kind == ObjectKind::Loop => {
            let length = attributes::named(machine, value.clone(), "length", Missing::Item)?;
            return Ok(if let Value::Int(length) = length { length.max(0) as usize } else { 0 });
        }
        other => return Err(fault(format!("object of type '{}' has no len()", other.type_name()))),
    })
}

fn int(value: Value, arguments: Arguments) -> Result<Value> {
    let [default, base] = arguments.bind("int", ["default", "base"])?;
    let base = match base {
        Some(Value::Int(base)) => base,
        _ => 10,
    };
    let truncated =
        |number: f64| (number.is_finite() && number.abs() < 1e38).then(|| integer(number.trunc() as i128));
    let found = match &value {
        Value::Text(text) => {
            let text = text.as_str();
            parse_int(text, base).or_else(|| parse_float(text).and_then(truncated))
        }
        Value::Int(_) | Value::Big(_) => Some(value.clone()),
        Value::Bool(yes) => Some(Value::Int(i64::from(*yes))),
        Value::Float(number) if number.is_infinite() => {
            return Err(fault("cannot convert float infinity to integer"));
        }
        Value::Float(number) => truncated(*number),
        Value::Undefined(_) => return Err(fault("int: an undefined value has no number")),
        _ => None,
    };
    Ok(found.unwrap_or_else(|| default.unwrap_or(Value::Int(0))))
}

fn round(machine: &mut Machine<'_>, value: Value, arguments: Arguments) -> Result<Value> {
    let [precision, method] = arguments.bind("round", ["precision", "method"])?;
    let precision = super::strings::integer(precision, "round")?.unwrap_or(0).clamp(-400, 400);
    let Some(number) = Number::of(&value) else { return Err(bad(machine, &value, "round")) };
    let method = method.unwrap_or_else(|| Value::Text(Text::literal("common".to_owned())));
    match (method.as_str(), number) {
        (Some("common"), Number::Int(_)) if precision >= 0 => Ok(match value {
            Value::Bool(yes) => Value::Int(i64::from(yes)),
            value => value,
        }),
        (Some("common"), Number::Int(whole)) => {
            let Some(unit) = 10i128.checked_pow(precision.unsigned_abs() as u32) else {
                return Ok(Value::Int(0));
            };
            let (quotient, rest) = (whole.div_euclid(unit), whole.rem_euclid(unit));
            let up = rest > unit - rest || (rest == unit - rest && quotient % 2 != 0);
            let rounded = (quotient + i128::from(up)).checked_mul(unit);
            rounded.map(integer).ok_or_else(|| fault("an integer beyond 128 bits"))
        }
        (Some("common"), Number::Float(number)) => Ok(Value::Float(round_float(number, precision))),
        (Some(side @ ("ceil" | "floor")), number) => {
            let unit = 10f64.powi(precision as i32);
            let scaled = number.to_f64() * unit;
            let whole = if side == "ceil" { scaled.ceil() } else { scaled.floor() };
            Number::Float(whole).calculate(Arithmetic::Divide, Number::Float(unit))
        }
        _ => Err(fault("round: the method is common, ceil or floor")),
    }
}

/// `round(number, digits)`: the nearest number with so many digits behind the point, halves to the even one.
fn round_float(number: f64, digits: i64) -> f64 {
    if !number.is_finite() || digits > 350 {
        return number;
    }
    if digits >= 0 {
        return format!("{number:.0$}", digits as usize).parse().unwrap_or(number);
    }
    let unit = 10f64.powi(-digits as i32);
    let scaled = number / unit;
    scaled.round_ties_even() * unit
}

fn filesize(machine: &mut Machine<'_>, value: &Value, arguments: Arguments) -> Result<Value> {
    let [binary] = arguments.bind("filesizeformat", ["binary"])?;
    let binary = binary.is_some_and(|binary| binary.truth());
    let bytes = match value {
        Value::Text(text) => parse_float(text.as_str()),
        value => Number::of(value).map(Number::to_f64),
    };
    let bytes = bytes.ok_or_else(|| missing("filesizeformat", "a number"))?;
    let base: f64 = if binary { 1024.0 } else { 1000.0 };
    let units = if binary {
        ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB"]
    } else {
        ["kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB"]
    };
    let text = if bytes == 1.0 {
        "1 Byte".to_owned()
    } else if bytes < base {
        format!("{} Bytes", bytes.trunc())
    } else {
        let power = (2..).zip(units).find(|(power, _)| bytes < base.powi(*power)).unwrap_or((9, units[7]));
        format!("{:.1} {}", base * bytes / base.powi(power.0), power.1)
    };
    Value::text(&mut machine.costs, &text)
}
