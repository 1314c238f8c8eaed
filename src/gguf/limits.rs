//! How many bytes opening a model may take; knows not what they hold.

use crate::error::{Error, ErrorKind, Result};

/// What opening a model may take.
#[derive(Debug, Clone, Copy, Default)]
pub struct Limits {
    /// The most bytes to map, read or borrow, header and tensor data together; `None`: no limit.
    pub max_bytes: Option<u64>,
}

impl Limits {
    /// `OutOfMemory`, with both numbers, if `needed` bytes are over the limit.
    pub fn allow(&self, needed: u64) -> Result<()> {
        match self.max_bytes {
            Some(allowed) if needed > allowed => {
                let message = format!(
                    "needs {needed} bytes, the memory budget allows {allowed}; raise it or take a smaller model"
                );
                Err(Error::new(ErrorKind::OutOfMemory, message))
            }
            _ => Ok(()),
        }
    }
}
