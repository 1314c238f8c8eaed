//! The process-wide table behind the handles: 64-bit ids to objects, salted, reused by generation; knows no
//! kind of object.

use super::fork::{self, PerProcess};
use crate::error::{Error, ErrorKind, Result};
use crate::sync::{Mutex, lock};
use std::any::Any;
use std::sync::Arc;

/// Anything with a handle.
pub(in crate::ffi) type Object = Arc<dyn Any + Send + Sync>;

const INDEX_BITS: u32 = 24;
const GENERATION_BITS: u32 = 28;
const EPOCH_BITS: u32 = 12;
const MAX_GENERATION: u32 = (1 << GENERATION_BITS) - 1;

/// A process and its table.
type Process = fork::Process<Mutex<Table>>;

static TABLE: PerProcess<Mutex<Table>> = PerProcess::new();

/// This process's table.
fn process() -> &'static Process {
    TABLE.get()
}

/// How many forks lie between this process and the first.
pub(in crate::ffi) fn epoch() -> u64 {
    process().epoch
}

/// The slots of one process.
#[derive(Default)]
struct Table {
    slots: Vec<Slot>,
    free: Vec<u32>,
}

struct Slot {
    /// Changes with every use, so that an old id is known as stale.
    generation: u32,
    /// The runtime that the object goes with; 0: it stays until it is closed.
    owner: u64,
    content: Content,
}

enum Content {
    Free,
    /// The id is given away, the object comes.
    Reserved,
    Live(Object),
}

/// An id that was given away before its object is there. Dropped, it removes whatever is there by then.
pub(in crate::ffi) struct Reservation(u64);

impl Reservation {
    /// An id for an object that stays until it is removed.
    ///
    /// # Errors
    /// `OutOfMemory` if the table cannot grow.
    pub(in crate::ffi) fn new() -> Result<Self> {
        let process = process();
        let mut table = lock(&process.value);
        let index = table.vacant()?;
        Ok(Self(table.put(process, index, 0, Content::Reserved)))
    }

    /// The id.
    pub(in crate::ffi) fn id(&self) -> u64 {
        self.0
    }

    /// Leaves the id in the table.
    pub(in crate::ffi) fn keep(self) -> u64 {
        let id = self.0;
        std::mem::forget(self);
        id
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        // The object may have been dropped by its handle before.
        let _ = take(self.0, |_| true);
    }
}

/// Puts the object in its place; dropped if the place is gone.
pub(in crate::ffi) fn fill(id: u64, object: Object) {
    let process = process();
    let mut table = lock(&process.value);
    if let Ok(slot) = table.slot(process, id)
        && matches!(slot.content, Content::Reserved)
    {
        slot.content = Content::Live(object);
    }
}

/// A handle for `object`, which goes with the runtime `owner`.
///
/// # Errors
/// `StaleHandle` if the runtime was shut down; `OutOfMemory` if the table cannot grow.
pub(in crate::ffi) fn insert(owner: u64, object: Object) -> Result<u64> {
    let process = process();
    let mut table = lock(&process.value);
    table.slot(process, owner)?;
    // The object goes in only now: refused, it is dropped when nobody holds the table any more.
    let index = table.vacant()?;
    Ok(table.put(process, index, owner, Content::Live(object)))
}

/// The object behind a handle.
///
/// # Errors
/// `StaleHandle` if it was closed, never was, or is of another kind; `Forked` if it is the parent process's.
pub(in crate::ffi) fn get<T: Any + Send + Sync>(id: u64) -> Result<Arc<T>> {
    let process = process();
    let mut table = lock(&process.value);
    match &table.slot(process, id)?.content {
        Content::Live(object) => object.clone().downcast().map_err(|_| stale()),
        Content::Free | Content::Reserved => Err(stale()),
    }
}

/// Takes the object out: the handle is stale from here on.
///
/// # Errors
/// As [`get`].
pub(in crate::ffi) fn remove<T: Any + Send + Sync>(id: u64) -> Result<Arc<T>> {
    take(id, |object| object.is::<T>())?.downcast().map_err(|_| stale())
}

