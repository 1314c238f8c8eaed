//! What is learned of one model's template, kept for all its conversations. Knows no session.

use super::derive::derive;
use super::speech::Speech;
use crate::error::Result;
use crate::pause::Pauses;
use crate::sync::{Mutex, lock};
use crate::text::vocab::Vocab;
use std::sync::Arc;

/// How one model speaks, once somebody has asked. Any thread; two who ask first both find out.
#[derive(Default)]
pub struct Learned(Mutex<Option<Arc<Speech>>>);

impl Learned {
    /// How the model of `vocab`, always the same, speaks. The first time it renders some short conversations.
    ///
    /// # Errors
    /// As [`Vocab::encode`]; what stops `pauses`.
    pub async fn speech(&self, vocab: &dyn Vocab, pauses: &mut Pauses<'_>) -> Result<Arc<Speech>> {
        if let Some(known) = &*lock(&self.0) {
            return Ok(known.clone());
        }
        let format = derive(vocab, pauses).await?;
        let speech = Arc::new(Speech::new(format, vocab)?);
        *lock(&self.0) = Some(speech.clone());
        Ok(speech)
    }
}

impl std::fmt::Debug for Learned {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Learned").finish_non_exhaustive()
    }
}
