//! A stream's state machine, and what is asked of sessions beside the engine, under shuttle, which runs
//! through the schedules of its threads.
#![cfg(feature = "shuttle")]

#[path = "../support/mod.rs"]
mod support;

mod dispatch;
mod ends;
mod level;
mod queue;
mod reading;
mod session;
