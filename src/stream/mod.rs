//! Events from one producer to one consumer, ended exactly once, whatever happens; knows neither who produces
//! nor what.
//!
//! Why a stream cannot hang: the end lies in a set-once cell beside the channel, so that no full buffer and
//! no other sender holds it back; the only producer is a guard whose `Drop` ends the stream; notes and
//! progress are merged by the reader, and a handle that writes them keeps nothing open.

mod consumer;
mod event;
mod level;
mod producer;
mod queue;
mod reader;
mod shared;
mod side;
mod sink;
mod turns;

pub use consumer::Consumer;
pub use event::{Channel, End, EndReason, Event, EventKind, Stats, Text, Vector};
pub use level::Level;
pub use producer::{Producer, StreamOptions, stream};
pub use queue::{Dispatched, Queue, QueueNext};
pub use reader::Next;
pub use shared::Control;
pub use side::{MAX_NOTE_BYTES, MAX_NOTES};
pub use sink::{Delivery, OnEvent};
