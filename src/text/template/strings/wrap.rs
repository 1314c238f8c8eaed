//! The filter `wordwrap`: lines of a limited width, as Python's `textwrap` makes them. Knows strings only.

use std::ops::Range;

use super::pieces::line_ranges;
use crate::error::Result;
use crate::text::template::arguments::{Arguments, integer, text_of};
use crate::text::template::costs::{Costs, fault};
use crate::text::template::values::{Builder, Text};

/// `text|wordwrap(width=79, break_long_words=true, wrapstring='\n', break_on_hyphens=true)`
pub(crate) fn wordwrap(costs: &mut Costs, text: &Text, arguments: Arguments) -> Result<Text> {
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
    for (number, (line, _)) in line_ranges(plain).enumerate() {
        costs.spend(1)?;
        if number > 0 {
            out.text(costs, &wrap)?;
        }
        let chunks = Chunks { text: plain, rest: line, hyphens, before: [' '; 2] };
        let mut lines = Lines { chunks, back: None, width: width as usize, long, any: false };
        while let Some(part) = lines.next(costs)? {
            if std::mem::replace(&mut lines.any, true) {
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

/// A word, the white space between two, or the part of a word that a hyphen ends.
struct Chunk {
    range: Range<usize>,
    letters: usize,
    blank: bool,
}

/// The chunks of a line.
struct Chunks<'t> {
    text: &'t str,
    rest: Range<usize>,
    hyphens: bool,
    /// The two letters before the next one.
    before: [char; 2],
}

impl Iterator for Chunks<'_> {
    type Item = Chunk;

    fn next(&mut self) -> Option<Chunk> {
        let mut rest = self.text.get(self.rest.clone())?.chars();
        let start = self.rest.start;
        let mut chunk = Chunk { range: start..start, letters: 0, blank: false };
        while let Some(letter) = rest.next() {
            if chunk.letters > 0 && is_blank(letter) != chunk.blank {
                break;
            }
            chunk.blank = is_blank(letter);
            chunk.letters += 1;
            chunk.range.end += letter.len_utf8();
            // Behind a hyphen between letters.
            let mut behind = rest.clone();
            let cut = self.hyphens
                && letter == '-'
                && self.before.into_iter().all(char::is_alphabetic)
                && (0..2).all(|_| behind.next().is_some_and(char::is_alphabetic));
            self.before = [self.before[1], letter];
            if cut {
                break;
            }
        }
        self.rest.start = chunk.range.end;
        (chunk.letters > 0).then_some(chunk)
    }
}

/// The wrapped lines of a line.
struct Lines<'t> {
    chunks: Chunks<'t>,
    /// What did not fit into the line before.
    back: Option<Chunk>,
    width: usize,
    long: bool,
    /// Whether there has been a line.
    any: bool,
}

impl Lines<'_> {
    fn chunk(&mut self) -> Option<Chunk> {
        self.back.take().or_else(|| self.chunks.next())
    }

    fn next(&mut self, costs: &mut Costs) -> Result<Option<Range<usize>>> {
        while let Some(first) = self.chunk() {
            costs.spend(1)?;
            if first.blank && self.any {
                continue;
            }
            let mut line = first.range.start..first.range.start;
            // Where the white space at its end begins.
            let mut blank = None;
            let mut room = self.width;
            self.back = Some(first);
            while let Some(mut chunk) = self.chunk() {
                costs.spend(1)?;
                let fits = chunk.letters <= room;
                if fits {
                    room -= chunk.letters;
                } else if chunk.letters > self.width && self.long {
                    let Range { start, end } = chunk.range;
                    let part = &self.chunks.text[start..end];
                    let mut cut = part.char_indices().nth(room).map_or(end, |(at, _)| start + at);
                    let part = &self.chunks.text[start..cut];
                    // Behind its last hyphen, if it has more than hyphens before it.
                    let hyphen = part.rfind('-').filter(|_| self.chunks.hyphens);
                    if let Some(hyphen) = hyphen.filter(|at| part[..*at].contains(|letter| letter != '-')) {
                        room = part[..=hyphen].chars().count();
                        cut = start + hyphen + 1;
                    }
                    let letters = chunk.letters - room;
                    self.back = Some(Chunk { range: cut..end, letters, blank: chunk.blank });
                    // Where an empty part comes last, the white space before it stays.
                    chunk = Chunk { range: start..cut, letters: room, blank: chunk.blank || room == 0 };
                } else if chunk.letters <= self.width || !line.is_empty() {
                    self.back = Some(chunk);
                    break;
                }
                line.end = chunk.range.end;
                blank = chunk.blank.then_some(chunk.range.start);
                if !fits {
                    break;
                }
            }
            line.end = blank.unwrap_or(line.end);
            if !line.is_empty() {
                return Ok(Some(line));
            }
        }
        Ok(None)
    }
}
