//! Structured mutations of small models, and of adapters for one of them, with a fixed seed: each is a
//! decoder that computes the same alone and batched, or an adapter that computes and harms nobody else, or a
//! fitting error; no panic, no hang, no memory beyond the bound.
//!
//! `WICK_FUZZ_CASES` sets their number (4,000 and 2,000 by default). The corpora of the cargo-fuzz targets
//! are replayed too; `WICK_BLESS=1` writes them.
#![cfg(feature = "native")]

use crate::support::fuzz::decoder::BUDGET;
use crate::support::fuzz::harness::Target;
use crate::support::fuzz::{adapter, decoder};
use crate::support::tiny::adapter::TinyAdapter;
use crate::support::tiny::{ARCHITECTURES, Tiny};
use wick::gguf::TensorType;

/// A few KB of a model with all peculiarities of `architecture`.
fn small(architecture: &'static str) -> Tiny {
    let mut tiny = Tiny::new(architecture);
    let kv_heads = if architecture.ends_with("bert") { 4 } else { 2 };
    (tiny.width, tiny.heads, tiny.kv_heads, tiny.head_dim) = (8, 4, kv_heads, 2);
    // The third layer of LFM2 and Granite's hybrids is the first with attention.
    let third = architecture.starts_with("lfm2") || architecture == "granitehybrid";
    let layers = if third { 3 } else { 2 };
    (tiny.feed_forward, tiny.vocab, tiny.layers) = (6, 11, layers);
    if architecture.starts_with("qwen35") {
        // The fourth layer is the first with attention, and of a head two pairs are turned at least.
        (tiny.layers, tiny.head_dim) = (4, 8);
    }
    if tiny.experts.0 > 0 {
        tiny.experts = (3, 2);
    }
    tiny
}

/// The same in blocks of `kind` wherever rows are whole blocks.
fn quantised(kind: TensorType) -> Tiny {
    let mut tiny = small("llama").of(kind);
    (tiny.width, tiny.feed_forward, tiny.head_dim, tiny.layers) = (kind.block_len(), 4, 4, 1);
    tiny
}

fn seeds() -> Vec<(&'static str, Vec<u8>)> {
    let models = ARCHITECTURES.iter().map(|&name| (name, small(name).writer().to_bytes()));
    let types = [TensorType::Q4_0, TensorType::Q8_0, TensorType::Q4_K, TensorType::IQ2_XXS]
        .map(|kind| (kind.name(), quantised(kind).writer().to_bytes()));
    models.chain(types).collect()
}

fn target() -> Target {
    decoder::warm_up();
    // The file twice, its header's tables, norms; keys, values and scratch up to the budget, a quarter more
    // for what is not predicted.
    Target {
        name: "hyperparameters",
        seeds: seeds(),
        judge: decoder::judge,
        bound: |len| 8 * len + (BUDGET / 4 * 5) as usize,
    }
}

/// Adapters of the judge's model.
fn adapter_target() -> Target {
    adapter::warm_up();
    let of = |rank, kind| TinyAdapter::of(&small(adapter::ARCHITECTURE), rank, 1).of_type(kind).writer();
    let few = TinyAdapter::of(&small(adapter::ARCHITECTURE), 1, 2).only("ffn_down_exps.weight").writer();
    let files = [("floats", of(3, TensorType::F32)), ("blocks", of(32, TensorType::Q8_0)), ("few", few)];
    // The file, its header's tables, its values twice; a decoder and a pass of it.
    Target {
        name: "adapter",
        seeds: files.map(|(name, writer)| (name, writer.to_bytes())).into(),
        judge: adapter::judge,
        bound: |len| 8 * len + (4 << 20),
    }
}

#[test]
fn mutants_compute_or_are_refused() {
    target().mutants(4000, |_| None);
}

#[test]
fn the_corpus_is_replayed() {
    target().replay(seeds().len());
}

#[test]
fn mutants_of_adapters_compute_or_are_refused() {
    adapter_target().mutants(2000, |_| None);
}

#[test]
fn the_corpus_of_adapters_is_replayed() {
    let target = adapter_target();
    target.replay(target.seeds.len());
}
