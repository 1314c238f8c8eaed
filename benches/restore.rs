//! What a save spares: a session of 4,000 tokens out of a file with its keys and values, to its next token,
//! beside a prefill of the same tokens. By turns in one run, as ratios.
//!
//! cargo bench --no-default-features --features native,testing,text --bench restore -- [MODEL.gguf] [--threads N]
//! Without a model: random weights in the shape of SmolLM2-135M.
#![allow(clippy::print_stdout, reason = "a program prints")]

#[path = "../tests/support/tiny/mod.rs"]
mod tiny;

use std::path::Path;
use std::time::Instant;
use tiny::Tiny;
use wick::Source;
use wick::gguf::TensorType;
use wick::runtime::{
    EndReason, EventKind, Input, Model, ModelOptions, ModelSource, PrefixCache, Reading, Request, Runtime,
    RuntimeOptions, SavePlace, Session, Stream,
};

const TOKENS: u32 = 4000;
const ROUNDS: usize = 3;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let after = |flag: &str| arguments.iter().position(|argument| argument == flag).map(|at| at + 1);
    let threads = after("--threads").and_then(|at| arguments.get(at)?.parse().ok()).unwrap_or(2);
    let file = arguments.iter().find(|argument| argument.ends_with(".gguf"));
    let runtime = Runtime::new(RuntimeOptions { threads, ..RuntimeOptions::default() }).expect("a runtime");
    let source = file.map_or_else(|| Source::Memory(Box::new(smol())), Source::path);
    let options = ModelOptions {
        // What was computed once is not to be found.
        prefix_cache: PrefixCache::Off,
        ..ModelOptions::from_source(ModelSource::Gguf(source))
    };
    let (model, loading) = runtime.load(options, Reading::default()).expect("a load");
    ready(loading);
    let folder = std::env::temp_dir().join(format!("wick-restore-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    println!("{}, {threads} threads", file.map_or("SmolLM2-135M's shape, Q4_1", String::as_str));
    compare(&model, &folder.join("session.wick"));
    std::fs::remove_dir_all(&folder).expect("the folder goes");
}

/// The model's file.
fn smol() -> Vec<u8> {
    let tiny = Tiny {
        width: 576,
        layers: 30,
        heads: 9,
        kv_heads: 3,
        head_dim: 64,
        feed_forward: 1536,
        vocab: 49_152,
        context: 8192,
        ..Tiny::new("llama")
    };
    tiny.of(TensorType::Q4_1).speaking().writer().to_bytes()
}

fn compare(model: &Model, path: &Path) {
    let (session, first) = prefilled(model);
    let size = {
        let begun = Instant::now();
        ready(session.save(SavePlace::File(path.to_owned()), true, Reading::default()).expect("a save"));
        let took = begun.elapsed().as_secs_f64();
        let size = std::fs::metadata(path).expect("the save").len();
        println!(
            "save: {:.1} MiB in {:.0} ms (prefill once before: {:.0} ms)",
            size as f64 / f64::from(1 << 20),
            took * 1e3,
            first * 1e3
        );
        size
    };
    let (mut prefills, mut restores, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let prefill = prefilled(model).1;
        let restore = restored(model, path);
        prefills.push(prefill);
        restores.push(restore);
        ratios.push(restore / prefill);
    }
    let restore = median(restores);
    println!(
        "to the next token behind {TOKENS}: prefill {:.0} ms; restore {:.1} ms ({:.2} GiB/s); ratio {:.4}",
        median(prefills) * 1e3,
        restore * 1e3,
        size as f64 / restore / f64::from(1 << 30),
        median(ratios)
    );
}

/// A session whose past is computed, and the seconds to its next token.
fn prefilled(model: &Model) -> (Session, f64) {
    let session = model.session(None).expect("a session");
    let ids = (0..TOKENS).map(|at| (at * 7919 + 13) % 40_000 + 100).collect();
    let begun = Instant::now();
    next(&session, Input::Tokens(ids), 0);
    (session, begun.elapsed().as_secs_f64())
}

/// The seconds to the next token of a session that is restored.
fn restored(model: &Model, path: &Path) -> f64 {
    let begun = Instant::now();
    let (session, _restore) = model.restore(Source::path(path), Reading::default()).expect("a restore");
    next(&session, Input::Continue, TOKENS);
    begun.elapsed().as_secs_f64()
}

/// Waits for one token more; `cached` were not computed.
fn next(session: &Session, input: Input, cached: u32) {
    let request = Request { input, max_tokens: 1, ignore_eos: true, ..Request::default() };
    let mut stream = session.generate(request, Reading::default()).expect("a stream");
    while let Some(event) = stream.next_blocking() {
        if let EventKind::End(end) = event.kind {
            assert_eq!(end.reason, EndReason::Length, "{end:?}");
            assert_eq!(end.stats.cached_tokens, cached);
        }
    }
}

fn ready(mut stream: Stream) {
    while let Some(event) = stream.next_blocking() {
        if let EventKind::End(end) = event.kind {
            assert_eq!(end.reason, EndReason::Ready, "{end:?}");
        }
    }
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_unstable_by(f64::total_cmp);
    figures[figures.len() / 2]
}
