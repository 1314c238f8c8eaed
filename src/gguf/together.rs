//! One file read by several threads, a piece at a time each. Knows positions; not what the bytes mean.

use super::source::FileRange;
use crate::compute::ThreadOptions;
use crate::compute::thread::{Life, start_in};
use crate::error::Result;
use std::iter::Enumerate;
use std::slice::ChunksMut;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::thread::scope;

/// Bytes that a thread reads before it takes the next ones: a millisecond or two, in which a load that was
/// cancelled goes on.
const PIECE: usize = 4 << 20;

/// Threads that read a file together. They are started for one file, and joined before its reading is over.
#[derive(Clone)]
pub struct Readers {
    /// How many, the caller's among them. One that the system refuses is no error: the others read on.
    pub threads: usize,
    /// Those beside the caller's are called `{name}-1`, `{name}-2`, …
    pub name: String,
    /// What each of these has of the host.
    pub life: ThreadOptions,
}

/// What the threads share.
struct Work<'a> {
    range: &'a FileRange,
    /// Where in the range the memory's first byte comes from.
    from: u64,
    /// Those that nobody has taken yet, in order.
    pieces: Mutex<Enumerate<ChunksMut<'a, u8>>>,
    /// Bytes that are there.
    done: AtomicUsize,
    /// Nobody takes another piece.
    stopped: AtomicBool,
    /// The first in the file of what went wrong.
    fault: Mutex<Option<(usize, crate::error::Error)>>,
}

/// Fills `memory` with the bytes from `from` on. `progress` gets the bytes that are there, ever more, on the
/// caller's thread, and stops the reading by an error.
///
/// # Errors
/// `Io`; and `progress`'s, as it is.
pub(super) fn read(
    range: &FileRange,
    from: u64,
    memory: &mut [u8],
    readers: &Readers,
    progress: &mut dyn FnMut(usize) -> Result<()>,
) -> Result<()> {
    let helpers = readers.threads.min(memory.len().div_ceil(PIECE)).saturating_sub(1);
    let work = Work {
        range,
        from,
        pieces: Mutex::new(memory.chunks_mut(PIECE).enumerate()),
        done: AtomicUsize::new(0),
        stopped: AtomicBool::new(false),
        fault: Mutex::new(None),
    };
    scope(|scope| {
        // Also if `progress` panics: else the helpers would read the file to its end first.
        let stop = Stop(&work);
        let start = |number: usize| {
            let name = format!("{}-{number}", readers.name);
            start_in(scope, name, &readers.life, |life| work.help(life)).ok()
        };
        let helpers: Vec<_> = (1..=helpers).map_while(start).collect();
        let mut own = Ok(());
        while own.is_ok() && work.read_piece() {
            own = progress(work.done.load(Ordering::Relaxed));
        }
        if own.is_err() {
            drop(stop);
        }
        // A scope waits for closures only; these wait until the threads are gone.
        helpers.into_iter().for_each(|helper| drop(helper.join()));
        own
    })?;
    match held(&work.fault).take() {
        Some((_, error)) => Err(error),
        None => progress(work.done.load(Ordering::Relaxed)),
    }
}

impl Work<'_> {
    /// All that a helping thread does.
    fn help(&self, _life: Life) {
        while self.read_piece() {}
    }

    /// Reads the next piece; false: none is left, or there is no point in it any more.
    fn read_piece(&self) -> bool {
        if self.stopped.load(Ordering::Relaxed) {
            return false;
        }
        let Some((index, piece)) = held(&self.pieces).next() else { return false };
        match self.range.read_at(self.from.saturating_add((index * PIECE) as u64), piece) {
            Ok(()) => {
                self.done.fetch_add(piece.len(), Ordering::Relaxed);
                true
            }
            Err(error) => {
                self.stopped.store(true, Ordering::Relaxed);
                let mut fault = held(&self.fault);
                if fault.as_ref().is_none_or(|(first, _)| index < *first) {
                    *fault = Some((index, error));
                }
                false
            }
        }
    }
}

/// Stops the work when it is dropped.
struct Stop<'a, 'b>(&'a Work<'b>);

impl Drop for Stop<'_, '_> {
    fn drop(&mut self) {
        self.0.stopped.store(true, Ordering::Relaxed);
    }
}

/// Poisoned or not: what is behind these locks is valid at every step.
fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}
