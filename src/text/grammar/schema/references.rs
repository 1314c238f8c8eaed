//! Where `$ref` points to. Knows no other keyword.

use super::place::Place;
use crate::error::Result;
use serde_json::Value;

/// The schema that `reference` names in `root`, and its pointer.
///
/// # Errors
/// `Grammar` if it lies elsewhere, or nowhere.
pub(super) fn resolve<'a>(root: &'a Value, reference: &Value, at: &Place<'_>) -> Result<(String, &'a Value)> {
    let Some(text) = reference.as_str() else {
        return Err(at.malformed("\"$ref\" is no text"));
    };
    let pointer = match text.strip_prefix('#') {
        Some(pointer) if pointer.is_empty() || pointer.starts_with('/') => decoded(pointer),
        _ => {
            let why = format!("{text:?} is not in this schema; give a pointer such as \"#/$defs/name\"");
            return Err(at.refuse("$ref", why));
        }
    };
    let pointer = if pointer == "/" && root.pointer("/").is_none() { String::new() } else { pointer };
    match root.pointer(&pointer) {
        Some(found) => Ok((pointer, found)),
        None => Err(at.refuse("$ref", format_args!("nothing stands at {text:?}"))),
    }
}

/// `text` without percent signs, if that is text.
fn decoded(text: &str) -> String {
    let (mut out, mut rest) = (Vec::with_capacity(text.len()), text.as_bytes());
    while let [first, after @ ..] = rest {
        let hex = |at: usize| after.get(at).and_then(|digit| (*digit as char).to_digit(16));
        if let (b'%', Some(high), Some(low)) = (first, hex(0), hex(1)) {
            out.push((high * 16 + low) as u8);
            rest = &after[2..];
        } else {
            out.push(*first);
            rest = after;
        }
    }
    String::from_utf8(out).unwrap_or_else(|_| text.to_owned())
}
