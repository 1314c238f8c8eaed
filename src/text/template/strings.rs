//! Python's methods of strings. What they make knows where it comes from, as their string does. Knows no
//! syntax.

use std::ops::Range;

use super::arguments::{Arguments, missing};
use super::braces;
use super::case;
use super::costs::{Costs, fault};
use super::lexer::is_space;
use super::machine::Machine;
use super::pieces;
use super::text::{Builder, Text};
use super::value::Value;
use crate::error::Result;

/// All of them, in order.
pub(super) const NAMES: [&str; 44] = [
    "capitalize",
    "casefold",
    "center",
    "count",
    "endswith",
    "expandtabs",
    "find",
    "format",
    "format_map",
    "index",
    "isalnum",
    "isalpha",
    "isascii",
    "isdecimal",
    "isdigit",
    "isidentifier",
    "islower",
    "isnumeric",
    "isprintable",
    "isspace",
    "istitle",
    "isupper",
    "join",
    "ljust",
    "lower",
    "lstrip",
    "partition",
    "removeprefix",
    "removesuffix",
    "replace",
    "rfind",
    "rindex",
    "rjust",
    "rpartition",
    "rsplit",
    "rstrip",
    "split",
    "splitlines",
    "startswith",
    "strip",
    "swapcase",
    "title",
    "upper",
    "zfill",
];

/// What the method gives.
pub(super) fn call(
    machine: &mut Machine<'_>,
    text: &Text,
    name: &str,
    arguments: Arguments,
) -> Result<Value> {
    let costs = &mut machine.costs;
    match name {
        "format" | "format_map" => return braces::format(machine, text, arguments),
        "join" => {
            let items = arguments.one("join", "iterable")?;
            return join(machine, text, &items);
        }
        "split" | "rsplit" => {
            let [separator, most] = arguments.bind(name, ["sep", "maxsplit"])?;
            return pieces::split(costs, text, separator, most, name == "rsplit");
        }
        "splitlines" => {
            let [keep] = arguments.bind(name, ["keepends"])?;
            return pieces::lines(costs, text, keep.is_some_and(|keep| keep.truth()));
        }
        "partition" | "rpartition" => {
            let separator = text_of(&arguments.one(name, "sep")?, name)?;
            return pieces::partition(costs, text, &separator, name == "rpartition");
        }
        "startswith" | "endswith" => return begins(costs, text, arguments, name),
        "find" | "rfind" | "index" | "rindex" | "count" => return search(costs, text, arguments, name),
        _ => {}
    }
    if let Some(is) = name.strip_prefix("is") {
        arguments.none(name)?;
        costs.spend(text.len() / 8)?;
        return Ok(Value::Bool(case::is(text.as_str(), is)));
    }
    let made = match name {
        "strip" | "lstrip" | "rstrip" => {
            let [letters] = arguments.bind(name, ["chars"])?;
            let letters = letters.filter(|letters| !letters.is_none());
            let letters = letters.map(|letters| text_of(&letters, name)).transpose()?;
            let (start, end) = (name != "rstrip", name != "lstrip");
            strip(costs, text, letters.as_ref(), start, end)?
        }
        "replace" => {
            let [old, new, count] = arguments.bind(name, ["old", "new", "count"])?;
            let (Some(old), Some(new)) = (old, new) else { return Err(missing(name, "new")) };
            let count = integer(count, name)?.unwrap_or(-1);
            replace(costs, text, &text_of(&old, name)?, &text_of(&new, name)?, count)?
        }
        "removeprefix" | "removesuffix" => {
            let part = text_of(&arguments.one(name, "part")?, name)?;
            let plain = text.as_str();
            let rest = if name == "removeprefix" {
                plain.strip_prefix(part.as_str()).map(|rest| plain.len() - rest.len()..plain.len())
            } else {
                plain.strip_suffix(part.as_str()).map(|rest| 0..rest.len())
            };
            text.part(costs, rest.unwrap_or(0..plain.len()))?
        }
        "ljust" | "rjust" | "center" | "zfill" => pad(costs, text, arguments, name)?,
        "expandtabs" => {
            let [size] = arguments.bind(name, ["tabsize"])?;
            expand_tabs(costs, text, integer(size, name)?.unwrap_or(8))?
        }
        name => {
            arguments.none(name)?;
            case::change(costs, text, name)?
        }
    };
    Ok(Value::Text(made))
}

