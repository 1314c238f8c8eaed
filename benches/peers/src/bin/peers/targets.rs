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
pub const FIGURES: [Figure; 10] = [
    figure("load_ms", "load, ms", false),
    figure("ttft_cold_ms", "new process to first token, 128-token prompt, ms", false),
    figure("ttft_warm_ms", "first token of a loaded model, 128-token prompt, ms", false),
    figure("pp32", "prefill of 32, tokens/s", true),
    figure("pp128", "prefill of 128, tokens/s", true),
    figure("pp512", "prefill of 512, tokens/s", true),
    figure("tg", "decode of 64, tokens/s", true),
    figure("tg8", "decode of 8 sequences together, tokens/s in all", true),
    figure("peak_cold_mib", "peak memory up to the first token, MiB", false),
    figure("peak_mib", "peak memory, MiB", false),
];

/// Models that targets are set for, and their ratios: prefill, decode, cold, load, memory, together.
const MODELS: [(&str, [f64; 5], Option<f64>); 4] = [
    ("smollm2-q4_1", [6.0, 1.9, 0.3, 0.35, 1.1], None),
    ("1.1b-q4_0", [2.0, 1.25, 0.55, 0.25, 1.0], Some(2.5)),
    ("1.1b-q4_k_m", [1.6, 1.25, 0.7, 0.35, 1.0], Some(2.5)),
    ("1.1b-q8_0", [2.8, 1.8, 0.45, 0.25, 1.0], Some(2.5)),
];

/// The model of that kind, by its file's name.
pub fn model(file: &str) -> Option<&'static str> {
    let file = file.to_lowercase();
    let has = |name: &str| name.split('-').all(|part| file.contains(part));
    MODELS.iter().map(|(name, ..)| *name).find(|name| has(name))
}

/// The ratio to llama.cpp that a figure of this kind of model is to reach.
pub fn target(model: &str, key: &str) -> Option<f64> {
    let (_, [prefill, decode, cold, load, peak], together) =
        *MODELS.iter().find(|(name, ..)| *name == model)?;
    match key {
        "pp128" | "pp512" => Some(prefill),
        "tg" => Some(decode),
        "ttft_cold_ms" => Some(cold),
        "load_ms" => Some(load),
        "peak_cold_mib" | "peak_mib" => Some(peak),
        "tg8" => together,
        _ => None,
    }
}
