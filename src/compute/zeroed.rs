//! Memory that begins at a cache line; knows not what lies there.

use crate::error::{Error, ErrorKind, Result};
use std::ops::{Deref, DerefMut};

/// Bytes of a cache line, and of the longest vector.
const LINE: usize = 64;

/// Zeros that begin at a cache line, so that a vector among them never lies across two.
///
/// The system hands them out page by page as they are written: taking many does not make a slice late.
pub(crate) struct Zeroed<T> {
    memory: Vec<T>,
    start: usize,
}

impl<T> Default for Zeroed<T> {
    /// None.
    fn default() -> Self {
        Self { memory: Vec::new(), start: 0 }
    }
}

impl<T: bytemuck::Zeroable> Zeroed<T> {
    /// `len` of them.
    ///
    /// # Errors
    /// `OutOfMemory`.
    pub(crate) fn new(len: usize) -> Result<Self> {
        let more = LINE / size_of::<T>();
        let mut memory: Vec<T> =
            bytemuck::allocation::try_zeroed_vec(len.saturating_add(more)).map_err(|()| {
                let bytes = len.saturating_mul(size_of::<T>());
                Error::new(
                    ErrorKind::OutOfMemory,
                    format!("the system refused {bytes} bytes for a pass; close sequences"),
                )
            })?;
        let start = memory.as_ptr().align_offset(LINE).min(more);
        memory.truncate(start + len);
        Ok(Self { memory, start })
    }
}

impl<T> Deref for Zeroed<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        self.memory.get(self.start..).unwrap_or(&[])
    }
}

impl<T> DerefMut for Zeroed<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        self.memory.get_mut(self.start..).unwrap_or(&mut [])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_as_many_as_asked_for_and_begin_at_a_cache_line() {
        for len in [0, 1, 31, 32, 1000, 1 << 20] {
            let mut zeroed = Zeroed::<u16>::new(len).expect("memory");
            assert_eq!((zeroed.len(), zeroed.as_ptr().addr() % LINE), (len, 0));
            assert!(zeroed.iter().all(|x| *x == 0));
            zeroed.fill(1);
        }
        assert!(Zeroed::<f32>::default().is_empty());
        let error = Zeroed::<f32>::new(usize::MAX / 8).err().expect("too much");
        assert_eq!(error.kind(), ErrorKind::OutOfMemory);
    }
}
