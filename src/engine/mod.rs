//! Sequences, scheduling and batching: a synchronous state machine over decoders; knows no thread, no consumer and no C.

mod admit;
mod copies;
mod core;
mod facts;
mod generation;
mod output;
mod pass;
mod request;
mod room;
mod rows;
mod session;
mod settle;
mod settling;
mod state;

pub use core::Outcome;
pub use facts::{EngineFacts, Place, SessionFacts};
pub use request::{Input, Request, TextDone, TextJob};
pub use state::{Engine, EngineLimits};
