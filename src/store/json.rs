//! The JSON in a save: tools, variables, further fields of messages. Bounded, as what it becomes in memory is
//! a multiple of its bytes. Knows no field.

use super::faults::too_much;
use crate::compute::on_own_stack;
use crate::error::Result;
use crate::text::json::depth;
use serde_json::Value;

/// How many arrays and objects may lie in each other.
const MAX_DEPTH: usize = 40;
/// Bytes of all JSON in a section.
const MAX_BYTES: usize = 8 << 20;
/// Values in it, about: what commas, colons and brackets there are.
const MAX_VALUES: usize = 256 << 10;

/// What recurses over a value runs on a stack of its own.
const STACK: usize = 512 << 10;

/// How much JSON a section has so far.
#[derive(Default)]
pub(super) struct Budget {
    bytes: usize,
    values: usize,
}

impl Budget {
    /// What `print` makes of a value or an object.
    ///
    /// # Errors
    /// `Unsupported`: no save holds so much.
    pub(super) fn write(&mut self, print: impl FnOnce() -> serde_json::Result<String>) -> Result<String> {
        let text = Self::print(print)?;
        self.count(&text).map_err(too_much)?;
        Ok(text)
    }

    /// The same, which counts for nothing yet.
    ///
    /// # Errors
    /// As [`Budget::write`].
    pub(super) fn print(print: impl FnOnce() -> serde_json::Result<String>) -> Result<String> {
        on_own_stack(STACK, || Ok(print()))?.map_err(too_much)
    }

    /// The value that `text` is; an error says why it is none.
    pub(super) fn read(&mut self, text: &str) -> Result<Value, String> {
        self.count(text)?;
        let parse = || Ok(serde_json::from_str(text));
        let parsed: Result<serde_json::Result<Value>> = on_own_stack(STACK, parse);
        parsed.map_err(|error| error.to_string())?.map_err(|error| format!("it is not JSON: {error}"))
    }

    /// Counts a text; an error says why a save has no room for it.
    pub(super) fn count(&mut self, text: &str) -> Result<(), String> {
        let depth = depth(text);
        if depth > MAX_DEPTH {
            return Err(format!("JSON is nested {depth} deep; a save has at most {MAX_DEPTH}"));
        }
        self.bytes = self.bytes.saturating_add(text.len());
        let marks = text.bytes().filter(|byte| matches!(byte, b',' | b':' | b'[' | b'{')).count();
        self.values = self.values.saturating_add(marks + 1);
        match (self.bytes, self.values) {
            (..=MAX_BYTES, ..=MAX_VALUES) => Ok(()),
            _ => Err(format!("a save has at most {MAX_BYTES} bytes of JSON and {MAX_VALUES} values in it")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_comes_back_and_is_bounded() {
        let value = serde_json::json!({"a": [1, -2.5, null, true, "é:,[", {}], "$wick::integer": "1"});
        let text = Budget::default().write(|| serde_json::to_string(&value)).unwrap();
        assert_eq!(Budget::default().read(&text).unwrap(), value);
        let deep = format!("{}1{}", "[".repeat(41), "]".repeat(41));
        assert!(Budget::default().read(&deep).unwrap_err().contains("41 deep"));
        assert!(Budget::default().read(&deep[1..deep.len() - 1]).is_ok());
        assert!(Budget::default().read("[1,").unwrap_err().contains("not JSON"));
        let many = format!("[{}1]", "1,".repeat(MAX_VALUES));
        assert!(Budget::default().read(&many).is_err());
        let mut budget = Budget::default();
        let half = format!("[{}1]", "1,".repeat(MAX_VALUES / 2));
        assert!(budget.read(&half).is_ok());
        assert!(budget.read(&half).is_err(), "all of a save counts together");
    }
}
