//! Encoding through the `tokenizers` crate, whose panics are errors. Knows no file.

use std::panic::{AssertUnwindSafe, catch_unwind};

use tokenizers::Tokenizer as HubTokenizer;

use crate::error::{Error, ErrorKind, Result};

/// The same tokenizer twice: one takes the texts of control tokens for these tokens, one does not.
#[derive(Debug)]
pub(super) struct Hub {
    pub(super) parsing: HubTokenizer,
    pub(super) plain: HubTokenizer,
    /// Ids that the model has.
    pub(super) count: usize,
}

impl Hub {
    /// Appends the ids of `text`, without BOS and EOS.
    pub(super) fn encode(&self, text: &str, parse_special: bool, out: &mut Vec<u32>) -> Result<()> {
        let tokenizer = if parse_special { &self.parsing } else { &self.plain };
        let encoded = guarded(|| tokenizer.encode_fast(text, false))
            .map_err(|e| Error::new(ErrorKind::Tokenizer, format!("the text cannot be tokenized: {e}")))?;
        if let Some(id) = encoded.get_ids().iter().find(|id| **id as usize >= self.count) {
            let message = format!("the text has token {id}, and the model {} tokens", self.count);
            return Err(Error::new(ErrorKind::Tokenizer, message));
        }
        out.extend_from_slice(encoded.get_ids());
        Ok(())
    }
}

/// Runs a call into the crate; its panics are errors. It changes nothing that is used after one.
pub(super) fn guarded<T>(call: impl FnOnce() -> tokenizers::Result<T>) -> tokenizers::Result<T> {
    catch_unwind(AssertUnwindSafe(call)).unwrap_or_else(|_| Err("the tokenizers library panicked".into()))
}
