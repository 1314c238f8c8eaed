//! How many of something are there now, and the moment when there is none; one thread.

use smol::channel::{Receiver, Sender, bounded};
use std::cell::Cell;
use std::rc::Rc;

/// Counts what holds one of its [`Counted`]. Cheap to clone.
#[derive(Clone)]
pub struct Count(Rc<Inner>);

struct Inner {
    count: Cell<usize>,
    /// Told, never waiting, whenever the count becomes 0.
    none: Sender<()>,
    told: Receiver<()>,
}

/// One of what is counted, until it is dropped.
pub struct Counted(Count);

impl Default for Count {
    fn default() -> Self {
        let (none, told) = bounded(1);
        Self(Rc::new(Inner { count: Cell::new(0), none, told }))
    }
}

impl Count {
    /// One more.
    pub fn enter(&self) -> Counted {
        self.0.count.set(self.0.count.get() + 1);
        Counted(self.clone())
    }

    /// One more, unless there are `limit` already.
    pub fn enter_below(&self, limit: usize) -> Option<Counted> {
        (self.get() < limit).then(|| self.enter())
    }

    /// How many there are.
    pub fn get(&self) -> usize {
        self.0.count.get()
    }

    /// Comes when there is none.
    pub async fn none(&self) {
        while self.get() > 0 {
            let _ = self.0.told.recv().await;
        }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let inner = &self.0.0;
        inner.count.set(inner.count.get() - 1);
        if inner.count.get() == 0 {
            let _ = inner.none.try_send(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_counts_what_is_held_and_tells_when_nothing_is() {
        let count = Count::default();
        let first = count.enter_below(1).expect("there is room for one");
        assert!(count.enter_below(1).is_none());
        let second = count.enter();
        drop(first);
        assert_eq!(count.get(), 1);
        smol::future::block_on(smol::future::zip(count.none(), async { drop(second) }));
        assert_eq!(count.get(), 0);
        // What was told before does not count for later.
        let third = count.enter();
        smol::future::block_on(smol::future::zip(count.none(), async { drop(third) }));
    }
}
