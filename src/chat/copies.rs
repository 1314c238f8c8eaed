//! Copies of what is sized by a host's input: refused by a code where the system has no memory, never by an
//! abort.

use crate::error::Result;
use crate::text::Message;
use serde_json::{Map, Value};

/// The messages of all lists.
///
/// # Errors
/// `OutOfMemory`.
pub(crate) fn messages<const N: usize>(given: [&[Message]; N]) -> Result<Vec<Message>> {
    let mut copies = Vec::new();
    copies.try_reserve_exact(given.iter().map(|list| list.len()).sum())?;
    for Message { role, content, extra } in given.into_iter().flatten() {
        let extra = extra.as_ref().map(object).transpose()?;
        copies.push(Message { role: text(role)?, content: text(content)?, extra });
    }
    Ok(copies)
}

/// The tokens of both lists.
///
/// # Errors
/// `OutOfMemory`.
pub(crate) fn tokens(given: [&[u32]; 2]) -> Result<Vec<u32>> {
    let mut copy = Vec::new();
    copy.try_reserve_exact(given[0].len() + given[1].len())?;
    given.into_iter().for_each(|given| copy.extend_from_slice(given));
    Ok(copy)
}

/// # Errors
/// `OutOfMemory`.
pub(crate) fn text(given: &str) -> Result<String> {
    let mut copy = String::new();
    copy.try_reserve_exact(given.len())?;
    copy.push_str(given);
    Ok(copy)
}

/// The table of the keys itself is the library's, which cannot be refused memory. A loop: what collects takes
/// three times the stack for each level, which may be a host's.
fn object(given: &Map<String, Value>) -> Result<Map<String, Value>> {
    let mut copies = Map::new();
    for (key, item) in given {
        copies.insert(text(key)?, value(item)?);
    }
    Ok(copies)
}

fn value(given: &Value) -> Result<Value> {
    Ok(match given {
        Value::String(given) => Value::String(text(given)?),
        Value::Array(given) => {
            let mut copies = Vec::new();
            copies.try_reserve_exact(given.len())?;
            for item in given {
                copies.push(value(item)?);
            }
            Value::Array(copies)
        }
        Value::Object(given) => Value::Object(object(given)?),
        small => small.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_of_messages_is_the_same_with_all_their_fields() {
        let fields = serde_json::json!({
            "tool_calls": [{"name": "a", "arguments": {"x": [1, -2.5, null, true, "é", [], {}]}}],
            "content": null,
        });
        let extra = fields.as_object().cloned();
        let given = [
            Message { role: "tool".into(), content: String::new(), extra },
            Message { role: "user".into(), content: "Hi".into(), extra: None },
        ];
        assert_eq!(messages([&given[..1], &given[1..]]).unwrap(), given);
    }
}
