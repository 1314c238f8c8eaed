//! Filters of strings. Knows no lists.

use crate::error::Result;
use crate::text::template::arguments::{Arguments, integer, missing, text_if_any, text_of};
use crate::text::template::costs::{Costs, fault};
use crate::text::template::operations::percent;
use crate::text::template::rendering::Rendering;
use crate::text::template::strings;
use crate::text::template::strings::{case, centered, escape, indent, replace, strip, strip_tags, truncate};
use crate::text::template::values::{Builder, Dict, Text, Value, View, print};

/// What a filter of strings gives.
pub(crate) fn apply(
    rendering: &mut Rendering<'_>,
    name: &str,
    value: &Value,
    arguments: Arguments,
) -> Result<Value> {
    match name {
        "urlencode" => url_encode(rendering, value, arguments),
        "xmlattr" => xml_attributes(rendering, value, arguments),
        _ => {
            let text = rendering.string(value)?;
            of_string(rendering, name, &text, value, arguments)
        }
    }
}

fn of_string(
    rendering: &mut Rendering<'_>,
    name: &str,
    text: &Text,
    value: &Value,
    arguments: Arguments,
) -> Result<Value> {
    let costs = &mut rendering.costs;
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
            strip(costs, text, text_if_any(letters, name)?.as_ref(), true, true)?
        }
        "replace" => {
            let [old, new, count] = arguments.bind(name, ["old", "new", "count"])?;
            let (Some(old), Some(new)) = (old, new) else { return Err(missing(name, "new")) };
            let old = print::string(costs, &rendering.objects, &old)?;
            let new = print::string(costs, &rendering.objects, &new)?;
            replace(costs, text, &old, &new, integer(count, name)?.unwrap_or(-1))?
        }
        "indent" => indent(costs, text, arguments)?,
        "center" => {
            let [width] = arguments.bind(name, ["width"])?;
            let width = integer(width, name)?.unwrap_or(80).max(0) as usize;
            centered(costs, text, width, (' ', false))?
        }
        "format" => return formatted(rendering, text, arguments),
        "e" | "escape" if text.is_markup() => text.clone(),
        "e" | "escape" | "forceescape" => {
            arguments.none(name)?;
            escape(costs, text)?
        }
        "safe" => {
            arguments.none(name)?;
            text.with_markup(costs)?
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
        "wordwrap" => strings::wordwrap(costs, text, arguments)?,
        _ => return Err(rendering.unfit(value, name)),
    };
    Ok(Value::Text(made))
}

/// `format(text, values…)`, as `text % values`.
fn formatted(rendering: &mut Rendering<'_>, text: &Text, arguments: Arguments) -> Result<Value> {
    if !arguments.positional.is_empty() && !arguments.named.is_empty() {
        return Err(fault("can't handle positional and keyword arguments at the same time"));
    }
    let costs = &mut rendering.costs;
    let values = if arguments.named.is_empty() {
        Value::tuple(costs, arguments.positional)?
    } else {
        let mut pairs = Vec::new();
        for (name, value) in arguments.named {
            pairs.push((Value::Text(name.text(costs)?), value));
        }
        Value::Dict(Dict::new(costs, pairs)?)
    };
    percent::format(rendering, text, &values)
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

fn url_encode(rendering: &mut Rendering<'_>, value: &Value, arguments: Arguments) -> Result<Value> {
    arguments.none("urlencode")?;
    let pairs = match value {
        Value::Dict(dict) => rendering.items(&Value::View(View::Items, dict.clone()))?,
        Value::List(_) | Value::Tuple(_) | Value::View(..) => rendering.items(value)?,
        other => {
            let text = rendering.string(other)?;
            let mut out = Builder::new(&rendering.costs);
            url_quote(&mut rendering.costs, &text, false, &mut out)?;
            return out.finish().map(Value::Text);
        }
    };
    let mut out = Builder::new(&rendering.costs);
    for (at, pair) in pairs.iter().enumerate() {
        let pair = rendering.items(pair)?;
        let [key, value] = pair.as_slice() else { return Err(fault("urlencode: an item is no pair")) };
        if at > 0 {
            out.letter('&', false)?;
        }
        for (number, side) in [key, value].into_iter().enumerate() {
            if number > 0 {
                out.letter('=', false)?;
            }
            let side = rendering.string(side)?;
            url_quote(&mut rendering.costs, &side, true, &mut out)?;
        }
    }
    out.finish().map(Value::Text)
}

fn xml_attributes(rendering: &mut Rendering<'_>, value: &Value, arguments: Arguments) -> Result<Value> {
    let [space] = arguments.bind("xmlattr", ["autospace"])?;
    let Value::Dict(dict) = value else { return Err(rendering.unfit(value, "xmlattr")) };
    let mut out = Builder::new(&rendering.costs);
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
        let value = rendering.string(value)?;
        let (key, value) = (escape(&mut rendering.costs, &key)?, escape(&mut rendering.costs, &value)?);
        out.text(&mut rendering.costs, &key)?;
        out.push(&mut rendering.costs, "=\"", false)?;
        out.text(&mut rendering.costs, &value)?;
        out.letter('"', false)?;
    }
    out.finish().map(Value::Text)
}
