//! Strings of a width: filled up, cut off, indented. Knows strings only.

use super::pieces::line_ranges;
use crate::error::Result;
use crate::text::template::arguments::{Arguments, integer, missing, text_of};
use crate::text::template::costs::{Costs, fault};
use crate::text::template::letters::ends_line;
use crate::text::template::values::{Builder, Text, Value};

/// The methods `ljust`, `rjust`, `center` and `zfill` (`name`).
pub(crate) fn pad(costs: &mut Costs, text: &Text, arguments: Arguments, name: &str) -> Result<Text> {
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
    let width = usize::try_from(width).unwrap_or(0);
    let missing = width.saturating_sub(text.letters(costs)?);
    match name {
        "ljust" => padded(costs, text, (fill, said), 0, missing),
        "rjust" => padded(costs, text, (fill, said), missing, 0),
        "center" => centered(costs, text, width, (fill, said)),
        _ => {
            let sign = usize::from(text.as_str().starts_with(['+', '-']));
            let mut out = Builder::new(costs);
            out.part(costs, text, 0..sign)?;
            out.fill(costs, '0', missing, false)?;
            out.part(costs, text, sign..text.len())?;
            out.finish()
        }
    }
}

/// The string in the middle of `width` letters, as Python finds it.
pub(crate) fn centered(costs: &mut Costs, text: &Text, width: usize, fill: (char, bool)) -> Result<Text> {
    let missing = width.saturating_sub(text.letters(costs)?);
    let before = missing / 2 + (missing & width & 1);
    padded(costs, text, fill, before, missing - before)
}

/// The string with letters before and behind it; `fill` is the letter, and whether it is from the
/// conversation.
pub(crate) fn padded(
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

/// The string with spaces up to the next column of `size` for each tab.
pub(crate) fn expand_tabs(costs: &mut Costs, text: &Text, size: i64) -> Result<Text> {
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

/// The filter `indent(text, width, first, blank)`.
pub(crate) fn indent(costs: &mut Costs, text: &Text, arguments: Arguments) -> Result<Text> {
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

/// The filter `truncate(text, length, killwords, end, leeway)`.
pub(crate) fn truncate(costs: &mut Costs, text: &Text, arguments: Arguments) -> Result<Text> {
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
