//! Grammars: what an answer has to be, and which tokens may come so that it is. On llguidance; knows neither
//! logits nor sequences (docs/grammars.md).

mod asked;

#[cfg(not(feature = "text"))]
mod absent;
#[cfg(feature = "text")]
mod bound;
#[cfg(feature = "text")]
mod calls;
#[cfg(feature = "text")]
mod compiled;
#[cfg(feature = "text")]
mod gbnf;
#[cfg(feature = "text")]
mod grammars;
#[cfg(feature = "text")]
mod lark;
#[cfg(feature = "text")]
mod ledger;
#[cfg(feature = "text")]
mod lexicon;
#[cfg(feature = "text")]
mod limits;
#[cfg(feature = "text")]
mod schema;

#[cfg(not(feature = "text"))]
pub use absent::{Bound, Grammars};
pub use asked::{Grammar, GrammarKind, GrammarScope};
#[cfg(feature = "text")]
pub use bound::Bound;
#[cfg(feature = "text")]
pub use grammars::Grammars;
