//! Saves by themselves: what is written is read, and nothing else is.

#[path = "../support/mod.rs"]
mod support;

mod format;
mod fuzz;
