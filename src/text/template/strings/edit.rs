//! Strings without their ends, and with parts exchanged. Knows strings only.

use crate::error::Result;
use crate::text::template::costs::Costs;
use crate::text::template::letters::is_space;
use crate::text::template::values::{Builder, Text};

/// The string without white space, or without these letters, at its ends.
pub(crate) fn strip(
    costs: &mut Costs,
    text: &Text,
    letters: Option<&Text>,
    start: bool,
    end: bool,
) -> Result<Text> {
    let plain = text.as_str();
    let most = letters.map_or(0, Text::len);
    costs.spend(most / 4)?;
    let mut set: Vec<char> = costs.room(most)?;
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
pub(crate) fn replace(costs: &mut Costs, text: &Text, old: &Text, new: &Text, count: i64) -> Result<Text> {
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
