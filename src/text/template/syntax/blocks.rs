//! What is kept of a block until it is closed. Knows instructions, no tokens.

use crate::text::template::program::Op;
use crate::text::template::values::Signature;

/// A block that is not closed yet.
pub(super) struct Block {
    /// What closes it.
    pub(super) end: &'static str,
    pub(super) kind: Kind,
}

/// What has to be known where a block ends.
pub(super) enum Kind {
    /// The jump over the branch that is being read, if it has a condition; jumps from the ends of the others.
    If {
        condition: Option<usize>,
        ends: Vec<usize>,
    },
    For(For),
    /// Behind a loop's `else`: the jump over it, whether the loop is recursive.
    ForElse {
        over: usize,
        recursive: bool,
    },
    /// A scope: `with`, `generation`, `block`, `autoescape`.
    Scope,
    /// What is to be done with the captured text.
    Capture(Vec<(Op, u32)>),
    /// Where the macro's instruction is, and its signature; for `call`, the call.
    Macro {
        at: usize,
        signature: Signature,
        call: Option<(Op, u32)>,
    },
}

/// A loop whose body is being read.
pub(super) struct For {
    /// Where its body's code begins.
    pub(super) body: usize,
    /// How an item is stored.
    pub(super) targets: Vec<(Op, u32)>,
    /// Which items are chosen.
    pub(super) condition: Vec<(Op, u32)>,
    pub(super) recursive: bool,
    pub(super) breaks: Vec<usize>,
    pub(super) continues: Vec<usize>,
}
