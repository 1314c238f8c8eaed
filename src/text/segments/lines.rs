//! Where lines end: LF, CR LF, CR, and Unicode's other three. Knows no stream.

use super::letters::is_newline;

/// One line.
#[derive(Debug, Clone, Default)]
pub(super) struct Lines {
    /// A CR was the last character: a LF would belong to it.
    returned: bool,
}

impl Lines {
    pub(super) fn step(&mut self, c: char, at: usize) -> Option<usize> {
        if self.returned && c != '\n' {
            return Some(at);
        }
        self.returned = c == '\r';
        is_newline(c).then_some(at + c.len_utf8())
    }
}