/// The string that a value has to be.
pub(super) fn text_of(value: &Value, what: &str) -> Result<Text> {
    match value {
        Value::Text(text) => Ok(text.clone()),
        other => Err(fault(format!("{what}: a string is needed, not '{}'", other.type_name()))),
    }
}

/// The integer that a value has to be, if there is one.
pub(super) fn integer(value: Option<Value>, what: &str) -> Result<Option<i64>> {
    match value {
        None | Some(Value::None) => Ok(None),
        Some(Value::Int(value)) => Ok(Some(value)),
        Some(Value::Bool(value)) => Ok(Some(i64::from(value))),
        Some(other) => Err(fault(format!("{what}: an integer is needed, not '{}'", other.type_name()))),
    }
}

fn join(machine: &mut Machine<'_>, text: &Text, items: &Value) -> Result<Value> {
    let items = machine.items(items)?;
    let costs = &mut machine.costs;
    let mut out = Builder::new(costs);
    for (at, item) in items.iter().enumerate() {
        costs.spend(1)?;
        let Value::Text(item) = item else {
            let kind = item.type_name();
            return Err(fault(format!("sequence item {at}: expected str instance, {kind} found")));
        };
        if at > 0 {
            out.text(costs, text)?;
        }
        out.text(costs, item)?;
    }
    out.finish().map(Value::Text)
}

/// The bytes of the letters from `start` to `end`, counted as slices are; `None` if it begins behind the
/// text.
fn window(
    costs: &mut Costs,
    text: &Text,
    start: Option<i64>,
    end: Option<i64>,
) -> Result<Option<Range<usize>>> {
    if start.is_none() && end.is_none() {
        return Ok(Some(0..text.len()));
    }
    let letters = text.letters(costs)? as i64;
    let place = |at: i64| if at < 0 { (at + letters).max(0) } else { at };
    let (start, end) = (place(start.unwrap_or(0)), place(end.unwrap_or(letters)).min(letters));
    if start > end {
        return Ok(None);
    }
    Ok(Some(text.offset(costs, start as usize)?..text.offset(costs, end as usize)?))
}

fn begins(costs: &mut Costs, text: &Text, arguments: Arguments, name: &str) -> Result<Value> {
    let [part, start, end] = arguments.bind(name, ["part", "start", "end"])?;
    let part = part.ok_or_else(|| missing(name, "part"))?;
    let window = window(costs, text, integer(start, name)?, integer(end, name)?)?;
    let parts = match &part {
        Value::Tuple(parts) => parts.to_vec(),
        other => vec![other.clone()],
    };
    let Some(window) = window else { return Ok(Value::Bool(false)) };
    let inside = &text.as_str()[window];
    let mut found = false;
    for part in parts {
        let part = text_of(&part, name)?;
        costs.spend(1)?;
        costs.read(part.len())?;
        found |= if name == "startswith" {
            inside.starts_with(part.as_str())
        } else {
            inside.ends_with(part.as_str())
        };
    }
    Ok(Value::Bool(found))
}

fn search(costs: &mut Costs, text: &Text, arguments: Arguments, name: &str) -> Result<Value> {
    let [part, start, end] = arguments.bind(name, ["sub", "start", "end"])?;
    let part = text_of(&part.ok_or_else(|| missing(name, "sub"))?, name)?;
    let window = window(costs, text, integer(start, name)?, integer(end, name)?)?;
    costs.read(text.len())?;
    if name == "count" {
        let Some(window) = window else { return Ok(Value::Int(0)) };
        let inside = &text.as_str()[window];
        return Ok(Value::count(inside.matches(part.as_str()).count()));
    }
    let found = window.and_then(|window| {
        let inside = &text.as_str()[window.clone()];
        let found =
            if name.starts_with('r') { inside.rfind(part.as_str()) } else { inside.find(part.as_str()) };
        found.map(|at| window.start + at)
    });
    match found {
        Some(at) if text.is_ascii() => Ok(Value::count(at)),
        Some(at) => Ok(Value::count(text.as_str()[..at].chars().count())),
        None if name.ends_with("find") => Ok(Value::Int(-1)),
        None => Err(fault(format!("{name}: substring not found"))),
    }
}

