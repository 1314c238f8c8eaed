//! What the programs of this crate share: wick and llama.cpp as each is measured, and their command lines.

pub mod args;
pub mod engine;
pub mod llama;
pub mod llama_engine;
pub mod wick_engine;

/// wick's decoder as its own tests drive it.
#[path = "../../../tests/support/driver/mod.rs"]
pub mod driver;

/// The small models of wick's own tests.
#[path = "../../../tests/support/tiny/mod.rs"]
pub mod tiny;

/// What a program of this crate ends with when it fails: a message for a person.
pub type Failure = Box<dyn std::error::Error>;

/// A result whose error is for a person.
pub type Result<T> = std::result::Result<T, Failure>;
