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
mod session;
mod settle;

pub use core::{Engine, EngineLimits, Outcome};
pub use facts::{EngineFacts, Place, SessionFacts};
pub use request::{Input, Request, TextDone, TextJob};