/// Takes out all that goes with a runtime.
pub(in crate::ffi) fn remove_owned(owner: u64) -> Vec<Object> {
    let process = process();
    let mut table = lock(&process.value);
    let owned = |slot: &Slot| slot.owner == owner && matches!(slot.content, Content::Live(_));
    let indices: Vec<usize> = (0..table.slots.len()).filter(|index| owned(&table.slots[*index])).collect();
    indices.into_iter().filter_map(|index| table.empty(index)).collect()
}

/// Lets a stale handle wait until what came with the call is taken, so that it is dropped; but not in a
/// forked child, where nothing is.
pub(in crate::ffi) fn unforked<T>(object: Result<T>) -> Result<Result<T>> {
    match object {
        Err(error) if error.kind() == ErrorKind::Forked => Err(error),
        other => Ok(other),
    }
}

fn take(id: u64, wanted: impl FnOnce(&Object) -> bool) -> Result<Object> {
    let process = process();
    let mut table = lock(&process.value);
    match &table.slot(process, id)?.content {
        Content::Live(object) if !wanted(object) => return Err(stale()),
        _ => {}
    }
    table.empty(index_of(process, id)).ok_or_else(stale)
}

impl Table {
    /// The index of a slot for [`Table::put`].
    fn vacant(&mut self) -> Result<usize> {
        match self.free.pop() {
            Some(index) => Ok(index as usize),
            None => self.grow(),
        }
    }

    /// Fills a slot that was vacant; its id.
    fn put(&mut self, process: &Process, index: usize, owner: u64, content: Content) -> u64 {
        let slot = &mut self.slots[index];
        slot.owner = owner;
        slot.content = content;
        match encode(process, index, slot.generation) {
            // That is no handle.
            0 => {
                slot.generation += 1;
                encode(process, index, slot.generation)
            }
            id => id,
        }
    }

    fn grow(&mut self) -> Result<usize> {
        let index = self.slots.len();
        if index >= 1 << INDEX_BITS {
            let why = "16,777,216 handles are open; close those that are not needed";
            return Err(Error::new(ErrorKind::OutOfMemory, why));
        }
        self.slots.try_reserve(1)?;
        // So that giving a slot back never allocates.
        self.free.try_reserve(index + 1 - self.free.len())?;
        self.slots.push(Slot { generation: 0, owner: 0, content: Content::Free });
        Ok(index)
    }

    /// The slot that `id` means.
    fn slot(&mut self, process: &Process, id: u64) -> Result<&mut Slot> {
        if id == 0 {
            return Err(stale());
        }
        let plain = id ^ process.salt;
        let epoch = plain >> (INDEX_BITS + GENERATION_BITS);
        let own = process.epoch % (1 << EPOCH_BITS);
        if epoch != own {
            return Err(if epoch < own { forked() } else { stale() });
        }
        let generation = (plain >> INDEX_BITS) as u32 & MAX_GENERATION;
        let slot = self.slots.get_mut(index_of(process, id)).ok_or_else(stale)?;
        if slot.generation != generation || matches!(slot.content, Content::Free) {
            return Err(stale());
        }
        Ok(slot)
    }

    /// Takes out what is in a slot, and gives the slot back unless its generations are used up.
    fn empty(&mut self, index: usize) -> Option<Object> {
        let slot = self.slots.get_mut(index)?;
        let content = std::mem::replace(&mut slot.content, Content::Free);
        if slot.generation < MAX_GENERATION - 1 {
            slot.generation += 1;
            self.free.push(index as u32);
        }
        match content {
            Content::Live(object) => Some(object),
            Content::Free | Content::Reserved => None,
        }
    }
}

fn encode(process: &Process, index: usize, generation: u32) -> u64 {
    let epoch = process.epoch % (1 << EPOCH_BITS);
    let plain = epoch << (INDEX_BITS + GENERATION_BITS) | u64::from(generation) << INDEX_BITS | index as u64;
    plain ^ process.salt
}

fn index_of(process: &Process, id: u64) -> usize {
    ((id ^ process.salt) & ((1 << INDEX_BITS) - 1)) as usize
}

fn stale() -> Error {
    Error::new(
        ErrorKind::StaleHandle,
        "the handle is none, closed, of another kind, or its runtime is shut down",
    )
}

fn forked() -> Error {
    let why =
        "the handle belongs to the process that this one was forked from; make a runtime of its own here";
    Error::new(ErrorKind::Forked, why)
}
