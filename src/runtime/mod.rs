//! The public Rust API: a runtime with its executor and threads, models, sessions, streams; knows no C.

mod core;
mod drive;
mod facts;
mod handle;
mod info;
mod lane;
mod links;
mod load;
mod model;
mod names;
mod options;
mod owner;
mod pace;
mod resources;
mod session;
mod stream;

pub use self::core::Stepped;
pub use crate::engine::{Input, Request, SessionOptions};
pub use crate::log::{Level, LogFn};
pub use crate::stream::{
    Channel, Control, Delivery, Dispatched, End, EndReason, Event, EventKind, Next, Queue, QueueNext, Stats,
    Text,
};
pub use handle::Runtime;
pub use model::Model;
pub use options::{
    Backend, Loaded, Loader, Mode, ModelOptions, ModelSource, Reading, RuntimeOptions, ThreadFn,
};
pub use session::Session;
pub use stream::Stream;
