//! The public Rust API: a runtime with its executor and threads, models, sessions, streams; knows no C.

mod adapter;
mod asked;
mod core;
mod drive;
mod embed;
mod estimate;
mod facts;
mod handle;
#[cfg_attr(not(feature = "text"), allow(dead_code, reason = "only model files need it"))]
mod identity;
mod info;
mod job;
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
mod store;
mod stream;

pub use self::core::Stepped;
pub use crate::engine::{EmbedRequest, Input, Overflow, Request, SessionAdapter, SessionOptions, ToolChoice};
pub use crate::log::{Level, LogFn};
pub use crate::model::{AdapterAbout, KvType, PrefixCache};
pub use crate::stream::{
    Channel, Control, Delivery, Dispatched, End, EndReason, Event, EventKind, Next, Queue, QueueNext, Stats,
    Text, Vector,
};
pub use adapter::Adapter;
pub use estimate::Estimate;
pub use facts::ModelInfo;
pub use handle::Runtime;
pub use info::{RuntimeInfo, SessionInfo, SessionState};
pub use model::Model;
pub use options::{
    Backend, Loaded, Loader, Mode, ModelOptions, ModelSource, Reading, RuntimeOptions, ThreadFn,
};
pub use session::Session;
pub use store::{SavePlace, WriteAt};
pub use stream::Stream;
