//! A stream of text in pieces: whole words, lines or sentences. Knows neither tokens nor who reads.
//!
//! Each character is looked at once, in its turn, and what is decided depends on the characters so far alone:
//! the pieces are the same however the text is split on its way here. Sentences follow UAX 29 (Unicode Text
//! Segmentation), where a terminator, what closes behind it and the space behind that belong to the sentence;
//! docs/sentences.md has the rules, and where they differ.

mod abbreviations;
mod letters;
mod lines;
mod sentences;
mod words;

use lines::Lines;
use sentences::Sentences;
use words::Words;

/// What a stream's texts are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub enum Cut {
    /// A text for each token that gives some.
    #[default]
    Token,
    /// Whole words, each with the white space behind it.
    Word,
    /// Whole lines, each with its end.
    Line,
    /// Whole sentences, each with the white space behind it.
    Sentence,
}

/// Characters after which a piece is given, whole or not.
pub const MAX_PIECE: usize = 400;

/// Text on its way into pieces.
#[derive(Debug, Clone)]
pub struct Segments {
    rule: Rule,
    /// The piece so far, and what came behind it.
    text: String,
    /// Bytes of it that have been looked at.
    at: usize,
    /// Characters of these.
    seen: usize,
    /// Where the last white space ends that has something in front of it; 0: there is none.
    blank: usize,
}

#[derive(Debug, Clone)]
enum Rule {
    Word(Words),
    Line(Lines),
    Sentence(Sentences),
}

impl Segments {
    /// `None` for [`Cut::Token`], which cuts nothing.
    pub fn new(cut: Cut) -> Option<Self> {
        let rule = Rule::new(cut)?;
        Some(Self { rule, text: String::new(), at: 0, seen: 0, blank: 0 })
    }

    /// Takes the next `text`.
    pub fn push(&mut self, text: &str) {
        self.text.push_str(text);
    }

    /// The next piece that is whole, or as long as one may be.
    pub fn next_piece(&mut self) -> Option<String> {
        while let Some(c) = self.text[self.at..].chars().next() {
            let start = self.at;
            self.at += c.len_utf8();
            self.seen += 1;
            let looked_at = &self.text[..self.at];
            if let Some(end) = self.rule.step(c, start, looked_at) {
                return Some(self.take(end));
            }
            if c.is_whitespace() && !looked_at.trim().is_empty() {
                self.blank = self.at;
            }
            if self.seen == MAX_PIECE {
                let end = self.longest();
                return Some(self.take(end));
            }
        }
        None
    }

    /// All that is left: the last piece.
    pub fn rest(&mut self) -> String {
        self.take(self.text.len())
    }

    fn take(&mut self, end: usize) -> String {
        let behind = self.text.split_off(end);
        (self.at, self.seen, self.blank) = (0, 0, 0);
        self.rule.restart();
        std::mem::replace(&mut self.text, behind)
    }

    /// Where a piece that has no end yet is cut: behind what may be its end, or white space, or before a
    /// character.
    fn longest(&self) -> usize {
        let maybe = match &self.rule {
            Rule::Sentence(sentences) => sentences.maybe(),
            _ => None,
        };
        let text = &self.text[..self.at];
        maybe.or((self.blank > 0).then_some(self.blank)).unwrap_or_else(|| {
            let begins = text.char_indices().rev().find(|&(at, c)| at > 0 && !letters::joins(&text[..at], c));
            begins.map_or(self.at, |(at, _)| at)
        })
    }
}

impl Rule {
    fn new(cut: Cut) -> Option<Self> {
        match cut {
            Cut::Token => None,
            Cut::Word => Some(Self::Word(Words::default())),
            Cut::Line => Some(Self::Line(Lines::default())),
            Cut::Sentence => Some(Self::Sentence(Sentences::default())),
        }
    }

    /// Looks at `c`, which lies at byte `at`, the last character of `text`: where the piece ends, if that is
    /// known now.
    fn step(&mut self, c: char, at: usize, text: &str) -> Option<usize> {
        match self {
            Self::Word(words) => words.step(c, at, text),
            Self::Line(lines) => lines.step(c, at),
            Self::Sentence(sentences) => sentences.step(c, at, text),
        }
    }

    fn restart(&mut self) {
        match self {
            Self::Word(words) => *words = Words::default(),
            Self::Line(lines) => *lines = Lines::default(),
            Self::Sentence(sentences) => *sentences = Sentences::default(),
        }
    }
}

#[cfg(test)]
mod tests;