/// The string without white space, or without these letters, at its ends.
pub(super) fn strip(
    costs: &mut Costs,
    text: &Text,
    letters: Option<&Text>,
    start: bool,
    end: bool,
) -> Result<Text> {
    let plain = text.as_str();
    let bytes = letters.map_or(0, Text::len).saturating_mul(size_of::<char>());
    costs.spend(bytes / 16)?;
    costs.meter.take(bytes)?;
    costs.meter.give(bytes);
    let mut set: Vec<char> = Vec::new();
    set.try_reserve_exact(bytes / size_of::<char>())?;
    set.extend(letters.map_or("", Text::as_str).chars());
    set.sort_unstable();
    set.dedup();
    let goes = |letter: char| match letters {
        None => is_space(letter),
        Some(_) => set.binary_search(&letter).is_ok(),
    };
    let from = if start { plain.len() - plain.trim_start_matches(goes).len() } else { 0 };
    let kept = if end { plain[from..].trim_end_matches(goes).len() } else { plain.len() - from };
    costs.spend((plain.len() - kept) / 8)?;
    text.part(costs, from..from + kept)
}

/// The string with `old` exchanged for `new`, `count` times at most if that is not negative.
pub(super) fn replace(costs: &mut Costs, text: &Text, old: &Text, new: &Text, count: i64) -> Result<Text> {
    let most = usize::try_from(count).unwrap_or(usize::MAX);
    let plain = text.as_str();
    costs.read(plain.len())?;
    if most == 0 || (!old.is_empty() && !plain.contains(old.as_str())) {
        return Ok(text.clone());
    }
    let mut out = Builder::new(costs);
    let mut done = 0;
    for (at, part) in plain.match_indices(old.as_str()).take(most) {
        costs.spend(1)?;
        out.part(costs, text, done..at)?;
        out.text(costs, new)?;
        done = at + part.len();
    }
    out.part(costs, text, done..plain.len())?;
    out.finish()
}

fn pad(costs: &mut Costs, text: &Text, arguments: Arguments, name: &str) -> Result<Text> {
    let [width, fill] = arguments.bind(name, ["width", "fillchar"])?;
    let width = integer(width, name)?.ok_or_else(|| missing(name, "width"))?;
    let (fill, said) = match fill {
        None => (' ', false),
        Some(fill) => {
            let fill = text_of(&fill, name)?;
            let mut letters = fill.as_str().chars();
            match (letters.next(), letters.next()) {
                (Some(letter), None) => (letter, fill.has_said(0..fill.len())),
                _ => return Err(fault("The fill character must be exactly one character long")),
            }
        }
    };
    let letters = text.letters(costs)?;
    let width = usize::try_from(width).unwrap_or(0);
    let missing = width.saturating_sub(letters);
    if name == "zfill" {
        let sign = usize::from(text.as_str().starts_with(['+', '-']));
        let mut out = Builder::new(costs);
        out.part(costs, text, 0..sign)?;
        out.fill(costs, '0', missing, false)?;
        out.part(costs, text, sign..text.len())?;
        return out.finish();
    }
    let before = match name {
        "ljust" => 0,
        "rjust" => missing,
        _ => missing / 2 + (missing & width & 1),
    };
    padded(costs, text, (fill, said), before, missing - before)
}

/// The string with letters before and behind it; `fill` is the letter, and whether it is from the
/// conversation.
pub(super) fn padded(
    costs: &mut Costs,
    text: &Text,
    (fill, said): (char, bool),
    before: usize,
    behind: usize,
) -> Result<Text> {
    if before + behind == 0 {
        return Ok(text.clone());
    }
    let mut out = Builder::new(costs);
    out.fill(costs, fill, before, said)?;
    out.text(costs, text)?;
    out.fill(costs, fill, behind, said)?;
    out.finish()
}

fn expand_tabs(costs: &mut Costs, text: &Text, size: i64) -> Result<Text> {
    let size = usize::try_from(size).unwrap_or(0);
    let mut out = Builder::new(costs);
    let mut column = 0;
    costs.spend(text.len() / 8)?;
    for (part, said) in text.parts(0..text.len()) {
        for letter in part.chars() {
            match letter {
                '\t' => {
                    let spaces = if size == 0 { 0 } else { size - column % size };
                    out.fill(costs, ' ', spaces, false)?;
                    column += spaces;
                }
                letter => {
                    column = if matches!(letter, '\n' | '\r') { 0 } else { column + 1 };
                    out.letter(letter, said)?;
                }
            }
        }
    }
    out.finish()
}
