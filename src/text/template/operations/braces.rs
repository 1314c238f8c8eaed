//! `format.format(values)`, as Python does it. Knows no template.

use std::ops::Range;

use super::attributes;
use crate::error::Result;
use crate::text::template::arguments::Arguments;
use crate::text::template::costs::fault;
use crate::text::template::rendering::Rendering;
use crate::text::template::strings::Spec;
use crate::text::template::values::{Builder, Missing, Number, Text, Value, integer_of};

/// The text of `format` with the values in its braces.
pub(crate) fn format(rendering: &mut Rendering<'_>, format: &Text, arguments: Arguments) -> Result<Value> {
    let plain = format.as_str();
    let mut out = Builder::new(&rendering.costs);
    let (mut done, mut next) = (0, 0);
    while let Some(at) = plain[done..].find(['{', '}']).map(|at| done + at) {
        rendering.costs.spend(1)?;
        out.part(&mut rendering.costs, format, done..at)?;
        let doubled = plain.as_bytes().get(at + 1) == plain.as_bytes().get(at);
        if doubled {
            out.part(&mut rendering.costs, format, at..at + 1)?;
            done = at + 2;
            continue;
        }
        if plain[at..].starts_with('}') {
            return Err(fault("Single '}' encountered in format string"));
        }
        let end = closing(&plain[at + 1..]).ok_or_else(|| fault("expected '}' before end of string"))?;
        let text = one(rendering, format, at + 1..at + 1 + end, &arguments, &mut next)?;
        out.text(&mut rendering.costs, &text)?;
        done = at + end + 2;
    }
    out.part(&mut rendering.costs, format, done..plain.len())?;
    out.finish().map(Value::Text)
}

/// Where the brace is that closes a field; fields may be in its format.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 0;
    for (at, letter) in text.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' if depth == 0 => return Some(at),
            '}' => depth -= 1,
            _ => {}
        }
    }
    None
}

fn one(
    rendering: &mut Rendering<'_>,
    format: &Text,
    range: Range<usize>,
    arguments: &Arguments,
    next: &mut usize,
) -> Result<Text> {
    let (field, end) = (&format.as_str()[range.clone()], range.end);
    let name_end = field.find(['!', ':']).unwrap_or(field.len());
    let (name, rest) = field.split_at(name_end);
    let value = find(rendering, name, arguments, next)?;
    let (conversion, rest) = match rest.strip_prefix('!') {
        Some(rest) => {
            let letter =
                rest.chars().next().ok_or_else(|| fault("end of string while looking for conversion"))?;
            (Some(letter), &rest[letter.len_utf8()..])
        }
        None => (None, rest),
    };
    let spec = rest.strip_prefix(':').unwrap_or(rest);
    let said = format.has_said(end - spec.len()..end);
    let (spec, said_inside) = nested(rendering, spec, arguments, next)?;
    let value = match conversion {
        None => value,
        Some('s') => Value::Text(rendering.string(&value)?),
        Some('r' | 'a') => Value::Text(rendering.repr(&value)?),
        Some(other) => return Err(fault(format!("unknown conversion {other:?}"))),
    };
    written(rendering, &value, &spec, said || said_inside)
}

/// A format with the values of the fields that are in it, and whether any of them is from the conversation.
fn nested(
    rendering: &mut Rendering<'_>,
    spec: &str,
    arguments: &Arguments,
    next: &mut usize,
) -> Result<(String, bool)> {
    let (mut out, mut said) = (String::new(), false);
    let mut rest = spec;
    while let Some(at) = rest.find('{') {
        let end = rest[at..]
            .find('}')
            .map(|end| at + end)
            .ok_or_else(|| fault("expected '}' before end of string"))?;
        let value = find(rendering, &rest[at + 1..end], arguments, next)?;
        out.push_str(&rest[..at]);
        let text = rendering.string(&value)?;
        rendering.costs.read(text.len())?;
        said |= text.has_said(0..text.len());
        out.push_str(text.as_str().get(..64.min(text.len())).unwrap_or_default());
        rest = &rest[end + 1..];
    }
    out.push_str(rest);
    Ok((out, said))
}

