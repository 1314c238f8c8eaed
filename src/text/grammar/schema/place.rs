//! Where in a schema something stands, as a JSON pointer, and what cannot be honoured there. Knows no
//! keyword.

use super::super::limits::error;
use crate::error::Error;
use std::fmt;

/// A place in a schema.
#[derive(Clone, Copy)]
pub(super) enum Place<'a> {
    /// What a pointer names; empty: the whole.
    At(&'a str),
    In(&'a Place<'a>, &'a str),
    Item(&'a Place<'a>, usize),
}

impl Place<'_> {
    /// `keyword` here cannot be honoured, and why.
    pub(super) fn refuse(&self, keyword: &str, why: impl fmt::Display) -> Error {
        error(format_args!("\"{keyword}\" at {self} cannot be honoured: {why}"))
    }

    /// What stands here is no schema, and why.
    pub(super) fn malformed(&self, why: impl fmt::Display) -> Error {
        error(format_args!("the schema is malformed at {self}: {why}"))
    }
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::At(pointer) => write!(f, "#{pointer}"),
            Self::In(within, key) => write!(f, "{within}/{}", key.replace('~', "~0").replace('/', "~1")),
            Self::Item(within, index) => write!(f, "{within}/{index}"),
        }
    }
}
