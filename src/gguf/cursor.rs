//! A reading position in a header whose length is not known yet: takes bytes, checks first that the file can
//! have them. Knows the file's size and the budget; not what the bytes mean.

use super::source::ReadAt;
use super::{Limits, MAX_READ, invalid};
use crate::error::{Error, Result};
use crate::pause::Pauses;

/// The longest header, in bytes; the largest real ones (262,144 tokens) take 20 MiB.
const MAX_HEADER: u64 = 256 << 20;

/// Bytes fetched at first, and at least, each time the cursor runs out of them.
const MIN_FETCH: usize = 256 << 10;

/// Bytes that a source is asked for at once: between two reads a load can be stopped.
const PIECE: usize = 1 << 20;

/// What a key or a tensor counts for beside bytes of text.
const ENTRY_UNITS: usize = 16;

/// Strings that are checked between two pauses.
const TEXTS_AT_ONCE: u64 = 256;

pub(super) struct Cursor<'a, 'p> {
    source: &'a mut dyn ReadAt,
    /// Bytes of the whole file.
    size: u64,
    limits: &'a Limits,
    pauses: &'a mut Pauses<'p>,
    /// The file's first bytes, as far as they have been fetched.
    bytes: Vec<u8>,
    position: usize,
}

impl<'a, 'p> Cursor<'a, 'p> {
    pub(super) fn new(source: &'a mut dyn ReadAt, limits: &'a Limits, pauses: &'a mut Pauses<'p>) -> Self {
        let size = source.size();
        Self { source, size, limits, pauses, bytes: Vec::new(), position: 0 }
    }

    /// Bytes taken so far.
    pub(super) fn position(&self) -> usize {
        self.position
    }

    /// Bytes of the file after the position.
    pub(super) fn left(&self) -> u64 {
        self.size.saturating_sub(self.position as u64)
    }

    /// Takes `count` bytes; `what` names them in the error.
    pub(super) async fn take(&mut self, count: u64, what: &str) -> Result<&[u8]> {
        if count > self.left() {
            let left = self.left();
            return Err(self.fault(format!("{what} needs {count} bytes, the file has {left} left")));
        }
        let end = self.position as u64 + count;
        if end > self.bytes.len() as u64 {
            self.fetch(end).await?;
        }
        let start = self.position;
        self.position = end as usize;
        self.bytes
            .get(start..self.position)
            .ok_or_else(|| invalid(format!("byte {start}: {what} is missing")))
    }

    pub(super) async fn u8(&mut self, what: &str) -> Result<u8> {
        Ok(u8::from_le_bytes(self.array(what).await?))
    }

    pub(super) async fn u32(&mut self, what: &str) -> Result<u32> {
        Ok(u32::from_le_bytes(self.array(what).await?))
    }

    pub(super) async fn u64(&mut self, what: &str) -> Result<u64> {
        Ok(u64::from_le_bytes(self.array(what).await?))
    }

    /// A string: its length in 64 bits, then UTF-8.
    pub(super) async fn text(&mut self, what: &str) -> Result<&str> {
        let len = self.u64(what).await?;
        self.utf8(len, what).await
    }

    /// A string of 1 to `most` bytes; nothing is fetched for another.
    pub(super) async fn name(&mut self, what: &str, most: u64) -> Result<&str> {
        let len = self.u64(what).await?;
        if !(1..=most).contains(&len) {
            return Err(self.fault(format!("{what} of {len} bytes; 1 to {most} are possible")));
        }
        self.utf8(len, what).await
    }

    async fn utf8(&mut self, len: u64, what: &str) -> Result<&str> {
        let start = self.position;
        let bytes = self.take(len, what).await?;
        std::str::from_utf8(bytes).map_err(|e| {
            let at = start + e.valid_up_to();
            invalid(format!("byte {at}: {what} is not UTF-8"))
        })
    }

    /// Takes `count` strings, and checks that they are UTF-8.
    pub(super) async fn texts(&mut self, count: u64) -> Result<()> {
        let mut left = count;
        while left > 0 {
            let fetched = self.bytes.get(self.position..).unwrap_or_default();
            let (strings, bytes) = whole_texts(fetched, left.min(TEXTS_AT_ONCE));
            self.position += bytes;
            left -= strings;
            self.pauses.after(bytes).await?;
            if left > 0 && strings < TEXTS_AT_ONCE {
                self.text("a string").await?; // It is cut by the end of what has been fetched, or it is at fault.
                left -= 1;
            }
        }
        Ok(())
    }

    /// `entries` of the header have been read.
    pub(super) async fn pause_after(&mut self, entries: usize) -> Result<()> {
        self.pauses.after(entries * ENTRY_UNITS).await
    }

    /// An error that names the position.
    pub(super) fn fault(&self, message: String) -> Error {
        invalid(format!("byte {}: {message}", self.position))
    }

    /// The file's first `len` bytes, which have been taken.
    pub(super) fn into_bytes(mut self, len: usize) -> Vec<u8> {
        self.bytes.truncate(len);
        self.bytes
    }

    async fn array<const N: usize>(&mut self, what: &str) -> Result<[u8; N]> {
        let bytes = self.take(N as u64, what).await?;
        let mut array = [0; N];
        array.copy_from_slice(bytes); // `take` gives as many as it is asked for.
        Ok(array)
    }

    /// Reads until the first `end` bytes, which the file has, are here.
    async fn fetch(&mut self, end: u64) -> Result<()> {
        if end > MAX_HEADER {
            return Err(self.fault(format!("the header is longer than {MAX_HEADER} bytes")));
        }
        self.limits.allow(end)?;
        while (self.bytes.len() as u64) < end {
            let start = self.bytes.len();
            // A quarter more each time: few reads, and never much more memory than the header has bytes.
            let want = (start / 4).clamp(MIN_FETCH, MAX_READ) as u64;
            let more = want.min(self.size - start as u64) as usize;
            self.bytes.try_reserve_exact(more)?;
            self.fetch_more(start + more).await?;
        }
        Ok(())
    }

    /// Reads on until `end` bytes are here, for which there is room.
    async fn fetch_more(&mut self, end: usize) -> Result<()> {
        while self.bytes.len() < end {
            // Nobody knows how long a read takes: not begun if it is not wanted any more.
            self.pauses.look_up().await?;
            let start = self.bytes.len();
            self.bytes.resize(end.min(start + PIECE), 0);
            let (_, fresh) = self.bytes.split_at_mut(start);
            self.source.read_at(start as u64, fresh)?;
        }
        Ok(())
    }
}

/// How many strings, at most `limit`, lie whole and valid at the front of `bytes`; and how many bytes they
/// take.
fn whole_texts(bytes: &[u8], limit: u64) -> (u64, usize) {
    let mut rest = bytes;
    for count in 0..limit {
        let text = rest
            .split_first_chunk()
            .and_then(|(len, tail)| tail.split_at_checked(usize::try_from(u64::from_le_bytes(*len)).ok()?));
        match text {
            Some((text, tail)) if std::str::from_utf8(text).is_ok() => rest = tail,
            _ => return (count, bytes.len() - rest.len()),
        }
    }
    (limit, bytes.len() - rest.len())
}
