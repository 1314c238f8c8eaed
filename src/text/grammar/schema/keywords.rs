//! What keywords share: counts, and how a keyword has the schemas inside it rewritten. Knows no keyword.

use super::place::Place;
use crate::error::Result;
use serde_json::{Map, Value};

/// What rewrites the schemas inside a keyword.
pub(super) trait Inner<'a> {
    /// The schema `value`, which stands at `at`. `open`: others must hold for the same value, so that what is
    /// not said here may be said there.
    fn schema(&mut self, value: &'a Value, at: &Place<'_>, open: bool) -> Result<Value>;

    /// As [`schema`](Self::schema), where what it makes will be met with another as a whole.
    fn met(&mut self, value: &'a Value, at: &Place<'_>) -> Result<Value>;

    /// The schema that `value` is or refers to, where that is plain.
    fn target(&self, value: &'a Value) -> &'a Value;

    /// Any value.
    fn any(&self) -> Value;

    /// Each schema of a list that must not be empty.
    fn each(&mut self, keyword: &str, value: &'a Value, at: &Place<'_>, open: bool) -> Result<Vec<Value>> {
        let within = Place::In(at, keyword);
        let Some(items) = value.as_array().filter(|items| !items.is_empty()) else {
            return Err(at.malformed(format_args!("\"{keyword}\" is no list of schemas")));
        };
        let items = items.iter().enumerate();
        items.map(|(index, item)| self.schema(item, &Place::Item(&within, index), open)).collect()
    }
}

/// A count that `keyword` gives.
pub(super) fn count(schema: &Map<String, Value>, keyword: &str, at: &Place<'_>) -> Result<Option<u64>> {
    let Some(value) = schema.get(keyword) else { return Ok(None) };
    let whole = value.as_f64().filter(|count| *count >= 0.0 && count.fract() == 0.0);
    match whole {
        Some(count) => Ok(Some(count as u64)),
        None => Err(at.malformed(format_args!("\"{keyword}\" is no count"))),
    }
}

/// Checks that a text needs no escape with a number: these are not made.
///
/// # Errors
/// `Grammar`, naming the character.
pub(super) fn spelled(text: &str, keyword: &str, at: &Place<'_>) -> Result<()> {
    let plain = |next: &char| !next.is_ascii_control() || "\u{8}\t\n\u{c}\r".contains(*next);
    match text.chars().find(|next| !plain(next)) {
        Some(next) => {
            let code = u32::from(next);
            Err(at.refuse(keyword, format_args!("the control character U+{code:04X} has no short escape")))
        }
        None => Ok(()),
    }
}
