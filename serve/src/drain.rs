//! The way down: whether new work is taken, and who is told when it is not; one thread.

use smol::channel::{Receiver, Sender, bounded};
use std::cell::RefCell;

/// Whether the server is on its way down.
pub struct Drain {
    /// Gone once it is; then the other side is closed.
    open: RefCell<Option<Sender<()>>>,
    closed: Receiver<()>,
}

impl Default for Drain {
    fn default() -> Self {
        let (open, closed) = bounded(1);
        Self { open: RefCell::new(Some(open)), closed }
    }
}

impl Drain {
    /// From here on no new work is taken.
    pub fn begin(&self) {
        self.open.borrow_mut().take();
    }

    /// Whether it has begun.
    pub fn has_begun(&self) -> bool {
        self.open.borrow().is_none()
    }

    /// Comes when it begins.
    pub async fn begun(&self) {
        let _ = self.closed.recv().await;
    }
}
