//! How a model speaks: its thinking and its calls, learned from its chat template, and told apart in what it
//! says (docs/tools.md, docs/reasoning.md). Knows no stream and no session.

mod adapt;
mod bare;
mod body;
mod derive;
mod form;
mod learned;
mod literal;
mod marker;
mod parser;
mod place;
mod probe;
mod shape;
mod speech;
mod texts;
mod tools;

#[cfg(test)]
mod tests;

pub use adapt::Adapted;
pub use derive::derive;
pub use form::{Body, Call, Calls, Format, Keys, Reasoning, Slot, Tags};
pub use learned::Learned;
#[cfg(feature = "text")]
pub(crate) use marker::{Marker, Unit};
pub use parser::{Listener, Opening, Parser, Part};
pub use speech::Speech;
pub use tools::Tools;
