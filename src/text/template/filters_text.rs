//! Filters of strings. Knows no lists.

use super::arguments::{Arguments, missing};
use super::case;
use super::costs::{Costs, fault};
use super::lexer::is_space;
use super::machine::Machine;
use super::percent;
use super::pieces::{ends_line, line_ranges};
use super::print;
use super::strings::{integer, padded, replace, strip, text_of};
use super::text::{Builder, Text};
use super::value::Value;
use super::wrap;
use crate::error::Result;

/// All of them.
pub(super) const NAMES: [&str; 19] = [
    "capitalize",
    "center",
    "e",
    "escape",
    "forceescape",
    "format",
    "indent",
    "lower",
    "replace",
    "safe",
    "striptags",
    "title",
    "trim",
    "truncate",
    "upper",
    "urlencode",
    "wordcount",
    "wordwrap",
    "xmlattr",
];

/// What a filter of strings gives; the arguments if it is none.
pub(super) fn apply(
    machine: &mut Machine<'_>,
    name: &str,
    value: &Value,
    arguments: Arguments,
) -> Result<Result<Value, Arguments>> {
    if !NAMES.contains(&name) {
        return Ok(Err(arguments));
    }
    let made = match name {
        "urlencode" => return url_encode(machine, value, arguments).map(Ok),
        "xmlattr" => return xml_attributes(machine, value, arguments).map(Ok),
        _ => {
            let text = print::string(&mut machine.costs, &machine.objects, value)?;
            of_string(machine, name, &text, value, arguments)?
        }
    };
    Ok(Ok(made))
}

fn of_string(
    machine: &mut Machine<'_>,
    name: &str,
    text: &Text,
    value: &Value,
    arguments: Arguments,
) -> Result<Value> {
    let costs = &mut machine.costs;
    let made = match name {
        "upper" | "lower" | "capitalize" => {
            arguments.none(name)?;
            case::change(costs, text, name)?
        }
        "title" => {
            arguments.none(name)?;
            case::title_words(costs, text)?
        }
        "trim" => {
            let [letters] = arguments.bind(name, ["chars"])?;
            let letters = letters.filter(|letters| !letters.is_none());
            let letters = letters.map(|letters| text_of(&letters, name)).transpose()?;
            strip(costs, text, letters.as_ref(), true, true)?
        }
        "replace" => {
            let [old, new, count] = arguments.bind(name, ["old", "new", "count"])?;
            let (Some(old), Some(new)) = (old, new) else { return Err(missing(name, "new")) };
            let old = print::string(costs, &machine.objects, &old)?;
            let new = print::string(costs, &machine.objects, &new)?;
            replace(costs, text, &old, &new, integer(count, name)?.unwrap_or(-1))?
        }
        "indent" => indent(costs, text, arguments)?,
        "center" => {
            let [width] = arguments.bind(name, ["width"])?;
            let width = integer(width, name)?.unwrap_or(80).max(0) as usize;
            let missing = width.saturating_sub(text.letters(costs)?);
            let before = missing / 2 + (missing & width & 1);
            padded(costs, text, (' ', false), before, missing - before)?
        }
        "format" => {
            if !arguments.positional.is_empty() && !arguments.named.is_empty() {
                return Err(fault("can't handle positional and keyword arguments at the same time"));
            }
            return if arguments.named.is_empty() {
                let values = Value::tuple(costs, arguments.positional)?;
                percent::format(machine, text, &values)
            } else {
                let mut pairs = Vec::new();
                for (name, value) in arguments.named {
                    pairs.push((Value::Text(name.text(costs)?), value));
                }
                let values = Value::Dict(super::dict::Dict::new(costs, pairs)?);
                percent::format(machine, text, &values)
            };
        }
        "e" | "escape" if text.is_markup() => text.clone(),
        "e" | "escape" | "forceescape" => {
            arguments.none(name)?;
            escape(costs, text)?
        }
        "safe" => {
            arguments.none(name)?;
            text.with_markup(costs, true)?
        }
        "striptags" => {
            arguments.none(name)?;
            strip_tags(costs, text)?
        }
        "truncate" => truncate(costs, text, arguments)?,
        "wordcount" => {
            arguments.none(name)?;
            costs.spend(text.len() / 8)?;
            let words = text.as_str().split(|letter: char| !letter.is_alphanumeric() && letter != '_');
            return Ok(Value::count(words.filter(|word| !word.is_empty()).count()));
        }
        "wordwrap" => wrap::wordwrap(costs, text, arguments)?,
        _ => return Err(super::filters::bad(machine, value, name)),
    };
    Ok(Value::Text(made))
}

