//! Strings cut into pieces: at separators, at white space, at lines. Knows strings only.

use std::ops::Range;

use crate::error::Result;
use crate::text::template::arguments::{integer, text_of};
use crate::text::template::costs::{Costs, fault};
use crate::text::template::letters::{ends_line, is_space};
use crate::text::template::values::{Text, Value};

/// `text.split(separator, most)`, from the right if `backwards`.
pub(crate) fn split(
    costs: &mut Costs,
    text: &Text,
    separator: Option<Value>,
    most: Option<Value>,
    backwards: bool,
) -> Result<Value> {
    let most = integer(most, "split")?.and_then(|most| usize::try_from(most).ok()).unwrap_or(usize::MAX);
    costs.read(text.len())?;
    let ranges = match separator.filter(|separator| !separator.is_none()) {
        None => words(costs, text.as_str(), most, backwards)?,
        Some(separator) => {
            let separator = text_of(&separator, "split")?;
            if separator.is_empty() {
                return Err(fault("empty separator"));
            }
            between(costs, text.as_str(), separator.as_str(), most, backwards)?
        }
    };
    parts(costs, text, ranges)
}

fn parts(costs: &mut Costs, text: &Text, ranges: impl IntoIterator<Item = Range<usize>>) -> Result<Value> {
    let mut parts = Vec::new();
    for range in ranges {
        costs.spend(1)?;
        parts.push(Value::Text(text.part(costs, range)?));
    }
    Value::list(costs, parts)
}

fn between(
    costs: &mut Costs,
    text: &str,
    separator: &str,
    most: usize,
    backwards: bool,
) -> Result<Vec<Range<usize>>> {
    let mut ranges = Vec::new();
    if backwards {
        let mut end = text.len();
        for (at, _) in text.rmatch_indices(separator).take(most) {
            costs.spend(1)?;
            ranges.push(at + separator.len()..end);
            end = at;
        }
        ranges.push(0..end);
        ranges.reverse();
    } else {
        let mut start = 0;
        for (at, _) in text.match_indices(separator).take(most) {
            costs.spend(1)?;
            ranges.push(start..at);
            start = at + separator.len();
        }
        ranges.push(start..text.len());
    }
    Ok(ranges)
}

fn words(costs: &mut Costs, text: &str, most: usize, backwards: bool) -> Result<Vec<Range<usize>>> {
    let mut ranges = Vec::new();
    costs.spend(text.len() / 16)?;
    let (mut start, mut end) = (0, text.len());
    loop {
        costs.spend(1)?;
        if backwards {
            end = text[start..end].trim_end_matches(is_space).len() + start;
        } else {
            start = end - text[start..end].trim_start_matches(is_space).len();
        }
        if start >= end {
            break;
        }
        if ranges.len() >= most {
            // The rest as it is, but for the side that was gone over.
            ranges.push(start..end);
            break;
        }
        if backwards {
            let word = text[start..end].char_indices().rev().find(|(_, letter)| is_space(*letter));
            let from = word.map_or(start, |(at, letter)| start + at + letter.len_utf8());
            ranges.push(from..end);
            end = from;
        } else {
            let to = text[start..end].find(is_space).map_or(end, |at| start + at);
            ranges.push(start..to);
            start = to;
        }
    }
    if backwards {
        ranges.reverse();
    }
    Ok(ranges)
}

/// The lines of a text, each with the length of its end.
pub(crate) fn line_ranges(text: &str) -> impl Iterator<Item = (Range<usize>, usize)> {
    let mut start = 0;
    let mut letters = text.char_indices().peekable();
    std::iter::from_fn(move || {
        let begin = start;
        while let Some((at, letter)) = letters.next() {
            if !ends_line(letter) {
                continue;
            }
            start = at + letter.len_utf8();
            if letter == '\r' && letters.next_if(|(_, next)| *next == '\n').is_some() {
                start += 1;
            }
            return Some((begin..at, start - at));
        }
        start = text.len();
        (begin < start).then_some((begin..start, 0))
    })
}

/// `text.splitlines(keep)`
pub(crate) fn lines(costs: &mut Costs, text: &Text, keep: bool) -> Result<Value> {
    costs.spend(text.len() / 16)?;
    let ranges = line_ranges(text.as_str());
    let ranges = ranges.map(|(range, end)| range.start..range.end + if keep { end } else { 0 });
    parts(costs, text, ranges)
}

/// `text.partition(separator)`, at the last one if `backwards`.
pub(crate) fn partition(costs: &mut Costs, text: &Text, separator: &Text, backwards: bool) -> Result<Value> {
    if separator.is_empty() {
        return Err(fault("empty separator"));
    }
    let plain = text.as_str();
    costs.read(plain.len())?;
    let found = if backwards { plain.rfind(separator.as_str()) } else { plain.find(separator.as_str()) };
    let (length, end) = (separator.len(), plain.len());
    let ranges = match found {
        Some(at) => [0..at, at..at + length, at + length..end],
        None if backwards => [0..0, 0..0, 0..end],
        None => [0..end, end..end, end..end],
    };
    let mut parts = Vec::new();
    for range in ranges {
        parts.push(Value::Text(text.part(costs, range)?));
    }
    Value::tuple(costs, parts)
}
