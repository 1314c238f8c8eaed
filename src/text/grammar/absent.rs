//! Grammars where texts are not built in: none can be followed.

use super::asked::Grammar;
use crate::budget::Budget;
use crate::error::{Error, ErrorKind, Result};
use crate::text::Vocab;
use crate::text::format::{Speech, Tools};
use std::sync::Arc;

/// A model's grammars.
#[derive(Default)]
pub struct Grammars;

/// There is none.
pub enum Bound {}

impl Grammars {
    /// None.
    pub fn new(_budget: Arc<Budget>) -> Self {
        Self
    }

    /// They take no memory.
    pub fn bytes(&self) -> u64 {
        0
    }

    /// There is nothing to forget.
    pub fn clear(&self) {}

    /// None can be followed.
    ///
    /// # Errors
    /// `Unsupported`.
    pub fn bind(&self, _grammar: &Grammar, _vocab: &Arc<dyn Vocab>) -> Result<Bound> {
        Err(Error::new(
            ErrorKind::Unsupported,
            "this build has no grammars: build it with the feature `text`",
        ))
    }

    /// None can be followed.
    ///
    /// # Errors
    /// `Unsupported`.
    pub fn bind_call(
        &self,
        _speech: &Speech,
        _tools: Tools<'_>,
        _only: Option<&str>,
        _vocab: &Arc<dyn Vocab>,
    ) -> Result<Bound> {
        Err(Error::new(
            ErrorKind::Unsupported,
            "this build cannot bind a call: build it with the feature `text`",
        ))
    }
}

impl Bound {
    /// There is none.
    ///
    /// # Errors
    /// None.
    pub fn begin(&mut self, _prefix: &str, _last: Option<u32>) -> Result<()> {
        match *self {}
    }

    /// There is none.
    pub fn set_may_end(&mut self, _may_end: bool) {
        match *self {}
    }

    /// There is none.
    ///
    /// # Errors
    /// None.
    pub fn mask(&mut self) -> Result<&[u32]> {
        match *self {}
    }

    /// There is none.
    pub fn forced(&self) -> &[u32] {
        match *self {}
    }

    /// There is none.
    ///
    /// # Errors
    /// None.
    pub fn accept(&mut self, _token: u32) -> Result<()> {
        match *self {}
    }

    /// There is none.
    pub fn has_begun(&self) -> bool {
        match *self {}
    }

    /// There is none.
    pub fn is_finished(&self) -> bool {
        match *self {}
    }

    /// There is none.
    ///
    /// # Errors
    /// None.
    pub fn check_finished(&self) -> Result<()> {
        match *self {}
    }

    /// There is none.
    ///
    /// # Errors
    /// None.
    pub fn check_call(&mut self, _call: &str) -> Result<()> {
        match *self {}
    }

    /// There is none.
    ///
    /// # Errors
    /// None.
    pub fn check_called(&self) -> Result<()> {
        match *self {}
    }
}
