//! The native decoder: its logits, its passes, its memory, and the model files that it refuses.
#![cfg(feature = "testing")]

#[path = "../support/mod.rs"]
mod support;

mod adapter_files;
mod adapters;
mod allocations;
mod bert;
mod bert_folders;
mod determinism;
mod encoder;
mod folders;
mod fuzz;
mod gemma4;
mod gpt_oss;
mod granite_hybrid;
mod hyperparameters;
mod kv_type;
mod layers;
mod llama_cpp;
mod memory;
mod naive;
mod passes;
mod qwen35;
mod recurrent;
mod reference;
mod types;
mod vectors;
mod warm;

/// Counts for each thread by itself, so that tests stay apart.
#[global_allocator]
static ALLOCATOR: support::counting::Counting = support::counting::Counting;
