//! What a rendering may cost, and what it has cost so far: work in fuel, memory in live bytes. Knows no
//! values.
//!
//! A unit of fuel is about one instruction, or 64 bytes that are copied or looked through: some 20 to 50 ns.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::error::{Error, ErrorKind, Result};

/// Bytes that a unit of fuel copies or looks through.
pub(super) const BYTES_PER_UNIT: usize = 64;

/// Fuel that any rendering has, however small its conversation: about 10 ms of work.
const BASE: u64 = 300_000;

/// Instructions for each byte of input: templates loop over letters.
const PER_BYTE: u64 = 64;

/// Instructions for each value of the input (message, field, tool, argument): templates write schemas out by
/// macros.
const PER_NODE: u64 = 500;

/// Instructions for each pair of messages: templates look back from every message.
const PER_PAIR: u64 = 48;

/// Instructions for each value of the input and each message, and bytes of input looked through for each
/// message.
const PER_NODE_AND_MESSAGE: u64 = 16;

/// Copies of a text that grows letter by letter: so many bytes for a unit, and the most units for it.
const BYTES_SQUARED_PER_UNIT: u64 = 96;
const MOST_FOR_GROWTH: u64 = 20_000_000;

/// The most fuel of all, whatever the conversation: half a minute.
const MOST: u64 = 1_000_000_000;

/// Bytes that any rendering may hold at a time.
const BASE_MEMORY: usize = 48 << 20;

/// Bytes that it may hold for each byte of input, and for each value of it.
const MEMORY_PER_BYTE: usize = 8;
const MEMORY_PER_NODE: usize = 256;

/// How large a rendering's input is.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct InputSize {
    /// Messages of the conversation.
    pub(super) messages: u64,
    /// Values: messages, fields, tools and all in them.
    pub(super) nodes: u64,
    /// Bytes of all strings.
    pub(super) bytes: u64,
}

/// Bytes held by the values of one rendering. They give back what they held when they are dropped.
#[derive(Debug)]
pub(super) struct Meter {
    live: AtomicUsize,
    limit: usize,
}

impl Meter {
    /// Counts `bytes` more.
    ///
    /// # Errors
    /// `Template` if that is more than the rendering may hold; nothing is counted then.
    pub(super) fn take(&self, bytes: usize) -> Result<()> {
        let before = self.live.fetch_add(bytes, Ordering::Relaxed);
        if before.saturating_add(bytes) <= self.limit {
            return Ok(());
        }
        self.live.fetch_sub(bytes, Ordering::Relaxed);
        Err(fault(format!(
            "its values and its text need more than {} MiB; a conversation of this size has no more",
            self.limit >> 20
        )))
    }

    /// Bytes that are held now.
    pub(super) fn live(&self) -> usize {
        self.live.load(Ordering::Relaxed)
    }

    /// Bytes that may be held beside them.
    pub(super) fn room(&self) -> usize {
        self.limit.saturating_sub(self.live())
    }

    pub(super) fn give(&self, bytes: usize) {
        self.live.fetch_sub(bytes, Ordering::Relaxed);
    }
}

/// The fuel left, and the meter.
#[derive(Debug)]
pub(super) struct Costs {
    left: u64,
    /// Fuel at the last rest.
    rested: u64,
    pub(super) meter: Arc<Meter>,
}

impl Costs {
    /// What the work on an input of this size may cost.
    pub(super) fn new(size: InputSize) -> Self {
        let InputSize { messages, nodes, bytes } = size;
        let fuel = [
            BASE,
            bytes.saturating_mul(PER_BYTE),
            nodes.saturating_mul(PER_NODE),
            messages.saturating_mul(messages).saturating_mul(PER_PAIR),
            messages.saturating_mul(nodes).saturating_mul(PER_NODE_AND_MESSAGE),
            messages.saturating_mul(bytes) / 4,
            (bytes.saturating_mul(bytes) / BYTES_SQUARED_PER_UNIT).min(MOST_FOR_GROWTH),
        ]
        .into_iter()
        .fold(0u64, u64::saturating_add)
        .min(MOST);
        let limit = (nodes as usize).saturating_mul(MEMORY_PER_NODE);
        let limit = (bytes as usize).saturating_mul(MEMORY_PER_BYTE).saturating_add(limit);
        let meter = Meter { live: AtomicUsize::new(0), limit: limit.saturating_add(BASE_MEMORY) };
        Self { left: fuel, rested: fuel, meter: Arc::new(meter) }
    }

    /// An empty list with room for `count` items, which are counted when it becomes a value.
    pub(super) fn room<T>(&self, count: usize) -> Result<Vec<T>> {
        let bytes = count.saturating_mul(size_of::<T>());
        self.meter.take(bytes)?;
        self.meter.give(bytes);
        let mut room = Vec::new();
        room.try_reserve_exact(count)?;
        Ok(room)
    }

    /// Pays for `units` of work that are about to be done.
    ///
    /// # Errors
    /// `Template` once the fuel is used up.
    #[inline]
    pub(super) fn spend(&mut self, units: usize) -> Result<()> {
        match self.left.checked_sub(units as u64) {
            Some(left) => {
                self.left = left;
                Ok(())
            }
            None => {
                self.left = 0;
                Err(out_of_fuel())
            }
        }
    }

    /// Pays for looking through, or copying, this many bytes.
    ///
    /// # Errors
    /// As [`spend`](Self::spend)'s.
    #[inline]
    pub(super) fn read(&mut self, bytes: usize) -> Result<()> {
        self.spend(bytes / BYTES_PER_UNIT)
    }

    /// Units spent since the last call.
    pub(super) fn since_rest(&mut self) -> usize {
        let spent = self.rested - self.left;
        self.rested = self.left;
        spent as usize
    }

    /// Whether `units` have been spent since the last rest.
    #[inline]
    pub(super) fn is_due(&self, units: u64) -> bool {
        self.rested - self.left >= units
    }
}

/// A fault of the template.
#[cold]
pub(super) fn fault(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Template, message.into())
}

#[cold]
fn out_of_fuel() -> Error {
    fault("out of fuel: this is more work than a conversation of its size explains")
}
