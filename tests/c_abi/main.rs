//! The C ABI, as C calls it, and its layout.

#[path = "../support/mod.rs"]
mod support;

mod abi;
mod adapters;
mod arguments;
mod cut;
mod description;
mod drop;
mod embed;
mod estimate;
mod events;
mod grammars;
mod header_items;
mod info;
mod lacking;
mod logprobs;
mod past;
mod persona;
mod prefix;
mod reentrant;
mod refused;
mod saves;
mod speech;
mod template;
mod threads;
mod vocabulary;
