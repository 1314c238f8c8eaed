//! The engine's filters that compare, print or stack values deeply, with the work paid before. Knows no instructions.

use minijinja::value::{Rest, ValueKind, ValueOrKwargs};
use minijinja::{Environment, Error, ErrorKind, State, Value};

use super::measure::{self, Purpose};
use super::{methods, operators};

/// The names under which filters pay first: `!` and the engine's name. No template can write them as one.
const GUARDED: [&str; 36] = [
    "!abs",
    "!attr",
    "!bool",
    "!capitalize",
    "!chain",
    "!dictsort",
    "!e",
    "!escape",
    "!float",
    "!format",
    "!groupby",
    "!indent",
    "!int",
    "!join",
    "!lines",
    "!lower",
    "!map",
    "!max",
    "!min",
    "!pprint",
    "!reject",
    "!rejectattr",
    "!replace",
    "!round",
    "!safe",
    "!select",
    "!selectattr",
    "!sort",
    "!split",
    "!string",
    "!sum",
    "!title",
    "!trim",
    "!unique",
    "!upper",
    "!zip",
];

/// Longer paths (`attribute="a.b.c"`) are refused: each item walks them.
const MAX_PATH: usize = 256;

/// The guarded filter in place of the filter `name`, if there is one.
pub(super) fn guarded(name: &str) -> Option<&'static str> {
    GUARDED.binary_search_by(|guarded| guarded[1..].cmp(name)).ok().map(|at| GUARDED[at])
}

/// Adds the guarded filters to `environment`.
pub(super) fn add_to(environment: &mut Environment<'static>) {
    for name in GUARDED {
        environment.add_filter(name, move |state: &mut State, args: Rest<ValueOrKwargs>| {
            apply(state, &name[1..], args.into_values())
        });
    }
}

fn apply(state: &mut State, name: &str, mut args: Vec<Value>) -> Result<Value, Error> {
    match name {
        "sort" | "unique" | "groupby" | "dictsort" | "min" | "max" => order(state, &args)?,
        "attr" => args.get(1).map_or(Ok(()), |key| measure::lookup(state, key))?,
        "join" => join(state, &args)?,
        "format" => format(state, &args)?,
        "sum" => numbers_only(&args)?,
        "trim" => {
            print(state, &args)?;
            if let [text, letters, ..] = args.as_slice() {
                product(state, text, letters)?;
            }
        }
        "split" | "lines" => {
            print(state, &args)?;
            if let Some(text) = args.first().and_then(Value::as_str) {
                let separator = if name == "lines" { "\n" } else { methods::str_arg(&args, 1) };
                measure::ensure(state, methods::split_len(text, separator))?;
            }
        }
        "map" => rename(args.get_mut(1)),
        "chain" | "zip" => {
            let made = state.apply_filter(name, &args)?;
            return match made.kind() {
                // Chained maps and lists look into each other at every step.
                ValueKind::Map => merged(state, &args),
                ValueKind::Seq => measure::collect(state, &made).map(Value::from),
                _ => operators::listed(state, &made),
            };
        }
        "select" | "reject" | "selectattr" | "rejectattr" => {}
        _ => print(state, &args)?,
    }
    check_paths(state, name, &args)?;
    state.apply_filter(name, &args)
}

fn print(state: &State, args: &[Value]) -> Result<(), Error> {
    args.iter().try_for_each(|value| measure::print(state, value).map(drop))
}

/// Each item takes part in about log n comparisons, each no larger than the item.
fn order(state: &State, args: &[Value]) -> Result<(), Error> {
    let Some(value) = args.first() else { return Ok(()) };
    let size = measure::spend(state, value, Purpose::Compare)?;
    let rounds = value.len().unwrap_or(usize::MAX).checked_ilog2().unwrap_or(0);
    // Case is folded again at every comparison.
    state.consume_fuel(size.saturating_mul(u64::from(rounds)))
}

fn join(state: &State, args: &[Value]) -> Result<(), Error> {
    print(state, args.get(1..).unwrap_or_default())?;
    let Some(value) = args.first().filter(|value| value.as_object().is_some()) else { return Ok(()) };
    let mut bytes = 0usize;
    for item in value.try_iter().into_iter().flatten() {
        state.consume_fuel(1)?;
        measure::print(state, &item)?;
        bytes = bytes.saturating_add(item.as_str().map_or(0, str::len));
        measure::ensure(state, bytes)?;
    }
    Ok(())
}

/// `%(name)s` may print the same value any number of times.
fn format(state: &State, args: &[Value]) -> Result<(), Error> {
    let fields = args.first().and_then(Value::as_str).map_or(0, |text| text.matches('%').count());
    for value in args.iter().skip(1) {
        let cost = measure::spend(state, value, Purpose::Print)?;
        state.consume_fuel(cost.saturating_mul(fields.saturating_sub(1) as u64) / 4)?;
    }
    Ok(())
}

/// Sums of strings and of lists are copied at every step.
fn numbers_only(args: &[Value]) -> Result<(), Error> {
    let named = args.last().and_then(|value| value.get_attr("start").ok());
    for start in args.get(2).into_iter().chain(&named) {
        if !matches!(
            start.kind(),
            ValueKind::Number | ValueKind::Bool | ValueKind::Undefined | ValueKind::None | ValueKind::Map
        ) {
            let message = format!("sum: start is a {}, not a number", start.kind());
            return Err(Error::new(ErrorKind::InvalidOperation, message));
        }
    }
    Ok(())
}

/// Pays for looking each letter of `text` up among `letters`.
pub(super) fn product(state: &State, text: &Value, letters: &Value) -> Result<(), Error> {
    let (text, letters) =
        (text.as_str().map_or(0, str::len) as u64, letters.as_str().map_or(0, str::len) as u64);
    state.consume_fuel(text.saturating_mul(letters) / 64)
}

/// Exchanges the name of a filter among the arguments.
fn rename(name: Option<&mut Value>) {
    let Some(name) = name else { return };
    if let Some(other) = name.as_str().and_then(guarded) {
        *name = Value::from(other);
    }
}

/// One map of many: the last one that has a key counts.
fn merged(state: &State, maps: &[Value]) -> Result<Value, Error> {
    let mut pairs = std::collections::BTreeMap::new();
    for map in maps {
        for (key, value) in map.as_object().and_then(|map| map.try_iter_pairs()).into_iter().flatten() {
            state.consume_fuel(1)?;
            pairs.insert(key, value);
        }
    }
    Ok(Value::from_pairs(pairs))
}

fn check_paths(state: &State, name: &str, args: &[Value]) -> Result<(), Error> {
    let positional = match name {
        "groupby" | "selectattr" | "rejectattr" | "sum" => args.get(1),
        "join" => args.get(2),
        "sort" | "unique" | "min" | "max" | "map" => None,
        _ => return Ok(()),
    };
    let named =
        args.get(1..).and_then(|args| args.last()).and_then(|kwargs| kwargs.get_attr("attribute").ok());
    for path in positional.into_iter().chain(&named).filter_map(Value::as_str) {
        if path.len() > MAX_PATH {
            let message = format!("{name}: a path of {} bytes; {MAX_PATH} are possible", path.len());
            return Err(Error::new(ErrorKind::InvalidOperation, message));
        }
        let items = args.first().and_then(Value::len).unwrap_or(0) as u64;
        state.consume_fuel(items.saturating_mul(path.len() as u64) / 16)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found() {
        assert!(GUARDED.is_sorted());
        for name in GUARDED {
            assert_eq!(guarded(&name[1..]), Some(name));
        }
        assert_eq!(guarded("length"), None);
    }
}
