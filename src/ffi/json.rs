//! JSON that C hands over, and gets; knows no struct.

use crate::compute::on_own_stack;
use crate::error::{Error, ErrorKind, Result};
use crate::text::Message;
use crate::text::json::{depth, keeping_integers, written};
use serde_json::{Map, Value};

/// How many arrays and objects may lie in each other. What recurses over a value, its drop too, then takes
/// about 35 KiB of stack at most where it is not optimised.
const MAX_DEPTH: usize = 40;

/// How many may be read on the caller's stack, of which a level takes about a KiB; more are read on one of
/// our own.
const SHALLOW: usize = 4;
const STACK: usize = 512 << 10;

/// The value that `text` is.
///
/// # Errors
/// `InvalidArgument` naming `name`: not JSON, or nested more than 40 deep.
pub(super) fn value(text: &str, name: &str) -> Result<Value> {
    let depth = depth(text);
    if depth > MAX_DEPTH {
        let message = format!(
            "{name} is nested {depth} deep; at most {MAX_DEPTH} arrays and objects may lie in each other"
        );
        return Err(Error::new(ErrorKind::InvalidArgument, message));
    }
    let parse = || {
        serde_json::from_str(&keeping_integers(text))
            .map_err(|error| Error::new(ErrorKind::InvalidArgument, format!("{name} is not JSON: {error}")))
    };
    if depth <= SHALLOW { parse() } else { on_own_stack(STACK, parse) }
}

/// The object that `text` is.
///
/// # Errors
/// As [`value`], and for anything but an object.
pub(super) fn object(text: &str, name: &str) -> Result<Map<String, Value>> {
    match value(text, name)? {
        Value::Object(object) => Ok(object),
        _ => Err(Error::new(ErrorKind::InvalidArgument, format!("{name} is JSON, but not an object"))),
    }
}

/// `read`'s messages as JSON text. They may be nested deep: what recurses over them runs on a stack of our
/// own.
///
/// # Errors
/// As `read`'s.
pub(super) fn written_messages(read: impl FnOnce() -> Result<Vec<Message>>) -> Result<String> {
    on_own_stack(STACK, || read().map(|read| written(&messages(&read))))
}

/// Messages as an array of objects: role and content first. A `content` in the further fields stands in its
/// place, as templates see it.
fn messages(messages: &[Message]) -> Value {
    messages
        .iter()
        .map(|message| {
            let mut object = Map::new();
            object.insert("role".to_owned(), Value::from(message.role.as_str()));
            object.insert("content".to_owned(), Value::from(message.content.as_str()));
            for (key, value) in message.extra.iter().flatten().filter(|(key, _)| *key != "role") {
                object.insert(key.clone(), value.clone());
            }
            Value::Object(object)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nested(open: &str, close: &str, levels: usize) -> String {
        format!("{}1{}", open.repeat(levels), close.repeat(levels))
    }

    #[test]
    fn depth_counts_arrays_and_objects_and_nothing_in_strings() {
        for (text, expected) in [
            ("", 0),
            ("1", 0),
            ("[]", 1),
            ("[[],{\"a\":[]}]", 3),
            (r#"["[[[", "\"[[", "\\"]"#, 1),
            (r#"{"[{\"": "\\\"[", "x": {}}"#, 2),
            ("]]]][", 1),
        ] {
            assert_eq!(depth(text), expected, "{text}");
        }
    }

    #[test]
    fn values_are_read_to_a_depth_and_refused_beyond_it_by_name() {
        for (open, close, each) in [("[", "]", 1), ("{\"a\":", "}", 1), ("[{\"\":", "}]", 2)] {
            for levels in [1, SHALLOW, SHALLOW + 1, MAX_DEPTH / each] {
                assert!(value(&nested(open, close, levels), "it").is_ok(), "{open} {levels}");
            }
            for levels in [MAX_DEPTH / each + 1, 127, 128, 100_000] {
                let error = value(&nested(open, close, levels), "it").expect_err("too deep");
                let told = format!("it is nested {} deep", levels * each);
                assert!(error.message().contains(&told), "{error}");
            }
            let open = open.repeat(20);
            assert!(value(&open, "it").expect_err("cut off").message().contains("it is not JSON"));
        }
    }
}
