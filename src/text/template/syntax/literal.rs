//! The escapes of string literals, as Python's `unicode-escape` reads them. Knows text only.

use crate::error::Result;
use crate::text::template::costs::fault;

/// What a literal between its quotes stands for.
///
/// # Errors
/// `Template` for an escape without its digits, and for a name (`\N{…}`), which would need a table of all
/// names.
pub(super) fn unescape(literal: &str) -> Result<String> {
    let mut out = String::with_capacity(literal.len());
    let mut rest = literal;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        let mut letters = rest[at + 1..].chars();
        let Some(letter) = letters.next() else { return Err(fault("a string ends with a lone '\\'")) };
        rest = letters.as_str();
        match letter {
            '\n' => {}
            '\\' | '\'' | '"' => out.push(letter),
            'a' => out.push('\u{7}'),
            'b' => out.push('\u{8}'),
            'f' => out.push('\u{c}'),
            'n' => out.push('\n'),
            'r' => out.push('\r'),
            't' => out.push('\t'),
            'v' => out.push('\u{b}'),
            'x' => rest = hex(rest, 2, &mut out)?,
            'u' => rest = hex(rest, 4, &mut out)?,
            'U' => rest = hex(rest, 8, &mut out)?,
            'N' => return Err(fault("letters by name (\\N{…}) are not supported; write \\u and the number")),
            '0'..='7' => {
                let digits = rest.bytes().take(2).take_while(|byte| matches!(byte, b'0'..=b'7')).count();
                let value = rest[..digits]
                    .bytes()
                    .fold(letter as u32 - 48, |value, digit| value * 8 + u32::from(digit - b'0'));
                out.extend(char::from_u32(value));
                rest = &rest[digits..];
            }
            // Python has written the letter as an escape before it looks at the backslash.
            other if !other.is_ascii() => {
                let number = other as u32;
                out.push('\\');
                out.push_str(&match number {
                    0..=0xff => format!("x{number:02x}"),
                    0x100..=0xffff => format!("u{number:04x}"),
                    _ => format!("U{number:08x}"),
                });
            }
            other => {
                out.push('\\');
                out.push(other);
            }
        }
    }
    out.push_str(rest);
    Ok(out)
}

/// Appends the letter whose number is written in `digits` digits; what follows them.
fn hex<'t>(rest: &'t str, digits: usize, out: &mut String) -> Result<&'t str> {
    let number = rest.get(..digits).filter(|text| text.bytes().all(|byte| byte.is_ascii_hexdigit()));
    let number =
        number.ok_or_else(|| fault(format!("an escape in a string needs {digits} hexadecimal digits")))?;
    let letter = u32::from_str_radix(number, 16).ok().and_then(char::from_u32);
    out.push(letter.ok_or_else(|| fault(format!("{number} is the number of no letter")))?);
    Ok(&rest[digits..])
}
