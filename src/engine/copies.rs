//! Copies of what is sized by a host's input: refused by a code where the system has no memory, never by an abort.

use super::request::Input;
use crate::error::Result;
use crate::text::Message;

/// # Errors
/// `OutOfMemory`.
pub(super) fn input(input: &Input) -> Result<Input> {
    Ok(match input {
        Input::Continue => Input::Continue,
        Input::Text(given) => Input::Text(text(given)?),
        Input::Tokens(given) => Input::Tokens(tokens(given)?),
        Input::Messages(given) => Input::Messages(messages(given)?),
    })
}

/// # Errors
/// `OutOfMemory`.
pub(super) fn messages(given: &[Message]) -> Result<Vec<Message>> {
    let mut copies = Vec::new();
    copies.try_reserve_exact(given.len())?;
    for Message { role, content, extra } in given {
        copies.push(Message { role: text(role)?, content: text(content)?, extra: extra.clone() });
    }
    Ok(copies)
}

/// # Errors
/// `OutOfMemory`.
pub(super) fn tokens(given: &[u32]) -> Result<Vec<u32>> {
    let mut copy = Vec::new();
    copy.try_reserve_exact(given.len())?;
    copy.extend_from_slice(given);
    Ok(copy)
}

fn text(given: &str) -> Result<String> {
    let mut copy = String::new();
    copy.try_reserve_exact(given.len())?;
    copy.push_str(given);
    Ok(copy)
}
