//! Python's methods on strings, lists and maps, checked against the fuel left before they multiply. Knows no template.

use minijinja::value::ValueKind;
use minijinja::{Error, ErrorKind, State, Value};
use minijinja_contrib::pycompat;

use super::{filters, measure};

/// Bytes that an item of a list costs.
const ITEM: usize = 64;

/// The most prefixes that `startswith` tries.
const MAX_AFFIXES: usize = 64;

/// Calls the method that Python has and the engine lacks.
pub(super) fn call(state: &mut State, value: &Value, method: &str, args: &[Value]) -> Result<Value, Error> {
    if let Some(text) = value.as_str() {
        let needed = match method {
            "join" => return join(state, text, args),
            "replace" => replaced_len(text, args),
            "format" => formatted_len(text, args)?,
            "split" | "rsplit" | "splitlines" => split_len(text, str_arg(args, 0)),
            _ => text.len().saturating_mul(3),
        };
        check(state, method, needed)?;
    }
    match (value.kind(), method, args) {
        (ValueKind::String, "removeprefix" | "removesuffix", _) => return remove_affix(value, method, args),
        (ValueKind::String, "strip" | "lstrip" | "rstrip", [letters, ..]) => {
            filters::product(state, value, letters)?;
        }
        (ValueKind::String, "startswith" | "endswith", [affix, ..]) => short(affix, method)?,
        (ValueKind::Map, "get", [key, ..]) => measure::lookup(state, key)?,
        (ValueKind::Seq, "count", [what, ..]) => {
            state.consume_fuel(value.len().unwrap_or(0) as u64)?;
            measure::contains(state, what, value)?;
        }
        _ => {}
    }
    pycompat::unknown_method_callback(state, value, method, args)
}

/// A string, or a list that is tried in no time.
fn short(affix: &Value, method: &str) -> Result<(), Error> {
    if affix.as_str().is_some() || affix.len().is_some_and(|len| len <= MAX_AFFIXES) {
        return Ok(());
    }
    let message = format!("{method}: a string or a list of at most {MAX_AFFIXES}, not a {}", affix.kind());
    Err(Error::new(ErrorKind::InvalidOperation, message))
}

fn check(state: &State, method: &str, needed: usize) -> Result<(), Error> {
    if needed as u64 <= measure::fuel_left(state).saturating_mul(measure::BYTES_PER_FUEL) {
        return Ok(());
    }
    // The result would not be paid for; say so before it is made.
    let message = format!("{method} would make {needed} bytes, more than the template may");
    Err(Error::new(ErrorKind::OutOfFuel, message))
}

pub(super) fn str_arg(args: &[Value], at: usize) -> &str {
    args.get(at).and_then(Value::as_str).unwrap_or_default()
}

fn replaced_len(text: &str, args: &[Value]) -> usize {
    let (old, new) = (str_arg(args, 0), str_arg(args, 1));
    text.len().saturating_add(text.matches(old).count().saturating_mul(new.len()))
}

/// With nothing as the separator: at every space.
pub(super) fn split_len(text: &str, separator: &str) -> usize {
    let parts = if separator.is_empty() { text.len() / 2 } else { text.matches(separator).count() };
    text.len().saturating_add(parts.saturating_mul(ITEM))
}

/// Only strings are joined, as in Python. Each item is paid for, and what has come together checked, before the next one.
fn join(state: &State, separator: &str, args: &[Value]) -> Result<Value, Error> {
    let [items] = args else { return Err(Error::from(ErrorKind::MissingArgument)) };
    let mut out = String::new();
    for (at, item) in items.try_iter()?.checked().enumerate() {
        let item = item?;
        let Some(text) = item.as_str() else {
            let message = format!("join: an item is a {}, not a string", item.kind());
            return Err(Error::new(ErrorKind::InvalidOperation, message));
        };
        state.consume_fuel(1)?;
        check(state, "join", out.len().saturating_add(separator.len()).saturating_add(text.len()))?;
        if at > 0 {
            out.push_str(separator);
        }
        out.push_str(text);
    }
    Ok(Value::from(out))
}

/// Every field at its widest. Only strings, numbers, booleans and none are formatted: how long others get is not known.
fn formatted_len(text: &str, args: &[Value]) -> Result<usize, Error> {
    let mut widest = 64usize;
    for arg in args {
        match arg.kind() {
            ValueKind::String => widest = widest.max(arg.as_str().map_or(0, str::len)),
            ValueKind::Number | ValueKind::Bool | ValueKind::None => {}
            other => {
                let message = format!("format: an argument is a {other}; use a string or a number");
                return Err(Error::new(ErrorKind::InvalidOperation, message));
            }
        }
    }
    let digits = text.split(|letter: char| !letter.is_ascii_digit()).filter(|run| !run.is_empty());
    let width = digits.map(|run| run.parse::<usize>().unwrap_or(usize::MAX)).max().unwrap_or(0);
    let fields = text.matches('{').count();
    Ok(text.len().saturating_add(fields.saturating_mul(widest.saturating_add(width))))
}

fn remove_affix(value: &Value, method: &str, args: &[Value]) -> Result<Value, Error> {
    let (text, affix) = (value.as_str().unwrap_or_default(), str_arg(args, 0));
    let rest = if method == "removeprefix" { text.strip_prefix(affix) } else { text.strip_suffix(affix) };
    Ok(Value::from(rest.unwrap_or(text)))
}
