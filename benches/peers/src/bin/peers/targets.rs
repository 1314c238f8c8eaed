//! What is asked of each figure, as a ratio to llama.cpp's; knows no measurement.

/// A figure: its key, what it is, and whether more is better.
pub struct Figure {
    pub key: &'static str,
    pub what: &'static str,
    pub more: bool,
}

const fn figure(key: &'static str, what: &'static str, more: bool) -> Figure {
    Figure { key, what, more }
}

/// All figures, in the order in which they are shown.
pub const FIGURES: [Figure; 12] = [
    figure("load_ms", "load, ms", false),
    figure("ttft_cold_ms", "new process to first token, 128-token prompt, ms", false),
    figure("ttft_warm_ms", "first token of a loaded model, 128-token prompt, ms", false),
    figure("pp32", "prefill of 32, tokens/s", true),
    figure("pp128", "prefill of 128, tokens/s", true),
    figure("pp512", "prefill of 512, tokens/s", true),
    figure("tg", "decode of 64, tokens/s", true),
    figure("tg8", "decode of 8 sequences together, tokens/s in all", true),
    figure("tg16", "decode of 16 sequences together, tokens/s in all", true),
    figure("tg32", "decode of 32 sequences together, tokens/s in all", true),
    figure("peak_cold_mib", "peak memory up to the first token, MiB", false),
    figure("peak_mib", "peak memory, MiB", false),
];

/// What is asked for a model: its file's name contains all parts of `name`.
struct Targets {
    name: &'static str,
    prefill: f64,
    decode: f64,
    cold: f64,
    load: Option<f64>,
    peak: Option<f64>,
    /// Of 8 sequences together, and of 16 and 32.
    together: Option<(f64, f64)>,
}

const MODELS: [Targets; 7] = [
    targets("smollm2-q4_1", [6.0, 1.9, 0.3], (Some(0.35), Some(1.1)), None),
    targets("1.1b-q4_0", [2.0, 1.25, 0.55], (Some(0.25), Some(1.0)), Some((2.5, 3.0))),
    targets("1.1b-q4_k_m", [1.6, 1.25, 0.7], (Some(0.35), Some(1.0)), Some((2.5, 3.0))),
    targets("1.1b-q8_0", [2.8, 1.8, 0.45], (Some(0.25), Some(1.0)), Some((2.5, 3.0))),
    targets("lfm2.5-350m", [2.0, 1.5, 0.5], (None, None), None),
    targets("qwen3.5-0.8b", [2.0, 1.5, 0.5], (None, None), None),
    targets("gemma4-e2b", [2.0, 1.25, 0.5], (None, Some(0.8)), None),
];

const fn targets(
    name: &'static str,
    [prefill, decode, cold]: [f64; 3],
    (load, peak): (Option<f64>, Option<f64>),
    together: Option<(f64, f64)>,
) -> Targets {
    Targets { name, prefill, decode, cold, load, peak, together }
}

/// The ratio to llama.cpp that a figure of the model in this file is to reach.
pub fn target(file: &str, key: &str) -> Option<f64> {
    let file = file.to_lowercase();
    let model = MODELS.iter().find(|model| model.name.split('-').all(|part| file.contains(part)))?;
    match key {
        "pp128" | "pp512" => Some(model.prefill),
        "tg" => Some(model.decode),
        "ttft_cold_ms" => Some(model.cold),
        "load_ms" => model.load,
        "peak_cold_mib" | "peak_mib" => model.peak,
        "tg8" => model.together.map(|(eight, _)| eight),
        "tg16" | "tg32" => model.together.map(|(_, more)| more),
        _ => None,
    }
}
