//! One check of `wick selftest`; knows not what is checked.

use wick::{Error, ErrorKind, Result};

/// One check: what holds, and how that is seen.
pub struct Check {
    pub name: &'static str,
    pub holds: Box<dyn FnOnce() -> Result<()>>,
}

impl Check {
    pub fn new(name: &'static str, holds: impl FnOnce() -> Result<()> + 'static) -> Self {
        Self { name, holds: Box::new(holds) }
    }
}

/// An error unless `holds`.
pub fn expect(holds: bool, what: impl FnOnce() -> String) -> Result<()> {
    if holds { Ok(()) } else { Err(Error::new(ErrorKind::Internal, what())) }
}
