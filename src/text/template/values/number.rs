//! Numbers as Python has them: integers, floats, their arithmetic and their texts. Knows no strings of the
//! conversation.

use std::cmp::Ordering;
use std::sync::Arc;

use super::value::Value;
use crate::error::{Error, Result};
use crate::text::template::costs::fault;
use crate::text::template::letters::{decimal, is_space};

/// A number to compute with. Integers beyond 128 bits are shown and compared with themselves, no more.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Number {
    Int(i128),
    Float(f64),
}

/// The arithmetic operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    Divide,
    FloorDivide,
    Remainder,
    Power,
}

impl Arithmetic {
    pub(crate) fn sign(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::FloorDivide => "//",
            Self::Remainder => "%",
            Self::Power => "** or pow()",
        }
    }
}

impl Number {
    /// The number that `value` is, booleans included.
    pub(crate) fn of(value: &Value) -> Option<Self> {
        match value {
            Value::Bool(value) => Some(Self::Int(i128::from(*value))),
            Value::Int(value) => Some(Self::Int(i128::from(*value))),
            Value::Big(digits) => digits.parse().ok().map(Self::Int),
            Value::Float(value) => Some(Self::Float(*value)),
            _ => None,
        }
    }

    pub(crate) fn to_f64(self) -> f64 {
        match self {
            Self::Int(value) => value as f64,
            Self::Float(value) => value,
        }
    }

    pub(crate) fn compare(&self, other: &Self) -> Option<Ordering> {
        match (*self, *other) {
            (Self::Int(a), Self::Int(b)) => Some(a.cmp(&b)),
            (Self::Int(a), Self::Float(b)) => order_mixed(a, b),
            (Self::Float(a), Self::Int(b)) => order_mixed(b, a).map(Ordering::reverse),
            (Self::Float(a), Self::Float(b)) => a.partial_cmp(&b),
        }
    }

    /// `self operator other`.
    ///
    /// # Errors
    /// `Template` for a division by zero, and for an integer beyond 128 bits.
    pub(crate) fn calculate(self, operator: Arithmetic, other: Self) -> Result<Value> {
        if let (Self::Int(a), Self::Int(b)) = (self, other) {
            let result = match operator {
                Arithmetic::Add => a.checked_add(b),
                Arithmetic::Subtract => a.checked_sub(b),
                Arithmetic::Multiply => a.checked_mul(b),
                Arithmetic::Divide if b == 0 => return Err(by_zero()),
                Arithmetic::Divide => return Ok(Value::Float(a as f64 / b as f64)),
                Arithmetic::FloorDivide | Arithmetic::Remainder if b == 0 => return Err(by_zero()),
                Arithmetic::FloorDivide => floor_divide(a, b),
                Arithmetic::Remainder => a
                    .checked_rem(b)
                    .map(|rest| if rest != 0 && (rest < 0) != (b < 0) { rest + b } else { rest }),
                Arithmetic::Power if b < 0 => return power(a as f64, b as f64),
                Arithmetic::Power => {
                    u32::try_from(b).ok().and_then(|b| a.checked_pow(b)).or(match (a, b % 2) {
                        (0 | 1, _) => Some(a),
                        (-1, odd) => Some(if odd == 0 { 1 } else { -1 }),
                        _ => None,
                    })
                }
            };
            return result.map(integer).ok_or_else(|| fault("an integer beyond 128 bits"));
        }
        let (a, b) = (self.to_f64(), other.to_f64());
        Ok(Value::Float(match operator {
            Arithmetic::Add => a + b,
            Arithmetic::Subtract => a - b,
            Arithmetic::Multiply => a * b,
            Arithmetic::Divide | Arithmetic::FloorDivide | Arithmetic::Remainder if b == 0.0 => {
                return Err(by_zero());
            }
            Arithmetic::Divide => a / b,
            Arithmetic::FloorDivide => {
                let rest = a % b;
                let down = rest != 0.0 && (rest < 0.0) != (b < 0.0);
                match ((a - rest) / b - f64::from(down)).round() {
                    0.0 => 0f64.copysign(a / b),
                    quotient => quotient,
                }
            }
            Arithmetic::Remainder => {
                let rest = a % b;
                match rest {
                    // A zero has the divisor's sign.
                    0.0 => 0f64.copysign(b),
                    rest if (rest < 0.0) != (b < 0.0) => rest + b,
                    rest => rest,
                }
            }
            Arithmetic::Power => return power(a, b),
        }))
    }
}

fn floor_divide(a: i128, b: i128) -> Option<i128> {
    let quotient = a.checked_div(b)?;
    Some(if a % b != 0 && (a < 0) != (b < 0) { quotient - 1 } else { quotient })
}

fn by_zero() -> Error {
    fault("division by zero")
}

fn power(a: f64, b: f64) -> Result<Value> {
    if a == 0.0 && b < 0.0 {
        return Err(fault("0.0 cannot be raised to a negative power"));
    }
    let result = a.powf(b);
    if result.is_nan() && !a.is_nan() && !b.is_nan() {
        return Err(fault("a power that is no real number"));
    }
    if result.is_infinite() && a.is_finite() && b.is_finite() {
        return Err(fault("a power too large for a float"));
    }
    Ok(Value::Float(result))
}

