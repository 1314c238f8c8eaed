//! Model files: what a valid one says, what a malformed one is refused for, and how much memory either may
//! take.
#![cfg(feature = "testing")]

#[path = "../support/mod.rs"]
mod support;

mod change;
mod fuzz;
mod hostile;
mod huge;
mod memory;
mod read;
mod safetensors;
mod split;
mod together;

/// Counts for each thread by itself, so that tests stay apart.
#[global_allocator]
static ALLOCATOR: support::counting::Counting = support::counting::Counting;
