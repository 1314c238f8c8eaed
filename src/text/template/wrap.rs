//! The filter `wordwrap`: lines of a limited width, as Python's `textwrap` makes them. Knows strings only.

use std::ops::Range;

use super::arguments::Arguments;
use super::costs::{Costs, fault};
use super::pieces::line_ranges;
use super::strings::{integer, text_of};
use super::text::{Builder, Text};
use crate::error::Result;

/// `text|wordwrap(width=79, break_long_words=true, wrapstring='\n', break_on_hyphens=true)`
pub(super) fn wordwrap(costs: &mut Costs, text: &Text, arguments: Arguments) -> Result<Text> {
    let [width, long, wrap, hyphens] =
        arguments.bind("wordwrap", ["width", "break_long_words", "wrapstring", "break_on_hyphens"])?;
    let width = integer(width, "wordwrap")?.unwrap_or(79);
    if width <= 0 {
        return Err(fault(format!("invalid width {width} (must be > 0)")));
    }
    let long = long.is_none_or(|long| long.truth());
    let hyphens = hyphens.is_none_or(|hyphens| hyphens.truth());
    let wrap = match wrap.filter(|wrap| !wrap.is_none()) {
        Some(wrap) => text_of(&wrap, "wordwrap")?,
        None => Text::literal("\n".to_owned()),
    };
    costs.spend(text.len() / 2)?;
    let mut out = Builder::new(costs);
    let plain = text.as_str();
    for (number, (line, _)) in line_ranges(plain).into_iter().enumerate() {
        if number > 0 {
            out.text(costs, &wrap)?;
        }
        let chunks = chunks(plain, line, hyphens);
        for (number, part) in lines(plain, chunks, width as usize, long).into_iter().enumerate() {
            costs.spend(1)?;
            if number > 0 {
                out.text(costs, &wrap)?;
            }
            out.part(costs, text, part)?;
        }
    }
    out.finish()
}

/// Only these are white space to `textwrap`.
fn is_blank(letter: char) -> bool {
    matches!(letter, '\t' | '\n' | '\u{b}' | '\u{c}' | '\r' | ' ')
}

/// Words, the white space between them, and the parts of words that hyphens end.
fn chunks(text: &str, line: Range<usize>, hyphens: bool) -> Vec<Range<usize>> {
    let mut chunks: Vec<Range<usize>> = Vec::new();
    let letters: Vec<(usize, char)> = text[line.clone()].char_indices().collect();
    let mut begins = true;
    for (number, (at, letter)) in letters.iter().enumerate() {
        let at = line.start + at;
        let before = number.checked_sub(1).map(|before| letters[before].1);
        begins |= before.is_some_and(|before| is_blank(before) != is_blank(*letter));
        match chunks.last_mut().filter(|_| !begins) {
            Some(chunk) => chunk.end = at + letter.len_utf8(),
            None => chunks.push(at..at + letter.len_utf8()),
        }
        // Behind a hyphen between letters.
        let is_letter = |number: usize| letters.get(number).is_some_and(|(_, letter)| letter.is_alphabetic());
        let two = |from: usize| is_letter(from) && is_letter(from + 1);
        begins = hyphens && *letter == '-' && number >= 2 && two(number - 2) && two(number + 1);
    }
    chunks
}

fn lines(text: &str, chunks: Vec<Range<usize>>, width: usize, long: bool) -> Vec<Range<usize>> {
    let count = |range: &Range<usize>| text[range.clone()].chars().count();
    let blank = |range: &Range<usize>| text[range.clone()].chars().all(is_blank);
    let mut lines: Vec<Range<usize>> = Vec::new();
    let mut rest: std::collections::VecDeque<Range<usize>> = chunks.into();
    while let Some(first) = rest.front() {
        if blank(first) && !lines.is_empty() {
            rest.pop_front();
            continue;
        }
        let mut line: Vec<Range<usize>> = Vec::new();
        let mut room = width;
        while let Some(chunk) = rest.pop_front() {
            let letters = count(&chunk);
            if letters <= room {
                room -= letters;
                line.push(chunk);
                continue;
            }
            if letters > width {
                if long {
                    let part = &text[chunk.clone()];
                    let cut =
                        part.char_indices().nth(room.max(1)).map_or(chunk.end, |(at, _)| chunk.start + at);
                    line.push(chunk.start..cut);
                    rest.push_front(cut..chunk.end);
                } else if line.is_empty() {
                    line.push(chunk);
                } else {
                    rest.push_front(chunk);
                }
            } else {
                rest.push_front(chunk);
            }
            break;
        }
        if line.last().is_some_and(&blank) {
            line.pop();
        }
        if let (Some(first), Some(last)) = (line.first(), line.last()) {
            lines.push(first.start..last.end);
        }
    }
    lines
}
