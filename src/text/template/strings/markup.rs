//! HTML: its special letters as entities, and its tags and entities taken out. Knows strings only.

use crate::error::Result;
use crate::text::template::costs::Costs;
use crate::text::template::letters::is_space;
use crate::text::template::values::{Builder, Text};

/// The string with HTML's special letters as entities.
pub(crate) fn escape(costs: &mut Costs, text: &Text) -> Result<Text> {
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

/// The string without comments and tags, with its entities as letters, its white space as single spaces.
pub(crate) fn strip_tags(costs: &mut Costs, text: &Text) -> Result<Text> {
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
