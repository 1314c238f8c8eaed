//! What shows a stream's or queue's readiness to the operating system; knows no operating system.

/// Something that is readable, or signalled, exactly while events wait: an eventfd, a pipe, an Event.
///
/// `set` is called under a lock, often with the level that is shown already; it never blocks.
pub trait Level: Send + Sync {
    /// Shows whether there is something to read.
    fn set(&self, readable: bool);
}
