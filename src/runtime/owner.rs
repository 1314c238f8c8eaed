//! What the handles of a runtime hold in common: the last of them shuts it down.

use super::core::Core;
use std::sync::Arc;

/// Shuts the runtime down when the last handle goes.
pub(super) struct Owner {
    pub(super) core: Arc<Core>,
}

impl Drop for Owner {
    fn drop(&mut self) {
        if self.core.is_own_thread() {
            self.core.abandon();
        } else {
            self.core.shut_down(None);
        }
    }
}
