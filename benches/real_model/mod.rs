//! The model that benchmarks measure: in WICK_MODELS, else in `models/`, where `scripts/fetch-models.sh` puts
//! it.

use std::path::PathBuf;
use wick::{ModelOptions, PrefixCache};

/// The default model's path; without it, `None` and a line that says what is left out.
pub fn path(what: &str) -> Option<String> {
    let folder = std::env::var_os("WICK_MODELS").map_or_else(|| PathBuf::from("models"), PathBuf::from);
    let path = folder.join("SmolLM2-135M-Instruct.Q4_1.gguf");
    if !path.is_file() {
        println!("left out: {what} (there is no {}; scripts/fetch-models.sh fetches it)", path.display());
        return None;
    }
    Some(path.to_string_lossy().into_owned())
}

/// To load it so that every prompt is computed, also one that was computed before.
pub fn options(path: &str) -> ModelOptions {
    ModelOptions { prefix_cache: PrefixCache::Off, ..ModelOptions::path(path) }
}
