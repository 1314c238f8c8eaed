//! The machine: runs a template's instructions. Knows no grammar.

mod calls;
mod evaluate;
mod loops;
mod run;
mod scopes;
mod state;

pub(crate) use state::Machine;
