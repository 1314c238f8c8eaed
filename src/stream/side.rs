//! Notes and progress of a stream: merged by its reader, bounded, never in the way of its text or its end.

use std::collections::VecDeque;
use std::time::Duration;

/// Unread notes that a stream keeps; the oldest goes first.
pub const MAX_NOTES: usize = 1024;
/// Bytes of unread notes that a stream keeps, the newest note aside.
pub const MAX_NOTE_BYTES: usize = 1 << 20;

/// Something that happened, before it has its place in the order of delivery.
#[derive(Debug)]
pub(super) struct Stamped<T> {
    /// The order of production over everything that the stream carries.
    pub(super) stamp: u64,
    /// Since the stream was started.
    pub(super) time: Duration,
    pub(super) what: T,
}

/// What waits beside the channel.
#[derive(Debug, Default)]
pub(super) struct Side {
    notes: VecDeque<Stamped<String>>,
    bytes: usize,
    /// Only the newest progress counts.
    progress: Option<Stamped<(u64, u64)>>,
}

/// The earliest of what waits beside the channel.
pub(super) enum Aside {
    Note(Stamped<String>),
    Progress(Stamped<(u64, u64)>),
}

impl Side {
    /// Keeps `note`, and says how many older ones went for it.
    pub(super) fn push_note(&mut self, note: Stamped<String>) -> u64 {
        let mut dropped = 0;
        self.bytes += note.what.len();
        self.notes.push_back(note);
        while self.notes.len() > MAX_NOTES || (self.bytes > MAX_NOTE_BYTES && self.notes.len() > 1) {
            self.pop_note();
            dropped += 1;
        }
        dropped
    }

    pub(super) fn set_progress(&mut self, progress: Stamped<(u64, u64)>) {
        self.progress = Some(progress);
    }

    fn pop_note(&mut self) -> Option<Stamped<String>> {
        let note = self.notes.pop_front()?;
        self.bytes -= note.what.len();
        Some(note)
    }

    /// The stamp of what [`Side::pop`] would give.
    pub(super) fn first(&self) -> Option<u64> {
        let note = self.notes.front().map(|note| note.stamp);
        let progress = self.progress.as_ref().map(|progress| progress.stamp);
        note.into_iter().chain(progress).min()
    }

    pub(super) fn pop(&mut self) -> Option<Aside> {
        let first = self.first()?;
        if self.progress.as_ref().is_some_and(|progress| progress.stamp == first) {
            return self.progress.take().map(Aside::Progress);
        }
        self.pop_note().map(Aside::Note)
    }

    /// Side events that wait.
    pub(super) fn len(&self) -> usize {
        self.notes.len() + usize::from(self.progress.is_some())
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(stamp: u64, text: &str) -> Stamped<String> {
        Stamped { stamp, time: Duration::ZERO, what: text.to_owned() }
    }

    #[test]
    fn the_oldest_notes_go_first_and_are_counted() {
        let mut side = Side::default();
        let dropped: u64 = (0..MAX_NOTES as u64 + 7).map(|stamp| side.push_note(note(stamp, "n"))).sum();
        assert_eq!(dropped, 7);
        assert_eq!(side.first(), Some(7));
    }

    #[test]
    fn bytes_are_bounded_but_the_newest_note_stays() {
        let mut side = Side::default();
        assert_eq!(side.push_note(note(0, "small")), 0);
        let dropped = side.push_note(note(1, &"x".repeat(MAX_NOTE_BYTES + 1)));
        assert_eq!((dropped, side.first()), (1, Some(1)));
    }

    #[test]
    fn progress_and_notes_come_in_the_order_of_production() {
        let mut side = Side::default();
        side.push_note(note(1, "a"));
        side.set_progress(Stamped { stamp: 0, time: Duration::ZERO, what: (1, 9) });
        side.set_progress(Stamped { stamp: 2, time: Duration::ZERO, what: (2, 9) });
        assert!(matches!(side.pop(), Some(Aside::Note(_))));
        assert!(matches!(side.pop(), Some(Aside::Progress(progress)) if progress.what == (2, 9)));
        assert!(side.pop().is_none());
    }
}
