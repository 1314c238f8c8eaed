//! What compiling and following a grammar may take. Knows no grammar.

use crate::error::{Error, ErrorKind};
use llguidance::api::ParserLimits;
use std::fmt::Display;

/// Bytes of a grammar's text at most.
pub(super) const TEXT: usize = 256 << 10;

/// Bytes of stack for what recurses over a grammar; only what is used is touched.
pub(super) const STACK: usize = 64 << 20;

/// Groups in each other at most, in a host's own grammar.
pub(super) const NESTING: usize = 128;

/// Bytes of an error that llguidance words, at most: it may show the whole grammar.
const SAID: usize = 600;

/// Fuel, and by it time and memory: a unit of a lexer's fuel is about 70 ns, an item of a parser's row 50 ns,
/// a state of a lexer 1 to 2 kB.
pub(super) fn parser() -> ParserLimits {
    ParserLimits {
        max_items_in_row: 2_000,
        initial_lexer_fuel: 1_000_000,
        step_lexer_fuel: 200_000,
        step_max_items: 50_000,
        max_lexer_states: 30_000,
        max_grammar_size: 200_000,
        // It fails as a whole where its fuel does not reach, and the lexer works without.
        precompute_large_lexemes: false,
        verbose_errors: false,
    }
}

/// A grammar cannot be honoured, or what follows it has come to a place where it cannot go on.
pub(super) fn error(why: impl Display) -> Error {
    Error::new(ErrorKind::Grammar, why.to_string())
}

/// As [`error`], of what llguidance says.
pub(super) fn said(why: impl Display) -> Error {
    let mut text = why.to_string();
    if let Some((first, _)) = text.split_once("\n<") {
        text.truncate(first.len());
    }
    if text.len() > SAID {
        let end = (0..=SAID).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        text.truncate(end);
        text.push('…');
    }
    error(text)
}
