//! `tojson` as Hugging Face's templates expect it: Python's json.dumps, no HTML escapes. Knows values, not templates.

use std::fmt::Write;

use minijinja::value::{Kwargs, Rest, ValueKind};
use minijinja::{Error, ErrorKind, State, Value};

use super::measure::{self, MAX_DEPTH};

/// The most bytes of a separator.
const MAX_SEPARATOR: usize = 64;

/// From here on letters may be the marks of a control token's ends, which are written as they are.
const FIRST_MARK: char = '\u{F0000}';

/// How json.dumps was asked to write.
struct Writer {
    out: String,
    /// The most bytes that `out` may take.
    limit: usize,
    /// Between items, and between key and value.
    separators: (String, String),
    /// What one level is indented by; `None`: all on one line.
    indent: Option<String>,
    ensure_ascii: bool,
    sort_keys: bool,
}

/// `tojson(value, ensure_ascii=False, indent=None, separators=None, sort_keys=False)`, the filter that transformers adds.
pub(super) fn tojson(
    state: &State,
    value: &Value,
    args: Rest<Value>,
    kwargs: Kwargs,
) -> Result<Value, Error> {
    let positional = |at: usize, name: &str| -> Result<Option<Value>, Error> {
        let given = match args.get(at) {
            Some(value) => Some(value.clone()),
            None => kwargs.get::<Option<Value>>(name)?,
        };
        Ok(given.filter(|value| !value.is_none() && !value.is_undefined()))
    };
    let ensure_ascii = positional(0, "ensure_ascii")?.is_some_and(|value| value.is_true());
    let indent = positional(1, "indent")?.map(|value| indentation(&value)).transpose()?;
    let default = (if indent.is_some() { "," } else { ", " }.to_owned(), ": ".to_owned());
    let separators = positional(2, "separators")?.map(|value| pair(&value)).transpose()?.unwrap_or(default);
    let sort_keys = positional(3, "sort_keys")?.is_some_and(|value| value.is_true());
    kwargs.assert_all_used()?;
    let limit = usize::try_from(measure::fuel_left(state).saturating_mul(4)).unwrap_or(usize::MAX);
    let mut writer = Writer { out: String::new(), limit, separators, indent, ensure_ascii, sort_keys };
    writer.value(value, 0)?;
    // Walking a value costs more than copying bytes.
    state.consume_fuel(writer.out.len() as u64 / 4)?;
    Ok(Value::from_safe_string(writer.out))
}

fn indentation(value: &Value) -> Result<String, Error> {
    if let Some(text) = value.as_str() {
        return Ok(text.chars().take(64).collect());
    }
    match value.as_i64() {
        Some(width @ 0..=64) => Ok(" ".repeat(width as usize)),
        Some(width) => Err(invalid(format!("tojson: indent is {width}; 0 to 64 are possible"))),
        None => {
            Err(invalid(format!("tojson: indent is a {}; a number or a string is possible", value.kind())))
        }
    }
}

fn pair(value: &Value) -> Result<(String, String), Error> {
    let mut items = value.try_iter()?.checked();
    let mut next = || items.next().transpose();
    match (next()?, next()?, next()?) {
        (Some(item), Some(key), None) => Ok((separator(&item)?, separator(&key)?)),
        _ => Err(invalid("tojson: separators are two strings".to_owned())),
    }
}

fn separator(value: &Value) -> Result<String, Error> {
    match value.as_str() {
        Some(text) if text.len() <= MAX_SEPARATOR => Ok(text.to_owned()),
        Some(text) => Err(invalid(format!(
            "tojson: a separator has {} bytes; {MAX_SEPARATOR} are possible",
            text.len()
        ))),
        None => Err(invalid(format!("tojson: a separator is a {}, not a string", value.kind()))),
    }
}

fn invalid(message: String) -> Error {
    Error::new(ErrorKind::InvalidOperation, message)
}

