//! The C ABI, as C calls it, and its layout.

#[path = "../support/mod.rs"]
mod support;

mod abi;
mod arguments;
mod drop;
mod events;
mod lacking;
mod logprobs;
mod past;
mod persona;
mod reentrant;
mod template;
mod threads;
mod vocabulary;
