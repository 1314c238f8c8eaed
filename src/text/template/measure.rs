//! How much work a value is to whoever compares, hashes or prints it, paid before it is done. Knows no template.
//!
//! Values share their parts: forty times `a = [a, a]` is a value of forty lists that prints as a trillion. The engine
//! charges for a container's own items, so what goes deeper is charged here.

use minijinja::value::ValueKind;
use minijinja::{Error, ErrorKind, State, Value};

/// Deeper values are refused, as Python's recursion limit would: the engine compares and prints by recursion.
pub(super) const MAX_DEPTH: usize = 500;

/// Bytes that a unit of fuel pays for, to the engine too.
pub(super) const BYTES_PER_FUEL: u64 = 64;

/// What a map's key may be at most, since every lookup and every copy of the map hashes it again.
const MAX_KEY_NODES: u64 = 64;
const MAX_KEY_BYTES: usize = 16 << 10;

/// What is going to be done with a value.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Purpose {
    Compare,
    /// It is compared and kept in a loop, which must not hold itself.
    Keep,
    /// Every letter is looked at and may become several; deep parts may be indented.
    Print,
}

/// Why a walk ended early.
enum Stop {
    TooLarge,
    TooDeep,
    Unfit,
}

/// Pays for all nodes and strings of `value`.
pub(super) fn spend(state: &State, value: &Value, purpose: Purpose) -> Result<u64, Error> {
    let limit = fuel_left(state);
    let mut left = limit;
    match walk(value, 0, purpose, &mut left) {
        Ok(()) => state.consume_fuel(limit - left).map(|()| limit - left),
        Err(Stop::TooLarge) => Err(out_of_fuel(state)),
        Err(Stop::TooDeep) => Err(too_deep()),
        Err(Stop::Unfit) => Err(Error::new(
            ErrorKind::InvalidOperation,
            "loop.changed: a loop cannot be compared with what it was",
        )),
    }
}

/// Pays for the text of `value`, if it is not a string already.
pub(super) fn print(state: &State, value: &Value) -> Result<u64, Error> {
    if value.as_object().is_some() { spend(state, value, Purpose::Print) } else { Ok(0) }
}

/// Pays for one comparison, which ends at the latest where the smaller side does.
pub(super) fn compare(state: &State, a: &Value, b: &Value) -> Result<(), Error> {
    if let (Some(a), Some(b)) = (a.as_str(), b.as_str()) {
        let letters = a.len().min(b.len());
        return if letters < 256 { Ok(()) } else { state.consume_fuel(letters as u64 / 256) };
    }
    if a.as_object().is_none() || b.as_object().is_none() {
        return Ok(());
    }
    let most = fuel_left(state);
    let mut limit = 64;
    loop {
        let mut deep = 0;
        for side in [a, b] {
            let mut left = limit;
            match walk(side, 0, Purpose::Compare, &mut left) {
                Ok(()) => return state.consume_fuel(limit - left),
                Err(Stop::TooDeep) => deep += 1,
                Err(Stop::TooLarge | Stop::Unfit) => {}
            }
        }
        if deep == 2 {
            return Err(too_deep());
        }
        if limit >= most {
            return Err(out_of_fuel(state));
        }
        limit = limit.saturating_mul(4);
    }
}

/// Pays for looking whether `container` has `value`.
pub(super) fn contains(state: &State, value: &Value, container: &Value) -> Result<(), Error> {
    match container.kind() {
        ValueKind::String => print(state, value).map(drop),
        ValueKind::Map => lookup(state, value),
        ValueKind::Seq | ValueKind::Iterable
            if value.as_object().is_some() || value.as_str().is_some_and(|text| text.len() >= 256) =>
        {
            for item in container.try_iter()? {
                state.consume_fuel(1)?;
                compare(state, value, &item)?;
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

/// Pays for finding `key` in a map.
pub(super) fn lookup(state: &State, key: &Value) -> Result<(), Error> {
    match key.as_str() {
        Some(text) if text.len() < 256 => Ok(()),
        Some(text) => state.consume_fuel(text.len() as u64 / 64),
        None => small(key),
    }
}

/// Refuses keys that are long to hash.
pub(super) fn key(key: &Value) -> Result<(), Error> {
    match key.as_str() {
        Some(text) if text.len() > MAX_KEY_BYTES => Err(key_too_large()),
        Some(_) => Ok(()),
        None => small(key),
    }
}

fn small(key: &Value) -> Result<(), Error> {
    let mut left = MAX_KEY_NODES;
    match key.as_object() {
        None => Ok(()),
        Some(_) => walk(key, 0, Purpose::Compare, &mut left).map_err(|_| key_too_large()),
    }
}

/// The items of something that makes them when asked, each paid for.
pub(super) fn collect(state: &State, value: &Value) -> Result<Vec<Value>, Error> {
    let most = usize::try_from(fuel_left(state).saturating_mul(2)).unwrap_or(usize::MAX);
    let mut items = Vec::new();
    for item in value.try_iter()?.checked() {
        if items.len() >= most {
            return Err(out_of_fuel(state));
        }
        items.push(item?);
    }
    Ok(items)
}

/// Fails unless `bytes` more can be paid for. They are paid for when they exist.
pub(super) fn ensure(state: &State, bytes: usize) -> Result<(), Error> {
    if bytes as u64 / BYTES_PER_FUEL < fuel_left(state) { Ok(()) } else { Err(out_of_fuel(state)) }
}

pub(super) fn fuel_left(state: &State) -> u64 {
    state.fuel_levels().map_or(u64::MAX, |(_, left)| left)
}

/// Takes what is left, so that nothing goes on after the error.
pub(super) fn out_of_fuel(state: &State) -> Error {
    match state.consume_fuel(fuel_left(state).saturating_add(1)) {
        Err(error) => error,
        Ok(()) => Error::from(ErrorKind::OutOfFuel),
    }
}

fn too_deep() -> Error {
    Error::new(ErrorKind::InvalidOperation, format!("a value is nested deeper than {MAX_DEPTH}"))
}

fn key_too_large() -> Error {
    Error::new(ErrorKind::InvalidOperation, "a map's key is too large")
}

/// Takes the cost of `value` and of all that is in it from `left`.
fn walk(value: &Value, depth: usize, purpose: Purpose, left: &mut u64) -> Result<(), Stop> {
    if depth > MAX_DEPTH {
        return Err(Stop::TooDeep);
    }
    let letters = value.as_str().map_or(0, str::len) as u64;
    let cost = match purpose {
        Purpose::Compare | Purpose::Keep => 1 + letters / 256,
        Purpose::Print => 1 + letters / 4 + depth as u64 / 16,
    };
    *left = left.checked_sub(cost).ok_or(Stop::TooLarge)?;
    let Some(object) = value.as_object() else { return Ok(()) };
    if purpose == Purpose::Keep && object.type_name().ends_with("::Loop") {
        return Err(Stop::Unfit);
    }
    match value.kind() {
        ValueKind::Map => {
            for (key, item) in object.try_iter_pairs().into_iter().flatten() {
                walk(&key, depth + 1, purpose, left)?;
                walk(&item, depth + 1, purpose, left)?;
            }
        }
        ValueKind::Seq | ValueKind::Iterable => {
            for item in object.try_iter().into_iter().flatten() {
                walk(&item, depth + 1, purpose, left)?;
            }
        }
        _ => {}
    }
    Ok(())
}
