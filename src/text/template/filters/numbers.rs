//! Filters of numbers. Knows no strings but as what a number is read from.

use crate::error::Result;
use crate::text::template::arguments::{Arguments, integer as integer_argument, missing};
use crate::text::template::costs::fault;
use crate::text::template::rendering::Rendering;
use crate::text::template::values::{Arithmetic, Number, Text, Value, integer, parse_float, parse_int};

/// `int(value, default, base)`
pub(crate) fn int(value: Value, arguments: Arguments) -> Result<Value> {
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

/// `float(value, default)`
pub(crate) fn float(rendering: &Rendering<'_>, value: &Value, arguments: Arguments) -> Result<Value> {
    let [default] = arguments.bind("float", ["default"])?;
    let found = match value {
        Value::Text(text) => parse_float(text.as_str()),
        Value::Undefined(missing) => return Err(rendering.undefined(*missing)),
        value => Number::of(value).map(Number::to_f64),
    };
    Ok(found.map_or_else(|| default.unwrap_or(Value::Float(0.0)), Value::Float))
}

/// `abs(value)`
pub(crate) fn abs(rendering: &Rendering<'_>, value: &Value, arguments: Arguments) -> Result<Value> {
    arguments.none("abs")?;
    match Number::of(value) {
        Some(Number::Float(number)) => Ok(Value::Float(number.abs())),
        Some(Number::Int(number)) => Ok(match number.checked_abs() {
            Some(number) => integer(number),
            None => Value::Big(std::sync::Arc::new(number.unsigned_abs().to_string())),
        }),
        None => Err(rendering.unfit(value, "abs")),
    }
}

/// `round(value, precision, method)`
pub(crate) fn round(rendering: &Rendering<'_>, value: Value, arguments: Arguments) -> Result<Value> {
    let [precision, method] = arguments.bind("round", ["precision", "method"])?;
    let precision = integer_argument(precision, "round")?.unwrap_or(0).clamp(-400, 400);
    let Some(number) = Number::of(&value) else { return Err(rendering.unfit(&value, "round")) };
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

/// `filesizeformat(value, binary)`
pub(crate) fn file_size(rendering: &mut Rendering<'_>, value: &Value, arguments: Arguments) -> Result<Value> {
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
    Value::text(&mut rendering.costs, &text)
}