/// The string with HTML's special letters as entities.
pub(super) fn escape(costs: &mut Costs, text: &Text) -> Result<Text> {
    let mut out = Builder::new(costs);
    for (part, said) in text.parts(0..text.len()) {
        let mut done = 0;
        for (at, letter) in part.match_indices(['&', '<', '>', '\'', '"']) {
            costs.spend(1)?;
            out.push(costs, &part[done..at], said)?;
            let entity = match letter {
                "&" => "&amp;",
                "<" => "&lt;",
                ">" => "&gt;",
                "'" => "&#39;",
                _ => "&#34;",
            };
            out.push(costs, entity, said)?;
            done = at + 1;
        }
        out.push(costs, &part[done..], said)?;
    }
    out.set_markup();
    out.finish()
}

fn indent(costs: &mut Costs, text: &Text, arguments: Arguments) -> Result<Text> {
    let [width, first, blank] = arguments.bind("indent", ["width", "first", "blank"])?;
    let truth = |value: Option<Value>| value.is_some_and(|value| value.truth());
    let (first, blank) = (truth(first), truth(blank));
    let indentation = match width {
        Some(Value::Text(text)) => text,
        width => {
            let width = integer(width, "indent")?.unwrap_or(4).max(0) as usize;
            let mut out = Builder::new(costs);
            out.fill(costs, ' ', width, false)?;
            out.finish()?
        }
    };
    costs.spend(text.len() / 16)?;
    // Jinja adds a newline before it takes the lines: a last empty line counts.
    let plain = text.as_str();
    // A lone `\r` and the newline that is added are one end.
    let last = plain.chars().next_back();
    let empty = last.is_none_or(|last| last != '\r' && ends_line(last));
    let last = empty.then_some((plain.len()..plain.len(), 0));
    let mut out = Builder::new(costs);
    if first {
        out.text(costs, &indentation)?;
    }
    for (number, (line, _)) in line_ranges(plain).chain(last).enumerate() {
        costs.spend(1)?;
        if number > 0 {
            out.push(costs, "\n", false)?;
            if blank || !line.is_empty() {
                out.text(costs, &indentation)?;
            }
        }
        out.part(costs, text, line)?;
    }
    if text.is_markup() {
        out.set_markup();
    }
    out.finish()
}

fn truncate(costs: &mut Costs, text: &Text, arguments: Arguments) -> Result<Text> {
    let [length, kill, end, leeway] = arguments.bind("truncate", ["length", "killwords", "end", "leeway"])?;
    let length = integer(length, "truncate")?.unwrap_or(255).max(0) as usize;
    let leeway = integer(leeway, "truncate")?.unwrap_or(5).max(0) as usize;
    let end = match end {
        Some(end) => text_of(&end, "truncate")?,
        None => Text::literal("...".to_owned()),
    };
    let end_letters = end.letters(costs)?;
    if length < end_letters {
        return Err(fault(format!("expected length >= {end_letters}, got {length}")));
    }
    if text.letters(costs)? <= length.saturating_add(leeway) {
        return Ok(text.clone());
    }
    let mut cut = text.offset(costs, length - end_letters)?;
    if !kill.is_some_and(|kill| kill.truth()) {
        cut = text.as_str()[..cut].rfind(' ').unwrap_or(cut);
    }
    let mut out = Builder::new(costs);
    out.part(costs, text, 0..cut)?;
    out.text(costs, &end)?;
    out.finish()
}

