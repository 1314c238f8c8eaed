//! The names of threads that others than the runtime's lanes start for it: they compute, or read files. Knows
//! no thread but the one that it runs on.

use super::ThreadFn;
use crate::sync::{Mutex, lock};
use std::sync::Arc;

/// Names of the threads that run.
#[derive(Default)]
pub(super) struct Names(Mutex<Vec<Arc<str>>>);

impl Names {
    /// The names.
    pub(super) fn present(&self) -> Vec<Arc<str>> {
        lock(&self.0).clone()
    }

    /// What such a thread calls first and last: its name is known between, and `hook` is called.
    pub(super) fn watch(self: &Arc<Self>, hook: Option<ThreadFn>) -> ThreadFn {
        let names = self.clone();
        Arc::new(move |start| {
            let thread = std::thread::current();
            let name = thread.name().unwrap_or("unnamed");
            if start {
                lock(&names.0).push(name.into());
            }
            hook.iter().for_each(|hook| hook(start));
            if !start {
                let mut names = lock(&names.0);
                if let Some(index) = names.iter().position(|one| **one == *name) {
                    names.swap_remove(index);
                }
            }
        })
    }
}