impl Writer {
    fn value(&mut self, value: &Value, depth: usize) -> Result<(), Error> {
        if depth > MAX_DEPTH || self.out.len() > self.limit {
            return Err(invalid(format!(
                "tojson: the value is nested deeper than {MAX_DEPTH}, or too large"
            )));
        }
        match value.kind() {
            ValueKind::None => self.out.push_str("null"),
            ValueKind::Bool => self.out.push_str(if value.is_true() { "true" } else { "false" }),
            ValueKind::Number => self.number(value),
            ValueKind::String => self.string(value.as_str().unwrap_or_default())?,
            ValueKind::Seq | ValueKind::Iterable => self.list(value, depth)?,
            ValueKind::Map => self.object(value, depth)?,
            other => return Err(invalid(format!("tojson: a value of type {other} has no JSON"))),
        }
        Ok(())
    }

    /// As Python writes numbers: `1.0`, `1e-05`, `1e+16`.
    fn number(&mut self, value: &Value) {
        let plain = if value.is_integer() {
            value.to_string()
        } else {
            f64::try_from(value.clone()).map_or_else(|_| value.to_string(), |number| format!("{number:?}"))
        };
        match plain.split_once('e') {
            None => self.out.push_str(&plain),
            Some((digits, exponent)) => {
                let (sign, exponent) = exponent.strip_prefix('-').map_or(('+', exponent), |rest| ('-', rest));
                // Writing to a String cannot fail.
                let _ = write!(self.out, "{digits}e{sign}{exponent:0>2}");
            }
        }
    }

    fn string(&mut self, text: &str) -> Result<(), Error> {
        self.out.push('"');
        for letter in text.chars() {
            if self.out.len() > self.limit {
                return Err(invalid("tojson: the value is too large".to_owned()));
            }
            match letter {
                '"' => self.out.push_str("\\\""),
                '\\' => self.out.push_str("\\\\"),
                '\n' => self.out.push_str("\\n"),
                '\r' => self.out.push_str("\\r"),
                '\t' => self.out.push_str("\\t"),
                '\u{8}' => self.out.push_str("\\b"),
                '\u{c}' => self.out.push_str("\\f"),
                control if control < ' ' || (self.ensure_ascii && control > '~' && control < FIRST_MARK) => {
                    for unit in control.encode_utf16(&mut [0; 2]) {
                        let _ = write!(self.out, "\\u{unit:04x}");
                    }
                }
                plain => self.out.push(plain),
            }
        }
        self.out.push('"');
        Ok(())
    }

    fn list(&mut self, value: &Value, depth: usize) -> Result<(), Error> {
        self.out.push('[');
        let mut empty = true;
        for item in value.try_iter()?.checked() {
            self.separate(&mut empty, depth + 1);
            self.value(&item?, depth + 1)?;
        }
        self.close(empty, depth, ']');
        Ok(())
    }

    fn object(&mut self, value: &Value, depth: usize) -> Result<(), Error> {
        let mut keys: Vec<Value> = value.try_iter()?.collect();
        if self.sort_keys {
            keys.sort();
        }
        self.out.push('{');
        let mut empty = true;
        for key in keys {
            self.separate(&mut empty, depth + 1);
            match (key.as_str(), key.kind()) {
                (Some(text), _) => self.string(text)?,
                (None, ValueKind::None | ValueKind::Bool | ValueKind::Number) => {
                    self.string(&key.to_string())?;
                }
                (None, other) => return Err(invalid(format!("tojson: a key is a {other}"))),
            }
            self.out.push_str(&self.separators.1);
            self.value(&value.get_item(&key)?, depth + 1)?;
        }
        self.close(empty, depth, '}');
        Ok(())
    }

    fn separate(&mut self, empty: &mut bool, depth: usize) {
        if !std::mem::take(empty) {
            self.out.push_str(&self.separators.0);
        }
        self.new_line(depth);
    }

    fn close(&mut self, empty: bool, depth: usize, bracket: char) {
        if !empty {
            self.new_line(depth);
        }
        self.out.push(bracket);
    }

    fn new_line(&mut self, depth: usize) {
        if let Some(indent) = &self.indent {
            self.out.push('\n');
            (0..depth).for_each(|_| self.out.push_str(indent));
        }
    }
}