fn order_mixed(a: i128, b: f64) -> Option<Ordering> {
    if b.is_nan() {
        return None;
    }
    if b >= 2f64.powi(127) {
        return Some(Ordering::Less);
    }
    if b < -2f64.powi(127) {
        return Some(Ordering::Greater);
    }
    let whole = b.floor();
    Some(a.cmp(&(whole as i128)).then(if b > whole { Ordering::Less } else { Ordering::Equal }))
}

/// The integer as a value.
pub(crate) fn integer(number: i128) -> Value {
    match i64::try_from(number) {
        Ok(small) => Value::Int(small),
        Err(_) => Value::Big(Arc::new(number.to_string())),
    }
}

/// The integer with these decimal digits, perhaps with a sign; `None` for anything else.
pub(crate) fn integer_of(digits: &str) -> Option<Value> {
    if let Ok(small) = digits.parse::<i64>() {
        return Some(Value::Int(small));
    }
    let (negative, plain) = match digits.as_bytes().first()? {
        b'-' => (true, &digits[1..]),
        b'+' => (false, &digits[1..]),
        _ => (false, digits),
    };
    if plain.is_empty() || !plain.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let plain = plain.trim_start_matches('0');
    let sign = if negative { "-" } else { "" };
    let digits = format!("{sign}{plain}");
    Some(match digits.parse::<i64>() {
        Ok(small) => Value::Int(small),
        Err(_) if plain.is_empty() => Value::Int(0),
        Err(_) => Value::Big(Arc::new(digits)),
    })
}

/// `repr(number)`: the shortest digits that read back as the same, with an exponent below 1e-4 and from 1e16
/// on.
pub(crate) fn float_text(number: f64) -> String {
    if number.is_nan() {
        return "nan".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 { "inf" } else { "-inf" }.to_owned();
    }
    let scientific = format!("{number:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if number == 0.0 || (-4..16).contains(&exponent) {
        return format!("{number:?}");
    }
    with_exponent(digits, exponent)
}

/// `1.5` and `-7` as `1.5e-07`.
pub(crate) fn with_exponent(digits: &str, exponent: i32) -> String {
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.unsigned_abs())
}

/// `int(text, base)`.
pub(crate) fn parse_int(text: &str, base: i64) -> Option<Value> {
    let text = text.trim_matches(is_space);
    let (sign, digits) = match text.as_bytes().first()? {
        b'-' => ("-", &text[1..]),
        b'+' => ("", &text[1..]),
        _ => ("", text),
    };
    let lower = digits.to_ascii_lowercase();
    let prefix = match base {
        16 => "0x",
        8 => "0o",
        2 => "0b",
        _ => "",
    };
    let (base, digits) = match base {
        0 => match lower.get(..2) {
            Some("0x") => (16, &lower[2..]),
            Some("0o") => (8, &lower[2..]),
            Some("0b") => (2, &lower[2..]),
            _ => (10, lower.as_str()),
        },
        base => (base, lower.strip_prefix(prefix).unwrap_or(&lower)),
    };
    let plain = without_underscores(digits)?;
    // Another sign is no digit.
    if !plain.chars().all(char::is_alphanumeric) {
        return None;
    }
    if base == 10 {
        let digits: Option<String> = plain.chars().map(decimal).collect();
        return integer_of(&format!("{sign}{}", digits?));
    }
    let base = u32::try_from(base).ok().filter(|base| (2..=36).contains(base))?;
    i128::from_str_radix(&format!("{sign}{plain}"), base).ok().map(integer)
}

/// `1_000` as `1000`; `None` if an underscore is not between digits.
fn without_underscores(digits: &str) -> Option<String> {
    if digits.is_empty() || digits.starts_with('_') || digits.ends_with('_') || digits.contains("__") {
        return None;
    }
    Some(digits.replace('_', ""))
}

/// `float(text)`.
pub(crate) fn parse_float(text: &str) -> Option<f64> {
    let text = text.trim_matches(is_space);
    let lower = text.to_ascii_lowercase();
    match lower.trim_start_matches(['+', '-']) {
        "inf" | "infinity" | "nan" if lower.len() - lower.trim_start_matches(['+', '-']).len() <= 1 => {
            return lower.parse().ok();
        }
        rest if !rest.starts_with(|letter: char| letter.is_ascii_digit() || letter == '.') => return None,
        _ => {}
    }
    without_underscores(&lower)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_read_as_python_s() {
        for (number, text) in [
            (1.0, "1.0"),
            (1e-5, "1e-05"),
            (1e16, "1e+16"),
            (1e15, "1000000000000000.0"),
            (0.0001, "0.0001"),
            (-0.0, "-0.0"),
            (1.5e300, "1.5e+300"),
            (0.1, "0.1"),
            (f64::INFINITY, "inf"),
        ] {
            assert_eq!(float_text(number), text);
        }
    }

    #[test]
    fn integers_and_floats_are_compared_exactly() {
        let order = |a: i128, b: f64| Number::Int(a).compare(&Number::Float(b));
        assert_eq!(order(9_007_199_254_740_993, 9_007_199_254_740_992.0), Some(Ordering::Greater));
        assert_eq!(order(-1, -0.5), Some(Ordering::Less));
        assert_eq!(order(3, 3.0), Some(Ordering::Equal));
        assert_eq!(order(3, f64::NAN), None);
    }
}
