//! Where sentences end: UAX 29's rules, character by character, and what they leave open: abbreviations,
//! quotes with what is said about them, Thai, dots that trail off. Knows no stream.

use super::abbreviations::is_abbreviation;
use super::letters::{Terminator, closes, continues, is_newline, is_thai, terminator};

/// Characters that may lie between a full stop and the letter that decides.
const UNDECIDED: usize = 8;

/// Characters from which on a space in Thai ends a piece.
const THAI: usize = 16;

/// One sentence.
#[derive(Debug, Clone, Default)]
pub(super) struct Sentences {
    /// There is something other than white space.
    begun: bool,
    /// A terminator, behind which nothing but what belongs to it has come so far.
    after: Option<After>,
}

#[derive(Debug, Clone, Copy)]
struct After {
    terminator: Terminator,
    /// Where the terminators begin.
    begin: usize,
    /// Where the sentence ends, if it does.
    end: usize,
    /// A quote or bracket has closed.
    closed: bool,
    /// White space has come.
    spaced: bool,
    /// Characters behind the end that decide nothing.
    undecided: usize,
}

/// What a character behind a terminator comes to.
enum Verdict {
    /// The sentence ends.
    Ends,
    /// It goes on.
    GoesOn,
    /// That shows later.
    Open(After),
}

impl Sentences {
    /// Where the sentence ends if what comes says so.
    pub(super) fn maybe(&self) -> Option<usize> {
        self.after.map(|after| after.end)
    }

    pub(super) fn step(&mut self, c: char, at: usize, text: &str) -> Option<usize> {
        let behind = at + c.len_utf8();
        if let Some(after) = self.after {
            if is_newline(c) {
                return Some(if after.undecided > 0 { after.end } else { behind });
            }
            match after.look_at(c, at, text) {
                Verdict::Ends => return Some(after.end),
                Verdict::Open(after) => {
                    self.after = Some(after);
                    return None;
                }
                Verdict::GoesOn => self.after = None,
            }
        }
        if is_newline(c) {
            return self.begun.then_some(behind);
        }
        self.begun |= !c.is_whitespace();
        if let Some(terminator) = terminator(c) {
            self.after = Some(After {
                terminator,
                begin: at,
                end: behind,
                closed: false,
                spaced: false,
                undecided: 0,
            });
        }
        is_thai_end(c, at, text).then_some(at)
    }
}

/// Whether `c` at `at` begins another phrase of Thai behind a space.
fn is_thai_end(c: char, at: usize, text: &str) -> bool {
    let before = text[..at].trim_end();
    before.len() < at && is_thai(c) && before.ends_with(is_thai) && text[..at].chars().count() >= THAI
}

impl After {
    fn look_at(self, c: char, at: usize, text: &str) -> Verdict {
        let end = at + c.len_utf8();
        if self.undecided > 0 {
            return self.look_further(c, text);
        }
        if let Some(next) = terminator(c) {
            return self.more(next, end);
        }
        if c.is_whitespace() {
            return Verdict::Open(Self { spaced: true, end, ..self });
        }
        let opens_full = self.terminator == Terminator::Full && matches!(c, '“' | '‘');
        if closes(c) && !opens_full && (!self.spaced || is_french_close(c, &text[..at])) {
            return Verdict::Open(Self { closed: true, end, ..self });
        }
        if super::letters::joins(&text[..at], c) {
            return if self.spaced { Verdict::Ends } else { Verdict::Open(Self { end, ..self }) };
        }
        if continues(c) {
            return Verdict::GoesOn;
        }
        if c.is_alphanumeric() {
            return self.decide(c, text);
        }
        match (self.terminator, self.spaced) {
            (Terminator::Full, _) | (Terminator::Strong, true) => Verdict::Ends,
            (_, true) => Verdict::Open(Self { undecided: 1, ..self }),
            (_, false) => Verdict::GoesOn,
        }
    }

    /// Another terminator: "?!", "...", ". . .".
    fn more(self, next: Terminator, end: usize) -> Verdict {
        use Terminator::{Dot, Ellipsis, Full, Strong};
        let terminator = match (self.terminator, next) {
            (Full, _) | (_, Full) => Full,
            (Strong, _) | (_, Strong) => Strong,
            (Dot | Ellipsis, Dot | Ellipsis) => Ellipsis,
        };
        Verdict::Open(Self { terminator, end, closed: false, spaced: false, ..self })
    }

    /// Behind a full stop and something that decides nothing, such as a bracket.
    fn look_further(self, c: char, text: &str) -> Verdict {
        if c.is_alphanumeric() {
            return self.decide(c, text);
        }
        if terminator(c).is_some() || self.undecided == UNDECIDED {
            return Verdict::Ends;
        }
        Verdict::Open(Self { undecided: self.undecided + 1, ..self })
    }

    /// By the first letter or digit behind it.
    fn decide(self, c: char, text: &str) -> Verdict {
        // Of a script that has no capitals, and often no spaces.
        let other = c.is_alphabetic() && !c.is_lowercase() && !c.is_uppercase();
        let ends = match self.terminator {
            // In Japanese the sentence goes on with who says so.
            Terminator::Full => !(self.closed && !self.spaced && matches!(c, 'と' | 'っ')),
            Terminator::Strong if self.spaced => !(self.closed && c.is_lowercase()),
            Terminator::Dot if self.spaced => !c.is_lowercase() && !is_abbreviation(&text[..self.begin], c),
            Terminator::Ellipsis => self.spaced && !c.is_lowercase(),
            Terminator::Strong | Terminator::Dot => other,
        };
        if ends { Verdict::Ends } else { Verdict::GoesOn }
    }
}

/// Whether a guillemet behind a space closes one that is open, as in French.
fn is_french_close(c: char, before: &str) -> bool {
    let count = |quote: char| before.chars().filter(|c| *c == quote).count();
    match c {
        '»' => count('«') > count('»'),
        '›' => count('‹') > count('›'),
        _ => false,
    }
}
