//! Where words end: before the first character behind white space, and where a script without blanks has
//! words of one character (UAX 29). Knows no stream.

use super::letters::{Terminator, closes, is_ideograph, is_katakana, joins, opens, terminator};

/// One word.
#[derive(Debug, Clone, Default)]
pub(super) struct Words {
    /// There is something other than white space.
    begun: bool,
}

impl Words {
    pub(super) fn step(&mut self, c: char, at: usize, text: &str) -> Option<usize> {
        if c.is_whitespace() {
            return None;
        }
        let Some(last) = text[..at].chars().next_back().filter(|_| self.begun) else {
            self.begun = true;
            return None;
        };
        let begins = (c.is_alphanumeric() || opens(c)) && !joins(&text[..at], c) && !opens(last);
        let alone = is_ideograph(c) || is_ideograph(last) || is_katakana(c) != is_katakana(last);
        let apart = last.is_whitespace() || (begins && (alone || ends_fully(last)));
        apart.then_some(at)
    }
}

/// Whether no blank comes behind it: full-width punctuation.
fn ends_fully(c: char) -> bool {
    terminator(c) == Some(Terminator::Full) || matches!(c, '、' | '，') || (closes(c) && c >= '\u{3000}')
}
