//! Sequences, scheduling and batching: a synchronous state machine over decoders; knows no thread, no
//! consumer and no C.

mod admit;
mod conversation;
mod copies;
mod core;
mod costs;
mod facts;
mod generation;
mod id_by_id;
mod lines;
mod output;
mod pass;
mod past;
mod plan;
mod request;
mod room;
mod rows;
mod said;
mod session;
mod settle;
mod settling;
mod state;
mod text_job;

pub use conversation::{SessionOptions, check_beside_system, check_context};
pub use core::Outcome;
pub use costs::Costs;
pub use facts::{EngineFacts, Place, SessionFacts};
pub use request::{Input, Request};
pub use state::{Engine, EngineLimits};
pub use text_job::{TextDone, TextJob};
