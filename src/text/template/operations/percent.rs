//! `format % values`, as Python does it. Knows no template.

use crate::error::Result;
use crate::text::template::costs::fault;
use crate::text::template::rendering::Rendering;
use crate::text::template::strings::{MAX_WIDTH, Spec};
use crate::text::template::values::{Builder, Dict, Missing, Number, Text, Value};

/// The values that a format takes one after the other, or by name.
struct Given<'v> {
    values: &'v [Value],
    next: usize,
    map: Option<&'v Dict>,
}

impl Given<'_> {
    fn next(&mut self) -> Result<Value> {
        let value = self.values.get(self.next).cloned();
        self.next += 1;
        value.ok_or_else(|| fault("not enough arguments for format string"))
    }
}

/// The text of `format` with the values in it.
pub(crate) fn format(rendering: &mut Rendering<'_>, format: &Text, values: &Value) -> Result<Value> {
    let one = [values.clone()];
    let mut given = match values {
        Value::Tuple(items) => Given { values: items, next: 0, map: None },
        Value::Dict(dict) => Given { values: &one, next: 0, map: Some(dict.as_ref()) },
        _ => Given { values: &one, next: 0, map: None },
    };
    let plain = format.as_str();
    let mut out = Builder::new(&rendering.costs);
    let mut done = 0;
    while let Some(at) = plain[done..].find('%').map(|at| done + at) {
        rendering.costs.spend(1)?;
        out.part(&mut rendering.costs, format, done..at)?;
        done = at + 1;
        done += field(rendering, plain, done, &mut given, &mut out)?;
    }
    out.part(&mut rendering.costs, format, done..plain.len())?;
    if given.map.is_none() && given.next < given.values.len() {
        // A map or a list may be passed for nothing.
        if !matches!(values, Value::List(_)) {
            return Err(fault("not all arguments converted during string formatting"));
        }
    }
    out.finish().map(Value::Text)
}

/// Writes the field whose letters begin at `start`; how many they are.
fn field(
    rendering: &mut Rendering<'_>,
    format: &str,
    start: usize,
    given: &mut Given<'_>,
    out: &mut Builder,
) -> Result<usize> {
    let mut rest = &format[start..];
    let mut value = None;
    if let Some(inside) = rest.strip_prefix('(') {
        let end = inside.find(')').ok_or_else(|| fault("incomplete format key"))?;
        let dict = given.map.ok_or_else(|| fault("format requires a mapping"))?;
        let found = dict.get_str(&inside[..end]).cloned();
        value = Some(found.ok_or_else(|| fault(format!("no value for the key '{:.64}'", &inside[..end])))?);
        rest = &inside[end + 1..];
    }
    let mut spec = flags(&mut rest);
    let width = count(&mut rest, given)?.unwrap_or(0);
    if width < 0 {
        spec.align = Some('<');
    }
    spec.width = width.unsigned_abs() as usize;
    if let Some(after) = rest.strip_prefix('.') {
        rest = after;
        spec.precision = Some(count(&mut rest, given)?.map_or(0, |digits| digits.max(0) as usize));
    }
    rest = rest.trim_start_matches(['h', 'l', 'L']);
    let kind = rest.chars().next().ok_or_else(|| fault("incomplete format"))?;
    let length = format.len() - start - rest.len() + kind.len_utf8();
    if kind == '%' {
        out.letter('%', false)?;
        return Ok(length);
    }
    let value = match value {
        Some(value) => value,
        None => given.next()?,
    };
    let text = converted(rendering, &value, kind, spec)?;
    out.text(&mut rendering.costs, &text)?;
    Ok(length)
}

/// The flags that `rest` begins with, which it is without then.
fn flags(rest: &mut &str) -> Spec {
    let mut spec = Spec { align: Some('>'), ..Spec::default() };
    loop {
        match rest.chars().next() {
            Some('-') => spec.align = Some('<'),
            Some('+') => spec.sign = Some('+'),
            Some(' ') => spec.sign = spec.sign.or(Some(' ')),
            Some('#') => spec.alternate = true,
            Some('0') => spec.zero = true,
            _ => return spec,
        }
        *rest = &rest[1..];
    }
}

/// The value as the conversion `kind` writes it.
fn converted(rendering: &mut Rendering<'_>, value: &Value, kind: char, spec: Spec) -> Result<Text> {
    match kind {
        's' => {
            let text = rendering.string(value)?;
            spec.text(&mut rendering.costs, &text)
        }
        'r' | 'a' => {
            let text = rendering.repr(value)?;
            spec.text(&mut rendering.costs, &text)
        }
        'c' => {
            let letter = match value {
                Value::Text(text) if text.as_str().chars().nth(1).is_none() && !text.is_empty() => {
                    text.clone()
                }
                Value::Int(number) => {
                    let letter = u32::try_from(*number).ok().and_then(char::from_u32);
                    let letter = letter.ok_or_else(|| fault("%c arg not in range(0x110000)"))?;
                    // The number may be the conversation's.
                    Text::said(&mut rendering.costs, letter.encode_utf8(&mut [0; 4]))?
                }
                _ => return Err(fault("%c requires int or char")),
            };
            spec.text(&mut rendering.costs, &letter)
        }
        'd' | 'i' | 'u' | 'x' | 'X' | 'o' | 'e' | 'E' | 'f' | 'F' | 'g' | 'G' => {
            number(rendering, value, kind, spec)
        }
        other => Err(fault(format!("unsupported format character {other:?}"))),
    }
}

fn number(rendering: &mut Rendering<'_>, value: &Value, kind: char, mut spec: Spec) -> Result<Text> {
    if let Value::Undefined(missing @ (Missing::Variable(_) | Missing::Attribute(_))) = value {
        return Err(rendering.undefined(*missing));
    }
    let number = Number::of(value).ok_or_else(|| {
        fault(format!("%{kind} format: a real number is required, not {}", value.type_name()))
    })?;
    let whole = matches!(kind, 'd' | 'i' | 'u');
    let number = match number {
        Number::Float(float) if whole && float.abs() < 1e38 => Number::Int(float.trunc() as i128),
        Number::Float(_) if matches!(kind, 'x' | 'X' | 'o') || whole => {
            return Err(fault(format!("%{kind} format: an integer is required, not float")));
        }
        other => other,
    };
    spec.kind = Some(if whole { 'd' } else { kind });
    // Left-aligned numbers are not filled with zeros.
    if spec.align == Some('<') {
        spec.zero = false;
    } else if spec.zero {
        spec.align = None;
    }
    spec.number(&mut rendering.costs, number)
}

/// Digits, or `*` for the next value.
fn count(rest: &mut &str, given: &mut Given<'_>) -> Result<Option<i64>> {
    if let Some(after) = rest.strip_prefix('*') {
        *rest = after;
        return match given.next()? {
            Value::Int(number) => Ok(Some(number)),
            _ => Err(fault("* wants int")),
        };
    }
    let digits = rest.len() - rest.trim_start_matches(|letter: char| letter.is_ascii_digit()).len();
    let (number, after) = rest.split_at(digits);
    *rest = after;
    match number.parse::<i64>() {
        Ok(number) => Ok(Some(number)),
        Err(_) if number.is_empty() => Ok(None),
        Err(_) => Err(fault(format!("a field of {number:.40} letters; at most {MAX_WIDTH} are possible"))),
    }
}
