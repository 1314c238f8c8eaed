//! What a session held when it last rested, for whoever asks without waiting for the engine; knows no
//! session.

use super::copies;
use crate::error::{Error, ErrorKind, Result};
use crate::sync::{Mutex, lock};
use crate::text::Message;
use std::sync::Arc;

/// Messages and tokens of one moment at which no generation was under way.
#[derive(Debug, Default)]
struct Past {
    /// The session's own message.
    system: Option<Message>,
    messages: Vec<Message>,
    tokens: Vec<u32>,
    /// There was no memory to keep all of it.
    lost: bool,
}

/// Written by the engine when a session rests, read by its handles.
#[derive(Debug, Default)]
pub(crate) struct Record(Mutex<Arc<Past>>);

impl Record {
    /// Keeps what the session holds. Copied is what differs from the last time; all of it only while somebody
    /// reads.
    pub(crate) fn keep(&self, system: Option<&Message>, messages: &[Message], tokens: &[u32]) {
        let mut kept = lock(&self.0);
        if kept.is(system, messages, tokens) {
            return;
        }
        if Arc::get_mut(&mut kept).is_none() {
            *kept = Arc::default();
        }
        if let Some(past) = Arc::get_mut(&mut kept) {
            past.lost = past.keep(system, messages, tokens).is_err();
        }
    }

    /// One that begins with the same.
    pub(crate) fn twin(&self) -> Self {
        Self(Mutex::new(lock(&self.0).clone()))
    }

    /// Forgets all but the session's own message.
    pub(crate) fn clear(&self) {
        let system = lock(&self.0).system.clone();
        self.keep(system.as_ref(), &[], &[]);
    }

    /// The messages, the session's own first. `cleared`: as a clear leaves them, which the engine may not
    /// have heard of.
    ///
    /// # Errors
    /// `OutOfMemory`.
    pub(crate) fn messages(&self, cleared: bool) -> Result<Vec<Message>> {
        let past = self.read()?;
        copies::messages([past.system.as_slice(), if cleared { &[] } else { &past.messages }])
    }

    /// The tokens.
    ///
    /// # Errors
    /// `OutOfMemory`.
    pub(crate) fn tokens(&self) -> Result<Vec<u32>> {
        copies::tokens([&self.read()?.tokens, &[]])
    }

    fn read(&self) -> Result<Arc<Past>> {
        let past = lock(&self.0).clone();
        match past.lost {
            true => {
                Err(Error::new(ErrorKind::OutOfMemory, "there was no memory to keep what the session held"))
            }
            false => Ok(past),
        }
    }
}

impl Past {
    fn is(&self, system: Option<&Message>, messages: &[Message], tokens: &[u32]) -> bool {
        !self.lost && self.tokens == tokens && self.messages == messages && self.system.as_ref() == system
    }

    fn keep(&mut self, system: Option<&Message>, messages: &[Message], tokens: &[u32]) -> Result<()> {
        if self.system.as_ref() != system {
            self.system = copies::messages([system.map_or(&[], std::slice::from_ref), &[]])?.pop();
        }
        let same = self.messages.iter().zip(messages).take_while(|(old, new)| old == new).count();
        self.messages.truncate(same);
        self.messages.append(&mut copies::messages([&messages[same..], &[]])?);
        let same = self.tokens.iter().zip(tokens).take_while(|(old, new)| old == new).count();
        self.tokens.truncate(same);
        self.tokens.try_reserve(tokens.len() - same)?;
        self.tokens.extend_from_slice(&tokens[same..]);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(role: &str, content: &str) -> Message {
        Message { role: role.into(), content: content.into(), extra: None }
    }

    #[test]
    fn what_is_read_is_what_was_kept_last_also_while_somebody_reads() {
        let record = Record::default();
        let (system, other) = (said("system", "s"), said("system", "t"));
        let messages = [said("user", "a"), said("assistant", "b"), said("user", "c")];
        record.keep(Some(&system), &messages, &[1, 2, 3]);
        let reader = record.read().unwrap();
        record.keep(Some(&other), &[messages[0].clone(), said("assistant", "x")], &[1, 9]);
        assert_eq!((reader.tokens.as_slice(), reader.messages.len()), (&[1, 2, 3][..], 3));
        drop(reader);
        assert_eq!(record.tokens().unwrap(), [1, 9]);
        let expected = [other.clone(), messages[0].clone(), said("assistant", "x")];
        assert_eq!(record.messages(false).unwrap(), expected);
        assert_eq!(record.messages(true).unwrap(), [other]);
        record.keep(None, &messages, &[]);
        assert_eq!(record.messages(false).unwrap(), messages);
        assert_eq!(record.tokens().unwrap(), [0u32; 0]);
    }
}
