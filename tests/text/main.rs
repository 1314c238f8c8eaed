//! Tokenizers and chat templates, against published vocabularies, published templates and hostile ones.
#![cfg(feature = "testing")]

#[path = "../support/mod.rs"]
mod support;

mod corpus;
mod fair;
mod formats;
mod fuzz;
mod fuzz_calls;
mod fuzz_templates;
mod grammar_walk;
mod grammars;
mod hostile;
mod schemas;
mod shield;
mod templates;
mod tokenizers;
mod vectors;

/// Counts for each thread by itself, so that tests stay apart.
#[global_allocator]
static ALLOCATOR: support::counting::Counting = support::counting::Counting;
