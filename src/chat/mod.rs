//! Between a host's text and tokens: what a session's conversation is, what its turns are rendered from, and
//! how ids become text again. Knows no decoder, no sequence and no scheduling.

mod back;
mod channels;
mod conversation;
pub(crate) mod copies;
mod cut;
mod id_by_id;
mod input;
mod output;
mod past;
mod pieces;
mod places;
mod prefix;
mod rendering;
mod roll;
mod room;
mod said;
mod saved;
mod talk;
mod text_job;
mod texts_job;
mod variables;

pub(crate) use conversation::{Conversation, Mark, Mode, system_message};
pub(crate) use id_by_id::Texts;
pub(crate) use input::TextOptions;
pub use input::{Input, ToolChoice, check_beside_system};
pub(crate) use output::{Beside, Output};
pub(crate) use past::Record;
pub(crate) use prefix::Prefix;
pub(crate) use rendering::Prompt;
pub use roll::Overflow;
pub(crate) use roll::{Gone, Rolled};
pub(crate) use room::context_full;
pub(crate) use talk::Turning;
pub(crate) use text_job::{Rule, Work};
pub use text_job::{TextDone, TextJob};
pub use texts_job::{TextsDone, TextsJob};
