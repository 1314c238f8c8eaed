//! The candle backend: its logits against two other programs, its sequences, and the model files that it refuses.
#![cfg(feature = "candle")]

#[path = "../support/mod.rs"]
mod support;

mod hostile;
mod oracle;
mod reference;
mod sequences;
