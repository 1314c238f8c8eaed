//! Tokens, sequences and passes: a synchronous state machine over decoders; knows no thread, no consumer and
//! no C.

mod adapters;
mod admit;
mod chooser;
mod commit;
mod core;
mod costs;
mod drafts;
mod embedding;
mod embeddings;
mod errands;
mod facts;
mod gain;
mod generation;
mod guard;
mod limits;
mod lines;
mod lookup;
mod memory;
mod models;
mod pass;
mod pasts;
mod plan;
mod pool;
mod queue;
mod rate;
mod request;
mod saves;
mod session;
mod span;
mod warm;

pub use crate::chat::{
    Input, Overflow, TextDone, TextJob, TextsDone, TextsJob, ToolChoice, check_beside_system,
};
pub use adapters::{PendingAdapter, SessionAdapter};
pub use core::Engine;
pub use costs::Costs;
pub use embedding::EmbedRequest;
pub use facts::{EngineFacts, Place, Restored, SessionFacts};
pub use limits::{EngineLimits, Outcome};
pub use models::Runnable;
pub use pasts::{Answer, Arrival, Arriving, PastOrder};
pub use request::Request;
pub use saves::{SaveOrder, Saved, check_saved};
pub use session::{SessionOptions, check_context};
