//! A stream's state machine, call by call.
#![cfg(not(feature = "shuttle"))]

#[path = "../support/mod.rs"]
mod support;

mod close;
mod cost;
mod credit;
mod dispatch;
mod ends;
mod level;
mod notes;
mod properties;
mod queue;

/// Counts for each thread by itself, so that tests stay apart.
#[global_allocator]
static ALLOCATOR: support::counting::Counting = support::counting::Counting;
