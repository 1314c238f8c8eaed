//! The candle backend: its logits against the native backend and two other programs, its sequences, and the
//! models that it refuses.
#![cfg(all(feature = "candle", feature = "testing"))]

#[path = "../support/mod.rs"]
mod support;

mod hostile;
mod native;
mod oracle;
mod reference;
mod sequences;
mod sessions;
