//! The candle backend: its logits against two other programs, its sequences, and the model files that it
//! refuses.
#![cfg(all(feature = "candle", feature = "testing"))]

#[path = "../support/mod.rs"]
mod support;

mod hostile;
mod oracle;
mod reference;
mod sequences;