/// The string without comments and tags, with its entities as letters, its white space as single spaces.
fn strip_tags(costs: &mut Costs, text: &Text) -> Result<Text> {
    costs.spend(text.len() / 4)?;
    let mut kept = Vec::new();
    let plain = text.as_str();
    let mut at = 0;
    while let Some(open) = plain[at..].find('<').map(|open| at + open) {
        kept.push(at..open);
        let (close, length) = if plain[open..].starts_with("<!--") { ("-->", 3) } else { (">", 1) };
        match plain[open..].find(close) {
            Some(end) => at = open + end + length,
            None => {
                kept.push(open..plain.len());
                at = plain.len();
                break;
            }
        }
    }
    kept.push(at..plain.len());
    let mut out = Builder::new(costs);
    let (mut space, mut any) = (false, false);
    for range in kept {
        for (part, said) in text.parts(range) {
            let mut rest = part;
            while let Some(letter) = rest.chars().next() {
                let (letter, length) = entity(rest).unwrap_or((letter, letter.len_utf8()));
                rest = &rest[length..];
                if length == letter.len_utf8() && is_space(letter) {
                    space = true;
                    continue;
                }
                if std::mem::take(&mut space) && any {
                    out.letter(' ', said)?;
                }
                any = true;
                out.letter(letter, said)?;
            }
        }
    }
    out.finish()
}

/// The letter of the entity that `text` begins with, and how long it is.
fn entity(text: &str) -> Option<(char, usize)> {
    let name = text.strip_prefix('&')?;
    let end = name.as_bytes().iter().take(12).position(|byte| *byte == b';')?;
    let name = &name[..end];
    let letter = match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        "nbsp" => '\u{a0}',
        name => {
            let number = name.strip_prefix('#')?;
            let number = match number.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(number)?
        }
    };
    Some((letter, end + 2))
}

fn url_quote(costs: &mut Costs, text: &Text, query: bool, out: &mut Builder) -> Result<()> {
    costs.spend(text.len() / 8)?;
    for (part, said) in text.parts(0..text.len()) {
        for byte in part.bytes() {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'.' | b'-' | b'~' => {
                    out.letter(char::from(byte), said)?;
                }
                b'/' if !query => out.letter('/', said)?,
                b' ' if query => out.letter('+', said)?,
                other => out.push(costs, &format!("%{other:02X}"), said)?,
            }
        }
    }
    Ok(())
}

fn url_encode(machine: &mut Machine<'_>, value: &Value, arguments: Arguments) -> Result<Value> {
    arguments.none("urlencode")?;
    let pairs = match value {
        Value::Dict(dict) => machine.items(&Value::View(super::value::View::Items, dict.clone()))?,
        Value::List(_) | Value::Tuple(_) | Value::View(..) => machine.items(value)?,
        other => {
            let text = print::string(&mut machine.costs, &machine.objects, other)?;
            let mut out = Builder::new(&machine.costs);
            url_quote(&mut machine.costs, &text, false, &mut out)?;
            return out.finish().map(Value::Text);
        }
    };
    let mut out = Builder::new(&machine.costs);
    for (at, pair) in pairs.iter().enumerate() {
        let pair = machine.items(pair)?;
        let [key, value] = pair.as_slice() else { return Err(fault("urlencode: an item is no pair")) };
        if at > 0 {
            out.letter('&', false)?;
        }
        for (number, side) in [key, value].into_iter().enumerate() {
            if number > 0 {
                out.letter('=', false)?;
            }
            let side = print::string(&mut machine.costs, &machine.objects, side)?;
            url_quote(&mut machine.costs, &side, true, &mut out)?;
        }
    }
    out.finish().map(Value::Text)
}

fn xml_attributes(machine: &mut Machine<'_>, value: &Value, arguments: Arguments) -> Result<Value> {
    let [space] = arguments.bind("xmlattr", ["autospace"])?;
    let Value::Dict(dict) = value else { return Err(super::filters::bad(machine, value, "xmlattr")) };
    let mut out = Builder::new(&machine.costs);
    let space = space.is_none_or(|space| space.truth());
    for (key, value) in dict.pairs() {
        if value.is_none() || value.is_undefined() {
            continue;
        }
        let key = text_of(key, "xmlattr")?;
        if key.as_str().contains([' ', '\t', '\n', '\u{c}', '\r', '/', '>', '=']) {
            return Err(fault(format!("Invalid character in attribute name: {:.64?}", key.as_str())));
        }
        if out.len() > 0 || space {
            out.letter(' ', false)?;
        }
        let value = print::string(&mut machine.costs, &machine.objects, value)?;
        let (key, value) = (escape(&mut machine.costs, &key)?, escape(&mut machine.costs, &value)?);
        out.text(&mut machine.costs, &key)?;
        out.push(&mut machine.costs, "=\"", false)?;
        out.text(&mut machine.costs, &value)?;
        out.letter('"', false)?;
    }
    out.finish().map(Value::Text)
}