/// The value that a field names: `0`, `name`, nothing; then `.attribute` and `[item]`.
fn find(rendering: &mut Rendering<'_>, name: &str, arguments: &Arguments, next: &mut usize) -> Result<Value> {
    let first = name.find(['.', '[']).unwrap_or(name.len());
    let (base, mut rest) = name.split_at(first);
    let position = if base.is_empty() {
        *next += 1;
        Some(*next - 1)
    } else {
        base.parse::<usize>().ok()
    };
    let found = match position {
        Some(at) => arguments.positional.get(at).cloned(),
        None => {
            rendering.costs.spend(arguments.named.len() / 8)?;
            let found = arguments.named.iter().find(|(name, _)| name.as_str() == base);
            found.map(|(_, value)| value.clone())
        }
    };
    // `format_map` gives one map.
    let found = found.or_else(|| match arguments.positional.first() {
        Some(Value::Dict(dict)) if position.is_none() => dict.get_str(base).cloned(),
        _ => None,
    });
    let mut value = found.ok_or_else(|| fault(format!("no value for the field '{base:.64}'")))?;
    while !rest.is_empty() {
        rendering.costs.spend(1)?;
        if let Some(inside) = rest.strip_prefix('[') {
            let end = inside.find(']').ok_or_else(|| fault("Missing ']' in format string"))?;
            let index = match integer_of(&inside[..end]) {
                Some(index) => index,
                None => Value::text(&mut rendering.costs, &inside[..end])?,
            };
            value = attributes::item(rendering, value, &index)?;
            rest = &inside[end + 1..];
        } else {
            let inside = rest.strip_prefix('.').ok_or_else(|| fault("only '.' or '[' may follow ']'"))?;
            let end = inside.find(['.', '[']).unwrap_or(inside.len());
            value = attributes::named(rendering, value, &inside[..end], Missing::Item)?;
            rest = &inside[end..];
        }
        if value.is_undefined() {
            return Err(fault(format!("the field '{name:.64}' is not there")));
        }
    }
    Ok(value)
}

/// `format(value, spec)`; any of the format may be `said`.
fn written(rendering: &mut Rendering<'_>, value: &Value, spec: &str, said: bool) -> Result<Text> {
    if spec.is_empty() {
        return rendering.string(value);
    }
    let spec = Spec { said, ..parse(spec)? };
    match (Number::of(value), value) {
        (Some(_), _) if matches!(spec.kind, Some('c' | 's')) => {
            Err(fault("unknown format code for a number"))
        }
        (Some(number), _) => spec.number(&mut rendering.costs, number),
        (None, Value::Text(text)) if matches!(spec.kind, None | Some('s')) => {
            spec.text(&mut rendering.costs, text)
        }
        (None, other) => Err(fault(format!("unsupported format string for {}", other.type_name()))),
    }
}

/// `[[fill]align][sign][#][0][width][grouping][.precision][kind]`
fn parse(text: &str) -> Result<Spec> {
    let is_align = |letter: &char| matches!(letter, '<' | '>' | '=' | '^');
    let mut spec = Spec::default();
    let mut letters: Vec<char> = text.chars().collect();
    letters.reverse();
    let second = letters.len().checked_sub(2).and_then(|at| letters.get(at));
    if second.is_some_and(is_align) {
        spec.fill = letters.pop();
        spec.align = letters.pop();
    } else if letters.last().is_some_and(is_align) {
        spec.align = letters.pop();
    }
    let mut take = |wanted: &[char]| letters.pop_if(|letter| wanted.contains(letter));
    spec.sign = take(&['+', '-', ' ']);
    spec.alternate = take(&['#']).is_some();
    spec.zero = take(&['0']).is_some();
    const DIGITS: [char; 10] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9'];
    let number = |letters: &mut dyn FnMut(&[char]) -> Option<char>| {
        let digits: String = std::iter::from_fn(|| letters(&DIGITS)).collect();
        (!digits.is_empty()).then(|| digits.parse().unwrap_or(usize::MAX))
    };
    spec.width = number(&mut take).unwrap_or(0);
    spec.grouping = take(&[',', '_']);
    if take(&['.']).is_some() {
        spec.precision = Some(number(&mut take).ok_or_else(|| fault("Format specifier missing precision"))?);
    }
    spec.kind = letters.pop();
    if letters.is_empty() { Ok(spec) } else { Err(fault(format!("invalid format specifier {text:.64?}"))) }
}
